"""A marimo notebook open in a browser, with eyes for what matters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.notebook import NOISE, PATIENCE
from tests.browser.server import MarimoServer

LIMIT = PATIENCE * 1000


class MarimoPage:
    """One notebook in one tab. Cells are numbered from 0.

    Attributes:
        asked: the addresses that the page has asked for.
    """

    def __init__(self, page: Page, server: MarimoServer) -> None:
        self.page = page
        self.server = server
        self.asked: list[str] = []
        self._problems: list[str] = []
        page.set_default_timeout(LIMIT)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self._note)
        page.on("pageerror", lambda error: self._problems.append(f"uncaught: {error}"))

    def open(self, path: Path) -> None:
        """Open a notebook file, whose cells then run one after the other."""
        self.path = path
        self.page.goto(f"{self.server.url}/?file={path}&access_token={self.server.token}")
        self.cell(0).wait_for()

    def cell(self, number: int) -> Locator:
        """A cell with its code and output."""
        return self.page.locator("[data-cell-id]").nth(number)

    def output(self, number: int) -> Locator:
        """What a cell shows."""
        return self.cell(number).locator('[data-cell-role="output"]')

    def view(self, number: int, name: str) -> Locator:
        """The view of that name in a cell's output, scrolled into view once it is there."""
        found = self.output(number).locator(f'.nbdl[data-view="{name}"]')
        found.wait_for()
        found.scroll_into_view_if_needed()
        return found

    def wait_done(self, number: int) -> None:
        """Wait until a cell that was to run neither runs nor waits for its turn."""
        status = self.cell(number).get_by_test_id("cell-status")
        busy = re.compile("queued|running")
        expect(status).not_to_have_attribute("data-status", busy, timeout=LIMIT)

    def stop(self) -> None:
        """Click the button that interrupts the kernel."""
        self.page.get_by_test_id("interrupt-button").click()

    def problems(self) -> list[str]:
        """Errors on the page's console so far, without what marimo says about itself."""
        return [problem for problem in self._problems if not NOISE.search(problem)]

    def asked_elsewhere(self) -> list[str]:
        """Addresses beyond this machine that the page has asked for."""
        own = (self.server.url, self.server.url.replace("http", "ws", 1), "data:", "blob:")
        return [address for address in self.asked if not address.startswith(own)]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self._problems.append(f"{message.text} ({where})")


def write_marimo(path: Path, cells: Sequence[str]) -> Path:
    """A notebook file of these cells; names of one cell are known in those after it."""
    parts = ["import marimo", "app = marimo.App()"]
    parts += [f"@app.cell\ndef _():\n{indent(source.strip(), '    ')}" for source in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join([*parts, 'if __name__ == "__main__":\n    app.run()']) + "\n")
    return path
