"""A notebook open in a browser, driven as a person would, with eyes for what matters.

Cells are numbered from 0. Buttons and menus are used where a person uses them; the state of cells
is read from the page's own application object, since hosts take cells that are scrolled away out
of the page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page

from tests.browser.pixels import Watched, watch
from tests.browser.server import JupyterServer

# A workspace of its own, else JupyterLab opens again what earlier tests had open.
HOSTS = {"lab": "lab/workspaces/{workspace}/tree", "notebook": "notebooks"}
PATIENCE = 120.0  # seconds; two shared cores may be slow

# Said by the hosts themselves, about themselves.
NOISE = re.compile(
    r"favicon|service-worker|ResizeObserver|/lsp/|/api/(translations|news|contents/.*checkpoints)"
    r"|preloaded using link preload|[Dd]eprecat|doc_manager|jupyter-lsp|WebGL|GPU stall"
    r"|Failed to load resource: the server responded with a status of 404.*api/(me|workspaces)"
    # Notebook 7 loads extensions made for JupyterLab, which miss some of its parts.
    r"|Command '[\w:-]+' not registered|reading 'schema'"
)

PANEL = "window.jupyterapp.shell.currentWidget"

KERNEL_IDLE = f"""() => {{
  const panel = window.jupyterapp && {PANEL};
  const kernel = panel && panel.sessionContext && panel.sessionContext.session
    && panel.sessionContext.session.kernel;
  return Boolean(kernel) && kernel.connectionStatus === "connected" && kernel.status === "idle";
}}"""

CELL_STATE = f"""i => {{
  const cell = {PANEL}.content.widgets[i];
  const prompt = cell.node.querySelector(".jp-InputPrompt");
  const running = Boolean(prompt) && prompt.textContent.includes("*");
  return {{ count: cell.model.executionCount, running, idle: ({KERNEL_IDLE})() }};
}}"""

# The page's application has the notebook open, with all its cells.
OPENED = f"""() => {{
  const panel = window.jupyterapp && {PANEL};
  const model = panel && panel.context && panel.context.isReady && panel.content.model;
  return Boolean(model) && model.cells.length > 0
    && model.cells.length === panel.content.widgets.length;
}}"""

FORGOTTEN = 5.0  # seconds of an idle kernel after which a cell that never ran never will

# From the click to the first painted frame in which `predicate(element)` holds, in milliseconds.
LATENCY = """([button, element, predicate, limit]) => new Promise((resolve, reject) => {
  const holds = eval(predicate);
  const started = performance.now();
  button.click();
  const look = () => {
    const passed = performance.now() - started;
    if (holds(element)) resolve(passed);
    else if (passed > limit) reject(new Error(`nothing within ${limit} ms`));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


class NotebookPage:
    """One notebook in one tab. Made by the `open_notebook` fixture."""

    def __init__(self, page: Page, server: JupyterServer, host: str) -> None:
        self.page = page
        self.server = server
        self.host = host
        self._problems: list[str] = []
        self.dialogs: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._note_console)
        page.on("dialog", self._note_dialog)
        page.on("pageerror", lambda error: self._problems.append(f"uncaught: {error}"))

    # -- opening ---------------------------------------------------------------------------------

    def open(self, path: Path, kernel: bool = True) -> None:
        """Open the notebook file and wait until its kernel is connected and idle.

        Without a kernel, as on a machine that has none for it: the host asks, and gets no.
        """
        self.path = path
        name = path.relative_to(self.server.folder).as_posix()
        place = HOSTS[self.host].format(workspace=path.parent.name)
        address = f"{self.server.url}/{place}/{name}?token={self.server.token}"
        self.page.goto(address, wait_until="domcontentloaded")
        self._wait_opened()
        if kernel:
            self.wait_idle()
        else:
            self.page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
            self.page.locator(".jp-Dialog").wait_for(state="detached")

    def reload(self) -> None:
        """Load the page again and wait until the notebook is there, with a kernel or without."""
        self.page.reload(wait_until="domcontentloaded")
        self._wait_opened()

    def _wait_opened(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(OPENED, timeout=PATIENCE * 1000, polling=100)

    def has_kernel(self) -> bool:
        """Whether the notebook is connected with a kernel, or about to be."""
        return bool(self.page.evaluate(f"() => Boolean({PANEL}.sessionContext.session)"))

    def wait_idle(self, limit: float = PATIENCE) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(KERNEL_IDLE, timeout=limit * 1000, polling=100)

    def set_theme(self, name: str) -> None:
        """Change the host's theme: "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_selector(f'body[data-jp-theme-name="{name}"]', state="attached")
        self.page.wait_for_timeout(500)  # the theme's style sheet has loaded, now it is painted

    def command(self, name: str, **arguments: object) -> None:
        """Start one of the host's commands, as its menu would, without waiting for its end."""
        script = "([name, args]) => { window.jupyterapp.commands.execute(name, args); }"
        self.page.evaluate(script, [name, arguments])

    def toggle(self, name: str, on: bool) -> None:
        """Switch one of the host's settings by its command, and wait until it is so."""
        self.command(name)
        script = "([name, on]) => window.jupyterapp.commands.isToggled(name) === on"
        self.page.wait_for_function(script, arg=[name, on], polling=50)

    # -- running ---------------------------------------------------------------------------------

    def run_all(self) -> None:
        """Run > Run All Cells."""
        self.command("notebook:run-all-cells")

    def start(self, cell: int) -> None:
        """Run one cell without waiting for its end."""
        # A count from before, perhaps saved with the notebook, would look like this run's.
        script = f"""i => {{
          const notebook = {PANEL}.content;
          notebook.activeCellIndex = i;
          notebook.widgets[i].model.executionCount = null;
        }}"""
        self.page.evaluate(script, cell)
        self.command("notebook:run-cell")

    def run(self, cell: int, limit: float = PATIENCE) -> None:
        """Run one cell and wait for its end."""
        self.start(cell)
        self.wait_done(cell, limit)

    def type_and_start(self, source: str) -> int:
        """Append a cell, write `source` into it and run it; its number. Does not wait."""
        insert = f"""source => {{
          const notebook = {PANEL}.content;
          notebook.model.sharedModel.addCell({{ cell_type: "code", source }});
          return notebook.widgets.length - 1;
        }}"""
        cell = int(self.page.evaluate(insert, source))
        self.start(cell)
        return cell

    def evaluate(self, expression: str, limit: float = PATIENCE) -> str:
        """What the kernel prints for `print(expression)`, asked in a new last cell."""
        cell = self.type_and_start(f"print({expression})")
        self.wait_done(cell, limit)
        return self.text(cell).strip()

    def stop(self) -> None:
        """Click the notebook's ■ button."""
        for selector in (
            '[data-command="notebook:interrupt-kernel"] >> visible=true',
            '.jp-Toolbar-item[data-jp-item-name="interrupt"] >> visible=true',
        ):
            button = self.page.locator(selector)
            if button.count():
                button.first.click()
                return
        raise AssertionError("the notebook's toolbar has no interrupt button")

    def wait_done(self, cell: int, limit: float = PATIENCE) -> None:
        """Wait until a cell that was started has ended, well or badly.

        Fails at once, with what the cells before it said, when Run All ended before the cell.
        """
        deadline = time.monotonic() + limit
        idle_since = None
        while True:
            state = self.page.evaluate(CELL_STATE, cell)
            now = time.monotonic()
            if not state["running"] and state["count"] is not None:
                return
            if not state["idle"] or state["running"]:
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since > FORGOTTEN:
                said = "\n".join(self.text(earlier) for earlier in range(cell + 1))
                raise AssertionError(f"cell {cell} did not run; the cells say:\n{said}")
            if now > deadline:
                raise AssertionError(f"cell {cell} has not ended within {limit:g} s")
            self.page.wait_for_timeout(100)

    def is_running(self, cell: int) -> bool:
        """Whether the cell shows [*]."""
        return bool(self.page.evaluate(CELL_STATE, cell)["running"])

    # -- seeing ----------------------------------------------------------------------------------

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """The cell's outputs as the notebook file will have them."""
        script = f"""i => {{
          const {{ outputs }} = {PANEL}.content.widgets[i].model;
          return outputs ? outputs.toJSON() : [];  // a text cell has none
        }}"""
        found: list[dict[str, Any]] = self.page.evaluate(script, cell)
        return found

    def text(self, cell: int) -> str:
        """Everything the cell printed, and the text of its results and errors."""
        parts: list[str] = []
        for output in self.outputs(cell):
            if output["output_type"] == "stream":
                parts.append(joined(output["text"]))
            elif output["output_type"] == "error":
                parts.append(f"{output['ename']}: {output['evalue']}")
            else:
                parts.append(joined(output["data"].get("text/plain", "")))
        return "\n".join(parts)

    def cell(self, cell: int) -> Locator:
        """The cell in the page, scrolled into view."""
        script = f"""async i => {{
          const notebook = {PANEL}.content;
          notebook.activeCellIndex = i;
          await notebook.scrollToItem(i, "smart");
          notebook.widgets[i].node.dataset.testCell = String(i);
        }}"""
        self.page.evaluate(script, cell)
        return self.page.locator(f'[data-test-cell="{cell}"]')

    def output(self, cell: int) -> Locator:
        """The cell's output area in the page, scrolled into view."""
        return self.cell(cell).locator(".jp-OutputArea").first

    def watch(self, part: Locator, seconds: float = 3.0) -> Watched:
        """How often, and how many pixels of, `part` change in the next seconds."""
        return watch(part, seconds)

    def latency(self, button: Locator, seen: Locator, predicate: str, limit: float = 10) -> float:
        """Milliseconds from clicking `button` to the frame where `predicate(seen)` holds.

        `predicate` is a JavaScript function of an element, such as
        `"e => e.textContent.includes('paused')"`. Timed in the page, so the test's own distance
        from the browser does not count.
        """
        arguments = [button.element_handle(), seen.element_handle(), predicate, limit * 1000]
        return float(self.page.evaluate(LATENCY, arguments))

    def screenshot(self, path: Path, part: Locator | None = None) -> Path:
        """Write a PNG of the page, or of a part of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if part is None:
            self.page.screenshot(path=path)
        else:
            part.screenshot(path=path)
        return path

    def save(self) -> None:
        """Save the notebook to its file, and wait until that is done."""
        self.page.evaluate(f"async () => {{ await {PANEL}.context.save(); }}")

    # -- trouble ---------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """Errors on the page's console so far, without what the hosts say about themselves."""
        return [problem for problem in self._problems if not NOISE.search(problem)]

    def _note_dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # of a notebook that is not saved
            dialog.accept()
            return
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location.get("url", "")
            self._problems.append(f"{message.text} ({where})")


def joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def write_notebook(path: Path, cells: Sequence[str]) -> Path:
    """A notebook file of code cells; it names its kernel, else the host would ask for one."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            },
            "language_info": {"name": "python"},
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def without_kernel(path: Path) -> None:
    """Have a notebook file name a kernel that no machine has."""
    notebook = nbformat.read(path, 4)
    notebook.metadata["kernelspec"] = dict.fromkeys(("name", "display_name", "language"), "gone")
    notebook.metadata["language_info"] = {"name": "gone"}
    nbformat.write(notebook, path)
