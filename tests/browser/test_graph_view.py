"""The graph in a real notebook: opened, walked, searched, saved, in both themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import NotebookPage

SETUP = """
%load_ext nbdl
import nbdl
from nbdl import nn
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm_in = nn.Linear(width, width)
        self.act = nn.ReLU()
        self.out = nn.Linear(width, width)
    def forward(self, x):
        return x + self.out(self.act(self.norm_in(x)))
"""

MODEL = """
%%model net --input 16
Sequential(
    Linear(16, 32), ReLU(),
    Sequential(Block(32), Block(32)),
    *[Block(32) for _ in range(6)],
    Linear(32, 4),
)
""".strip()

BROKEN = """
%%model broken --input 16
Sequential(Linear(16, 32), ReLU(), Linear(31, 4))
""".strip()


def graph(notebook: NotebookPage, cell: int) -> Locator:
    """The graph in a cell's output, once it is drawn."""
    view = notebook.output(cell).locator('.nbdl[data-view="graph"]')
    expect(view.locator(".stage > canvas")).to_be_visible(timeout=60_000)
    expect(view.locator("[role=treeitem]").first).to_be_attached(timeout=60_000)
    return view


def active(view: Locator) -> Locator:
    """The node that a screen reader would read now."""
    name = view.locator(".stage").get_attribute("aria-activedescendant")
    return view.locator(f"#{name}")


def inked(view: Locator) -> int:
    """How many pixels of the picture differ from its background."""
    count: int = view.locator(".stage > canvas").evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let i = 4; i < data.length; i += 4) {
            if (data[i] !== data[0] || data[i + 1] !== data[1] || data[i + 2] !== data[2]) count++;
          }
          return count;
        }"""
    )
    return count


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_a_model_is_opened_walked_and_searched(
    open_notebook: OpenNotebook, host: str, tmp_path: Path
) -> None:
    notebook = open_notebook([SETUP, MODEL, "%inspect net"], host=host)
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    assert inked(view) > 2000, "the picture is empty"
    expect(view.locator(".details")).to_contain_text("parameters")

    stage = view.locator(".stage")
    stage.focus()
    stage.press("ArrowDown")
    expect(active(view)).to_contain_text("input")
    for _ in range(3):
        stage.press("ArrowDown")
    expect(active(view)).to_have_attribute("role", "treeitem")
    opened = active(view).get_attribute("aria-expanded")
    before = inked(view)
    stage.press("ArrowRight" if opened == "false" else "ArrowLeft")
    expect(active(view)).to_have_attribute(
        "aria-expanded", "true" if opened == "false" else "false"
    )
    notebook.page.wait_for_timeout(500)
    assert inked(view) != before, "opening a group changes the picture"

    stage.press("/")
    field = view.locator(".finder input")
    expect(field).to_be_focused()
    field.fill("norm_in")
    expect(view.get_by_role("option").first).to_contain_text("norm_in")
    field.press("Enter")
    expect(view.locator(".details")).to_contain_text("in_features")
    expect(active(view)).to_contain_text("norm_in")
    field.press("Escape")

    with notebook.page.expect_download() as saved:
        view.get_by_label("Save the picture").click()
        view.get_by_role("menuitem", name="SVG").click()
    path = tmp_path / "graph.svg"
    saved.value.save_as(path)
    assert path.read_text("utf-8").startswith("<svg")
    assert "norm_in" in path.read_text("utf-8")
    assert notebook.problems() == []


def test_the_theme_of_the_host_is_followed_and_the_wheel_is_left_to_the_page(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL])
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    corner = """canvas => [...canvas.getContext("2d").getImageData(2, 2, 1, 1).data]"""
    canvas = view.locator(".stage > canvas")
    light = canvas.evaluate(corner)
    notebook.set_theme("JupyterLab Dark")
    notebook.page.wait_for_timeout(500)
    dark = canvas.evaluate(corner)
    assert sum(light[:3]) > 600
    assert sum(dark[:3]) < 200
    notebook.set_theme("JupyterLab Light")

    before = inked(view)
    canvas.hover()
    notebook.page.mouse.wheel(0, -1)
    expect(view.locator(".hint")).to_have_class("hint on")
    canvas.click(position={"x": 5, "y": 5})
    notebook.page.mouse.wheel(0, -300)
    notebook.page.wait_for_timeout(400)
    assert inked(view) != before, "after a click the wheel zooms"
    assert notebook.problems() == []


def test_a_cell_that_does_not_fit_says_where(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, BROKEN])
    notebook.run(0)
    notebook.run(1)
    said = notebook.text(1)
    assert "Linear(31, 4)" in said
    assert "^^^^^^^^^^^^^" in said
    assert "in_features=31" in said
