"""Notebook 7: every kind of view draws and reacts, and all is there again after a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.notebook import NotebookPage
from tests.browser.views import (
    INKED,
    LIMIT,
    activations,
    button,
    dashboard,
    gradients,
    graph,
    inked,
    tensor,
    wait_for_change,
    wait_for_status,
)

CELLS = [
    "%load_ext nbdl\nfrom nbdl import data\ntrain, val = data.digits().split(0.8)\nx, y = val[:32]",
    "%%model net --input 1,8,8\nSequential(Flatten(), Linear(None, 32), ReLU(), Linear(None, 10))",
    "%train net train --val val --epochs 50000",
    "%inspect run --gradients",
    "%inspect x",
    "%inspect net --on x --target y",
]
PIXELS = "canvas => canvas.toDataURL()"


def opened(open_notebook: OpenNotebook) -> NotebookPage:
    """The notebook with its first three cells run: a model, and a training that goes on."""
    notebook = open_notebook(CELLS, host="notebook")
    for cell in range(3):
        notebook.run(cell)
    wait_for_status(dashboard(notebook, 2), "Training")
    return notebook


def test_each_kind_of_view_draws_and_reacts(open_notebook: OpenNotebook) -> None:
    notebook = opened(open_notebook)
    page = notebook.page
    shown = graph(notebook, 1)
    canvas = shown.locator(".stage > canvas")
    before = inked(canvas)
    button(shown, "Zoom in").click()
    wait_for_change(canvas, before)

    board = dashboard(notebook, 2)
    facts = board.locator(".run-facts")
    seen = facts.inner_text()
    expect(facts).not_to_have_text(seen, timeout=LIMIT)  # it lives
    button(board, "Pause").click()
    wait_for_status(board, "Paused")
    button(board, "Resume").click()
    wait_for_status(board, "Training")

    notebook.run(3)
    flow = gradients(notebook, 3)
    flow.get_by_role("combobox").first.select_option(label="weight norm")
    heat = flow.get_by_role("application", name="Heat map of the weight norm")
    expect(heat).to_be_visible(timeout=LIMIT)

    notebook.run(4)
    viewer = tensor(notebook, 4)
    cells = viewer.locator(".cells canvas")
    image = cells.evaluate(PIXELS)
    button(viewer, "Values").click()
    anew = f"([canvas, before]) => ({PIXELS})(canvas) !== before"
    page.wait_for_function(anew, arg=[cells.element_handle(), image], polling=100)

    notebook.run(5)
    walk = activations(notebook, 5)
    button(walk, "Next step").click()
    expect(walk.get_by_role("status").filter(has_text="step 2 of")).to_be_visible(timeout=LIMIT)
    assert notebook.problems() == []


def test_a_reload_keeps_the_history(open_notebook: OpenNotebook) -> None:
    notebook = opened(open_notebook)
    button(dashboard(notebook, 2), "Pause").click()
    wait_for_status(dashboard(notebook, 2), "Paused")
    step = int(notebook.evaluate("run.step"))
    notebook.save()
    notebook.reload()

    board = dashboard(notebook, 2)
    wait_for_status(board, "Paused")
    expect(board.locator(".run-facts")).to_contain_text(f"{step:,} / ", timeout=LIMIT)
    curves = board.locator(".chart canvas").first
    expect(curves).to_be_visible()
    drawn = f"canvas => ({INKED})(canvas) > 500"
    notebook.page.wait_for_function(drawn, arg=curves.element_handle(), polling=100)
    expect(graph(notebook, 1).get_by_role("treeitem").first).to_be_attached(timeout=LIMIT)

    button(board, "Resume").click()
    wait_for_status(board, "Training")
    button(board, "Stop").click()
    wait_for_status(board, "Stopped")
    notebook.screenshot(PICTURES / "notebook7.png")
    assert notebook.problems() == []
