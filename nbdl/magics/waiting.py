"""Cells that come while a model is training: which of them wait, and how an interrupt ends it.

A ``%train`` cell returns at once so that the dashboard's buttons work. Under 'Run All' the cells
after it must find the trained model: a cell waits at its start if its request was sent before
the reply to the ``%train`` cell, or within half a second after it (some front-ends send the
cells one by one). A cell that a person sends later never waits.
"""

from __future__ import annotations

import ast
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.error import InputRejected
from IPython.core.interactiveshell import InteractiveShell

GRACE_S = 0.5
"""How long after the reply to ``%train`` a request still counts as sent by 'Run All'."""

NOTICE = "a cell is waiting: use the notebook's Stop button"


class Clock:
    """The clients' clocks beside ours: of each the smallest (received - date) seen so far."""

    def __init__(self) -> None:
        self._lags: dict[str, float] = {}

    def sent(self, date: float, received: float, client: str = "") -> float:
        """When the request was sent, on our clock, by what has been seen so far."""
        lag = received - date
        self._lags[client] = lag = min(self._lags.get(client, lag), lag)
        return date + lag


class Waiting:
    """Watches the shell's requests: an ``ast_transformer``, the one hook that can refuse a cell.

    Attributes:
        run: the run that later cells wait for, or None.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.clock = Clock()
        self.run: Any = None
        self._started_by = ""
        self._replied: float | None = None
        self._arrived = 0.0
        self._sent: float | None = None

    # ----- hooks of the shell -------------------------------------------------------------

    def register(self) -> None:
        """Put the hooks in place."""
        self.shell.ast_transformers.append(self)  # type: ignore[arg-type]
        self.shell.events.register("pre_execute", self.pre_execute)
        self.shell.events.register("post_execute", self.post_execute)

    def unregister(self) -> None:
        """Take the hooks away."""
        self.shell.ast_transformers.remove(self)  # type: ignore[arg-type]
        self.shell.events.unregister("pre_execute", self.pre_execute)
        self.shell.events.unregister("post_execute", self.post_execute)

    def pre_execute(self) -> None:
        """Note when this request was sent: on a clock that is never set back."""
        self._arrived = time.monotonic()
        received = time.time()
        date = request_date(self.shell)
        client = str(parent_header(self.shell).get("header", {}).get("session", ""))
        if date is None:
            self._sent = None
        else:
            self._sent = self._arrived - (received - self.clock.sent(date, received, client))

    def post_execute(self) -> None:
        """Note when ``%train``'s reply goes out, and let an interrupt reach an idle kernel."""
        if self.run is not None and request_id(self.shell) == self._started_by:
            self._replied = time.monotonic()
        handle_idle_interrupts(self.shell)

    def visit(self, node: ast.AST) -> ast.AST:
        """Hold this cell until the run has ended, if it was sent by the same 'Run All'."""
        run = self.run
        if run is None:
            return node
        if not self._must_wait():
            if not run.is_alive:
                self.run = None
            return node
        if run.is_alive:
            print(
                f"Waiting for the training of {run.name!r} to end (this cell was sent with it).",
                flush=True,
            )
            try:
                hold(run)
            except KeyboardInterrupt:
                self.run = None
                raise InputRejected(
                    f"this cell was not run; the training of {run.name!r} ends when the step "
                    "under way is done"
                ) from None
        self._refuse_after_failure(run)
        return node

    # ----- what %train tells --------------------------------------------------------------

    def started(self, run: Any) -> None:
        """``run`` was started by the request that is being handled."""
        self.run = run
        self._started_by = request_id(self.shell)
        self._replied = None

    def _must_wait(self) -> bool:
        """Whether this request was sent by the same 'Run All' as ``%train``."""
        if request_id(self.shell) == self._started_by or self._sent is None:
            return False
        if parent_header(self.shell).get("content", {}).get("silent"):
            return False  # an editor's own question, not a cell
        return self._replied is None or self._sent <= self._replied + GRACE_S

    def _refuse_after_failure(self, run: Any) -> None:
        """Refuse the waiting cell when the run failed or was interrupted: 'Run All' stops."""
        self.run = None
        if run.status == "failed":
            raise InputRejected(
                f"this cell was not run, because the training of {run.name!r} failed: "
                f"{type(run.exception).__name__}: {run.exception}"
            )
        if run.status == "interrupted":
            try:
                run.outcome()
            except KeyboardInterrupt as interrupted:
                raise InputRejected(f"this cell was not run, because {interrupted}") from None


def hold(run: Any, meanwhile: Callable[[], None] | None = None, every: float = 0.1) -> None:
    """Wait in the main thread until ``run`` has ended; an interrupt ends it between two steps.

    A second one ends the step as well, if that has changed nothing yet; after a third, this no
    longer waits: it raises KeyboardInterrupt.

    Args:
        run: what is waited for.
        meanwhile: called every so many seconds until then.
        every: those seconds.
    """
    before = run.notice
    run.notice = NOTICE
    try:
        with interrupts_end(run):
            while not run.join(timeout=every):
                if meanwhile is not None:
                    meanwhile()
    finally:
        run.notice = before


@contextmanager
def interrupts_end(run: Any) -> Iterator[None]:
    """Turn SIGINT into ``run.interrupt()`` for the time of the block; the third one raises."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    come = 0

    def interrupt(*_: object) -> None:
        nonlocal come
        come += 1
        run.interrupt()
        if come > 2:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def handle_idle_interrupts(shell: InteractiveShell) -> None:
    """While no cell runs, the notebook's Stop button ends what trains, between two steps.

    ipykernel ignores SIGINT between cells and restores what it found before the cell, which it
    keeps in ``saved_sigint_handler``.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "saved_sigint_handler"):
        return
    kernel.saved_sigint_handler = _interrupt_active_runs


def restore_idle_interrupts(shell: InteractiveShell) -> None:
    """Back to ipykernel's own: SIGINT is ignored between cells."""
    kernel = getattr(shell, "kernel", None)
    if kernel is not None and hasattr(kernel, "saved_sigint_handler"):
        kernel.saved_sigint_handler = signal.SIG_IGN


def _interrupt_active_runs(*_: object) -> None:
    from nbdl.training.active import under_way  # noqa: PLC0415 - loaded when first used

    for each in under_way():
        each.interrupt()


def parent_header(shell: InteractiveShell) -> dict[str, Any]:
    """The header of the request being handled; empty outside a kernel."""
    try:
        parent = shell.get_parent()  # type: ignore[attr-defined]
    except (AttributeError, LookupError):
        return {}
    return parent if isinstance(parent, dict) else {}


def request_id(shell: InteractiveShell) -> str:
    """The id of the request being handled; outside a kernel one for each cell."""
    header = parent_header(shell).get("header", {})
    return str(header.get("msg_id") or f"cell {shell.execution_count}")


def request_date(shell: InteractiveShell) -> float | None:
    """When the client says it sent the request, in Unix seconds; None outside a kernel."""
    date = parent_header(shell).get("header", {}).get("date")
    return date.timestamp() if hasattr(date, "timestamp") else None


def in_batch(shell: InteractiveShell) -> bool:
    """Whether nobody is there to click: no kernel, or a request that allows no input."""
    content = parent_header(shell).get("content")
    return content is None or not content.get("allow_stdin", False)
