"""The graph in a real notebook: opened, walked, searched, saved, in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.views import active, graph, inked, wait_for_change

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


def height_of(svg: str, word: str) -> float:
    """How far down a picture the word stands for the first time."""
    place = re.search(rf'<text[^>]* y="([0-9.]+)"[^>]*>[^<]*{word}', svg)
    assert place is not None, f"{word} is not in the picture"
    return float(place[1])


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_a_model_is_opened_walked_and_searched(
    open_notebook: OpenNotebook, host: str, tmp_path: Path
) -> None:
    notebook = open_notebook([SETUP, MODEL, "%inspect net"], host=host)
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    canvas = view.locator(".stage > canvas")
    assert inked(canvas) > 2000, "the picture is empty"
    expect(view.locator(".details")).to_contain_text("parameters")

    stage = view.locator(".stage")
    stage.focus()
    stage.press("ArrowDown")
    expect(active(view)).to_contain_text("input")
    for _ in range(3):
        stage.press("ArrowDown")
    expect(active(view)).to_have_attribute("role", "treeitem")
    opened = active(view).get_attribute("aria-expanded")
    before = inked(canvas)
    stage.press("ArrowRight" if opened == "false" else "ArrowLeft")
    expect(active(view)).to_have_attribute(
        "aria-expanded", "true" if opened == "false" else "false"
    )
    wait_for_change(canvas, before)

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
    picture = path.read_text("utf-8")
    assert picture.startswith("<svg")
    assert "norm_in" in picture
    tops = [height_of(picture, name) for name in ("input", "Linear", "output")]
    assert tops == sorted(tops), "forward order is from top to bottom"
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

    before = inked(canvas)
    canvas.hover()
    notebook.page.mouse.wheel(0, -1)
    expect(view.locator(".hint")).to_have_class("hint on")
    canvas.click(position={"x": 5, "y": 5})
    notebook.page.mouse.wheel(0, -300)  # after a click the wheel zooms
    wait_for_change(canvas, before)

    before = inked(canvas)
    canvas.drag_to(canvas, source_position={"x": 9, "y": 9}, target_position={"x": 9, "y": 149})
    wait_for_change(canvas, before)
    assert notebook.problems() == []


def test_a_model_that_does_not_fit_is_shown_up_to_the_layer_that_failed(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, BROKEN])
    notebook.run(0)
    notebook.run(1)
    said = notebook.text(1)
    assert "Linear(31, 4)" in said
    assert "^^^^^^^^^^^^^" in said
    assert "in_features=31" in said
    view = graph(notebook, 1)
    expect(view.locator(".graph > [role=alert]")).to_contain_text("in_features=31")
    expect(active(view)).to_contain_text("failed here")
    expect(view.get_by_role("treeitem")).to_have_count(4)
    assert notebook.evaluate("'broken' in globals()") == "False"
