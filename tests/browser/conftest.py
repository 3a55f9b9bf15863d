"""Fixtures: one Jupyter server and one Chromium for all browser tests, a fresh tab for each."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, ViewportSize, sync_playwright

from scripts import chromium
from tests.browser.marimo_page import MarimoPage, write_marimo
from tests.browser.notebook import NotebookPage, without_kernel, write_notebook
from tests.browser.server import JupyterServer, MarimoServer

# No sandbox inside containers; no GPU; and no look-ups of the browser's maker's hosts.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
]  # fmt: skip
SIZE: ViewportSize = {"width": 1280, "height": 900}

# Where tests leave pictures of what they saw. Those of the documentation are renewed with
# NBDL_PICTURES=docs/images, so that a test run does not change files of the repository.
PICTURES = Path(os.environ.get("NBDL_PICTURES", "build/browser/pictures"))

OpenNotebook = Callable[..., NotebookPage]
OpenMarimo = Callable[[Sequence[str]], MarimoPage]


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter server with default settings and an empty folder."""
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def marimo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarimoServer]:
    """A marimo server with default settings and an empty folder."""
    server = MarimoServer(tmp_path_factory.mktemp("marimo"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without a window."""
    path = chromium.find(Path(sys.executable))
    if path is None:
        pytest.fail("no Chromium was found; `make test` installs one, or set NBDL_CHROMIUM")
    started = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def open_notebook(
    request: pytest.FixtureRequest, jupyter_server: JupyterServer, browser: Browser
) -> Iterator[OpenNotebook]:
    """Call it with a list of cell sources or the path of a notebook; get it open and idle.

    `host` is "lab" (JupyterLab, the default) or "notebook" (Notebook 7). `size` is the window's,
    `sharpness` the number of screen pixels to a pixel of the page; `kernel=False` opens it where no
    kernel is. A failing test leaves a
    screenshot of each tab in build/browser/.
    """
    opened: list[NotebookPage] = []
    numbers = itertools.count()

    def open_one(
        source: Sequence[str] | Path, host: str = "lab", size: ViewportSize = SIZE,
        sharpness: float = 1, kernel: bool = True,
    ) -> NotebookPage:  # fmt: skip
        folder = jupyter_server.folder / f"{_word(request)}-{next(numbers)}"
        folder.mkdir(parents=True)
        if isinstance(source, Path):
            path = Path(shutil.copy(source, folder))
        else:
            path = write_notebook(folder / "test.ipynb", source)
        if not kernel:
            without_kernel(path)
        context = browser.new_context(viewport=size, device_scale_factor=sharpness)
        notebook = NotebookPage(context.new_page(), jupyter_server, host)
        opened.append(notebook)
        notebook.open(path, kernel)
        return notebook

    yield open_one
    failed = getattr(request.node, "failed", False)
    for number, notebook in enumerate(opened):
        if failed:
            keep_evidence(request.node.name, number, notebook)
        close(notebook)


def _word(request: pytest.FixtureRequest) -> str:
    """The test's name as that of a folder."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")


@pytest.fixture
def open_marimo(
    request: pytest.FixtureRequest, marimo_server: MarimoServer, browser: Browser
) -> Iterator[OpenMarimo]:
    """Call it with a list of cell sources; get the marimo notebook open, its cells running."""
    opened: list[MarimoPage] = []

    def open_one(cells: Sequence[str]) -> MarimoPage:
        path = marimo_server.folder / f"{_word(request)}-{len(opened)}" / "test.py"
        context = browser.new_context(viewport=SIZE)
        opened.append(MarimoPage(context.new_page(), marimo_server))
        opened[-1].open(write_marimo(path, cells))
        return opened[-1]

    yield open_one
    for number, notebook in enumerate(opened):
        if getattr(request.node, "failed", False):
            keep_evidence(request.node.name, number, notebook)
        notebook.page.context.close()


def keep_evidence(test: str, number: int, notebook: NotebookPage | MarimoPage) -> None:
    """A picture and the console's errors of a failed test's tab."""
    folder = Path(os.environ.get("NBDL_EVIDENCE", "build/browser"))
    name = re.sub(r"\W+", "-", test).strip("-")
    path = folder / f"{name}-{number}.png"
    notebook.page.screenshot(path=path)
    print(f"\nscreenshot: {path}")
    for problem in notebook.problems():
        print(f"console: {problem}")


def close(notebook: NotebookPage) -> None:
    """End the notebook's kernel and close its tab."""
    shutdown = """async () => {
      const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
      if (panel && panel.sessionContext) await panel.sessionContext.shutdown();
    }"""
    context = notebook.page.context
    try:
        notebook.page.evaluate(shutdown)
    finally:
        context.close()
        notebook.server.forget_theme()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the fixtures whether the test failed."""
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report
