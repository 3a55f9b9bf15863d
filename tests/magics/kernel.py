"""A real kernel, spoken to as front-ends speak to it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from traitlets.config import Config

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LIMIT = 60
"""Seconds that a cell may take."""

LATER_S = 0.7
"""A person's next cell comes later than those of 'Run All'."""


@dataclass
class Cell:
    """What a cell said.

    Attributes:
        status: 'ok', 'error' or 'aborted'.
        printed: what it wrote, errors of use included.
        shown: the data of each display, the updates of displays included.
        error: lines of the traceback.
        payload: pages that were opened, such as help.
        count: its number in the notebook.
    """

    status: str = ""
    printed: str = ""
    shown: list[dict[str, str]] = field(default_factory=list)
    error: str = ""
    payload: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    @property
    def kinds(self) -> set[str]:
        """The MIME types of all displays."""
        return {kind for data in self.shown for kind in data}

    @property
    def said(self) -> str:
        """All text of the cell: printed, shown as text/plain, and its error."""
        plain = [data.get("text/plain", "") for data in self.shown]
        return "\n".join([self.printed, *plain, self.error])

    @property
    def underlined(self) -> str:
        """The part of a line that is underlined with ^^^ in the next."""
        lines = self.said.splitlines()
        for line, marks in pairwise(lines):
            if marks.strip(" |") and not marks.strip(" |^"):
                return line[marks.index("^") : marks.rindex("^") + 1]
        return ""


class Kernel:
    """A kernel in the folder ``place``; its client's clock is ``skew`` seconds behind ours.

    ``run`` is a person's cell: it waits for the cell's end. ``send`` and ``result`` are its two
    halves, for cells that are queued. ``interactive`` is what tells a person from a batch tool.
    """

    def __init__(self, place: Path, skew: float = 0.0) -> None:
        self.skew = timedelta(seconds=skew)
        config = Config(KernelManager={"transport_encryption": "auto"})
        self.manager = KernelManager(kernel_name="python3", config=config)
        self.manager.start_kernel(cwd=str(place))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)
        self._replies: dict[str, Any] = {}
        self._cells: dict[str, Cell] = {}
        self._idle: set[str] = set()

    def send(self, code: str, *, interactive: bool = True) -> str:
        """Queue a cell."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": interactive, "stop_on_error": True,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content)
        message["header"]["date"] = message["header"]["date"] - self.skew
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def result(self, request: str) -> Cell:
        """Wait for a queued cell's end."""
        deadline = time.monotonic() + LIMIT
        while request not in self._idle:
            self._hear(self.client.get_iopub_msg(timeout=LIMIT))
            assert time.monotonic() < deadline, f"the cell goes on: {self._cells.get(request)}"
        reply = self._reply(request)
        cell = self._cells.setdefault(request, Cell())
        cell.status, cell.payload = reply["status"], reply.get("payload", [])
        cell.count = reply.get("execution_count", 0)
        return cell

    def run(self, code: str, *, interactive: bool = True) -> Cell:
        """Run a cell."""
        return self.result(self.send(code, interactive=interactive))

    def run_later(self, code: str) -> Cell:
        """Run a cell that a person types after a look at the one before."""
        time.sleep(LATER_S)
        return self.run(code)

    def value(self, code: str) -> str:
        """The repr of an expression."""
        cell = self.run(f"print(repr(({code})))")
        assert cell.status == "ok", cell.said
        return cell.printed.strip()

    def value_silently(self, code: str) -> str:
        """The same without a cell, as editors ask for variables."""
        request = self.client.execute("", silent=True, user_expressions={"it": code})
        found = self._reply(request)["user_expressions"]["it"]
        return str(found["data"]["text/plain"])

    def complete(self, code: str, cursor: int | None = None) -> list[str]:
        """What Tab offers at the cursor, which is at the end unless given."""
        request = self.client.complete(code, len(code) if cursor is None else cursor)
        return self._reply(request)["matches"]

    def interrupt(self) -> None:
        """What the notebook's Stop button does."""
        self.manager.interrupt_kernel()

    def until(self, code: str, seconds: float = 20.0) -> None:
        """Ask again and again until an expression is true."""
        deadline = time.monotonic() + seconds
        while self.value(code) != "True":
            assert time.monotonic() < deadline, f"{code} did not become true"
            time.sleep(0.05)

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def _reply(self, request: str) -> Any:
        while request not in self._replies:
            reply = self.client.get_shell_msg(timeout=LIMIT)
            self._replies[reply["parent_header"]["msg_id"]] = reply["content"]
        return self._replies.pop(request)

    def _hear(self, message: dict[str, Any]) -> None:
        request = message["parent_header"].get("msg_id", "")
        cell = self._cells.setdefault(request, Cell())
        content = message["content"]
        match message["msg_type"]:
            case "status" if content["execution_state"] == "idle":
                self._idle.add(request)
            case "stream":
                cell.printed += ANSI.sub("", content["text"])
            case "display_data" | "execute_result" | "update_display_data":
                cell.shown.append(content["data"])
            case "error":
                cell.error = ANSI.sub("", "\n".join(content["traceback"]))

