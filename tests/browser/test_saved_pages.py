"""Views saved as pages, opened from a file: they work without a kernel and ask nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

import nbdl
from nbdl import nn
from tests.browser.conftest import PICTURES
from tests.browser.views import inked, wait_for_change

HOSTILE = "</script><script>alert(1)</script><!-- \u2028"


class Opened:
    """A saved page in a tab, with everything it asks for and complains of."""

    def __init__(self, browser: Browser, path: Path, scheme: str) -> None:
        context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.problems.append("dialog"), dialog.dismiss()))
        self.page.goto(path.as_uri())

    def _note(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.problems.append(said.text)

    def check(self) -> None:
        """It asked nobody for anything, and nothing went wrong."""
        outside = [url for url in self.asked if not url.startswith(("file:", "data:", "blob:"))]
        assert outside == []
        assert self.problems == []


@pytest.fixture
def opened(browser: Browser) -> Iterator:
    tabs: list[Opened] = []

    def open_one(path: Path, scheme: str = "light") -> Opened:
        tabs.append(Opened(browser, path, scheme))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.page.context.close()


def small_net() -> nn.Module:
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 3))
    net.add_module(HOSTILE.replace(".", ""), nn.ReLU())
    return net


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_graph_opens_moves_and_is_small(opened, tmp_path: Path, scheme: str) -> None:
    path = nbdl.inspect(small_net(), input=(4,)).save(tmp_path / "graph.html")
    assert path.stat().st_size < 150_000
    tab = opened(path, scheme)
    view = tab.page.locator('.nbdl[data-view="graph"]')
    stage = view.locator(".stage")
    canvas = view.locator(".stage > canvas")
    expect(view.get_by_role("treeitem").first).to_be_attached()
    expect(view).to_contain_text("ReLU </script>")
    assert view.get_attribute("data-theme") == scheme
    rows = view.get_by_role("treeitem").count()
    stage.focus()
    stage.press("ArrowDown")
    stage.press("ArrowDown")
    expect(view.locator(".details .path")).to_be_visible()
    before = inked(canvas)
    stage.press("+")
    wait_for_change(canvas, before)
    stage.press("f")
    stage.press("Enter")
    expect(view.get_by_role("treeitem")).not_to_have_count(rows)
    PICTURES.mkdir(parents=True, exist_ok=True)
    tab.page.screenshot(path=PICTURES / f"page-graph-{scheme}.png", full_page=True)
    tab.check()


def test_a_saved_run_a_tensor_and_a_walk_show_what_needs_no_kernel(opened, tmp_path: Path) -> None:
    net = small_net()
    x, y = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 1])
    run = nbdl.train(net, (x, y), val=(x, y), epochs=5, progress=False, store=False)
    path = nbdl.inspect(run).save(tmp_path / "run.html")
    tab = opened(path)
    board = tab.page.locator('.nbdl[data-view="dashboard"]')
    expect(board.locator(".status")).to_have_text("Finished")
    assert inked(board.locator(".chart canvas").first) > 100
    expect(board.get_by_role("button", name="Stop")).to_have_count(0)  # hidden is out of the tree
    tab.page.screenshot(path=PICTURES / "page-run.png", full_page=True)
    tab.check()

    tab = opened(nbdl.inspect(run, gradients=True).save(tmp_path / "flow.html"))
    expect(tab.page.locator('.nbdl[data-view="gradients"] .heat-area canvas')).to_be_visible()
    tab.check()

    tab = opened(nbdl.inspect(np.arange(24.0).reshape(2, 3, 4)).save(tmp_path / "tensor.html"))
    tensor = tab.page.locator('.nbdl[data-view="tensor"]')
    expect(tensor).to_contain_text("2×3×4")
    expect(tensor.locator("canvas").first).to_be_visible()
    expect(tensor.locator(".controls")).to_be_hidden()
    tab.page.screenshot(path=PICTURES / "page-tensor.png", full_page=True)
    tab.check()

    tab = opened(nbdl.inspect(net, on=x, target=y).save(tmp_path / "walk.html"))
    walk = tab.page.locator('.nbdl[data-view="activations"]')
    place = walk.get_by_role("status").filter(has_text="step 1 of")
    expect(place).to_be_visible()
    walk.get_by_role("button", name="Next step").click()
    expect(walk.get_by_role("status").filter(has_text="step 2 of")).to_be_visible()
    expect(walk.locator(".looks")).to_be_hidden()
    tab.page.screenshot(path=PICTURES / "page-walk.png", full_page=True)
    tab.check()
