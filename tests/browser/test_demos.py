"""What the README and the first demo show, in a real JupyterLab; their pictures."""

from __future__ import annotations

from pathlib import Path

import nbformat
from playwright.sync_api import Locator, ViewportSize, expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.notebook import NotebookPage
from tests.browser.views import active, button, dashboard, graph, wait_for_status
from tests.test_readme import six_cells

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "demo_notebooks" / "02_digits.ipynb"

TALL: ViewportSize = {"width": 1280, "height": 1300}  # holds every view as a whole

LOSS = """
x, y = val[:32]
loss = nbdl.nn.functional.cross_entropy(lenet(x), y)
%inspect loss
""".strip()


def test_the_six_cells_of_the_readme(open_notebook: OpenNotebook) -> None:
    cells = [cell.strip() for cell in six_cells()]
    notebook = open_notebook(cells)
    for cell in range(len(cells)):
        notebook.run(cell)
        kinds = [output["output_type"] for output in notebook.outputs(cell)]
        assert "error" not in kinds, notebook.text(cell)
    for cell in (2, 4, 5):
        graph(notebook, cell)
    wait_for_status(dashboard(notebook, 3), "Finished")
    assert notebook.problems() == []


def test_the_digits_notebook_up_to_training(open_notebook: OpenNotebook) -> None:
    """Pause, resume and stop the training, open a group of a graph; each is a picture."""
    cells = nbformat.read(DIGITS, as_version=4).cells
    training = next(i for i, c in enumerate(cells) if c.source.startswith("%train"))
    defining = next(i for i, c in enumerate(cells) if c.source.startswith("%%model"))
    notebook = open_notebook(DIGITS, size=TALL, sharpness=2)
    for cell in range(training):
        if cells[cell].cell_type == "code":
            notebook.run(cell)
    graph(notebook, defining)
    keep(notebook, "graph", notebook.output(defining))

    notebook.run(training)
    board = dashboard(notebook, training)
    wait_for_status(board, "Training")
    button(board, "Pause").click()
    wait_for_status(board, "Paused")
    button(board, "Resume").click()
    wait_for_status(board, "Training")
    wait_for_epoch(board, 6)
    button(board, "Pause").click()
    wait_for_status(board, "Paused")
    keep(notebook, "digits", notebook.cell(training))
    for tab, name in (("Gradient flow", "gradients"), ("Predictions", "predictions")):
        board.get_by_role("tab", name=tab).click()
        keep(notebook, name, notebook.output(training))
    notebook.set_theme("JupyterLab Dark")
    board.get_by_role("tab", name="Curves").click()
    keep(notebook, "dark", notebook.output(training))
    notebook.set_theme("JupyterLab Light")
    button(board, "Resume").click()
    wait_for_status(board, "Training")
    button(board, "Stop").click()
    wait_for_status(board, "Stopped")

    inspected = notebook.type_and_start(LOSS)
    notebook.wait_done(inspected)
    open_and_close_a_group(notebook, inspected)
    keep(notebook, "loss", notebook.output(inspected))
    assert notebook.problems() == []


def open_and_close_a_group(notebook: NotebookPage, cell: int) -> None:
    """Close the model's group with a click on its name, and open it with another click."""
    picture = graph(notebook, cell)
    stage = picture.locator(".stage")
    stage.focus()
    stage.press("Home")
    while "lenet" not in active(picture).inner_text():
        stage.press("ArrowDown")
    group = active(picture)
    expect(group).to_have_attribute("aria-expanded", "true")
    inside = picture.get_by_role("treeitem").count()
    stage.press("Enter")
    expect(group).to_have_attribute("aria-expanded", "false")
    assert picture.get_by_role("treeitem").count() < inside
    stage.press("Escape")  # what is selected has no tooltip, the pane beside it tells all
    notebook.page.wait_for_timeout(400)  # the picture has come to rest
    click_a_group(notebook, picture)
    expect(group).to_have_attribute("aria-expanded", "true")
    assert picture.get_by_role("treeitem").count() == inside


def click_a_group(notebook: NotebookPage, picture: Locator) -> None:
    """Click where the pointer says that a closed group is."""
    box = picture.locator(".stage").bounding_box()
    assert box is not None
    for down in range(4, int(box["height"]), 6):
        for across in (0.5, 0.4, 0.6):
            notebook.page.mouse.move(box["x"] + box["width"] * across, box["y"] + down)
            tooltip = picture.locator(".tooltip")
            if tooltip.is_visible() and "lenet" in tooltip.inner_text():
                notebook.page.mouse.down()
                notebook.page.mouse.up()
                return
    raise AssertionError("the pointer found no group")


def wait_for_epoch(board: Locator, epoch: int) -> None:
    """Wait until that epoch is under way."""
    script = "([e, epoch]) => parseInt(e.querySelector('.run-facts dd').textContent) >= epoch"
    board.page.wait_for_function(script, arg=[board.element_handle(), epoch])


def keep(notebook: NotebookPage, name: str, part: Locator) -> None:
    """Keep a picture, and see that something is on it."""
    part.evaluate("part => part.scrollIntoView({ block: 'start' })")
    notebook.page.add_style_tag(content=".jp-cell-toolbar { display: none !important; }")
    notebook.page.wait_for_timeout(500)
    picture = notebook.screenshot(PICTURES / f"{name}.png", part)
    assert picture.stat().st_size > 10_000
