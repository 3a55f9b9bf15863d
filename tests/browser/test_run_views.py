"""The views of a run in a real notebook: twins, reloads, pointing, themes."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import NotebookPage
from tests.browser.views import INKED, dashboard, gradients, twin, wait_for_status

SETUP = """
%load_ext nbdl
from nbdl import data
train, val = data.digits().split(0.8)
""".strip()

MODEL = """
%%model net --input 1,8,8 --quiet
Sequential(Flatten(), Linear(None, 32), ReLU(), Linear(None, 10))
""".strip()

TRAIN = "%train net train --val val --epochs 4 --metrics accuracy confusion_matrix"

SHUT_DOWN = "async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"


def trained(open_notebook: OpenNotebook, *more: str) -> NotebookPage:
    """A notebook in which a short training has ended."""
    notebook = open_notebook([SETUP, MODEL, TRAIN, *more])
    for cell in range(3):
        notebook.run(cell)
    wait_for_status(dashboard(notebook, 2), "Finished")
    return notebook


def test_the_twin_is_seen_only_where_no_kernel_answers(open_notebook: OpenNotebook) -> None:
    notebook = trained(open_notebook)
    page = notebook.page
    expect(twin(notebook, 2)).to_be_hidden()

    notebook.wait_idle()
    notebook.save()
    notebook.reload()
    again = dashboard(notebook, 2)
    wait_for_status(again, "Finished")
    expect(twin(notebook, 2)).to_be_hidden()
    curves = again.locator(".chart canvas").first
    expect(curves).to_be_visible()
    page.wait_for_function(f"canvas => ({INKED})(canvas) > 500", arg=curves.element_handle())

    page.evaluate(SHUT_DOWN)
    notebook.reload()
    expect(twin(notebook, 2)).to_be_visible(timeout=60_000)
    expect(again).to_have_count(0)


def test_a_finished_run_is_pointed_at_zoomed_and_looked_through(
    open_notebook: OpenNotebook,
) -> None:
    notebook = trained(open_notebook)
    page, board = notebook.page, dashboard(notebook, 2)
    plots = board.locator(".plot")
    plots.first.scroll_into_view_if_needed()
    place = plots.first.bounding_box()
    assert place is not None
    middle = place["x"] + place["width"] / 2
    page.mouse.move(middle, place["y"] + 60)
    steps = board.locator(".chart-step")
    expect(steps.first).to_contain_text("step ")
    assert steps.nth(0).inner_text() == steps.nth(1).inner_text()

    whole = board.get_by_role("button", name="show all steps")
    for _ in range(3):  # on a busy machine the page may still be moving under the mouse
        place = plots.first.bounding_box()
        assert place is not None
        page.mouse.move(middle, place["y"] + 60)
        page.mouse.down()
        page.mouse.move(middle + 60, place["y"] + 60, steps=4)
        page.mouse.up()
        page.wait_for_timeout(500)
        if whole.is_visible():
            break
    expect(whole).to_be_visible()
    whole.click()
    expect(whole).to_be_hidden()

    board.get_by_role("tab", name="Curves").focus()
    for name in ("Gradient flow", "Confusion", "Predictions"):
        page.keyboard.press("ArrowRight")
        expect(board.get_by_role("tab", name=name)).to_be_focused()
    expect(board.locator(".sample")).to_have_count(24)
    assert int(board.locator(".sample canvas").first.evaluate(INKED)) > 8
    page.keyboard.press("ArrowLeft")
    table = board.locator(".confusion")
    expect(table.locator("caption")).to_contain_text(f"of {notebook.evaluate('len(val)')} right")
    assert table.locator("tbody tr").count() == 10
    assert notebook.problems() == []


def test_the_gradient_flow_says_layer_step_and_norm_in_both_themes(
    open_notebook: OpenNotebook,
) -> None:
    notebook = trained(open_notebook, "%inspect run --gradients")
    notebook.run(3)
    page, flow = notebook.page, gradients(notebook, 3)
    area = flow.locator(".heat-area")
    expect(flow.locator(".findings li").first).to_be_visible()
    area.scroll_into_view_if_needed()
    place = area.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] - 40, place["y"] + 10)
    tip = flow.locator(".tooltip")
    expect(tip).to_be_visible()
    for words in ("1.weight", "step", "gradient norm", "update / weight"):
        expect(tip).to_contain_text(words)

    paper = "e => getComputedStyle(e).backgroundColor"
    light = flow.evaluate(paper)
    notebook.set_theme("JupyterLab Dark")
    expect(flow).to_have_attribute("data-theme", "dark")
    assert flow.evaluate(paper) != light


def test_measures_are_chosen_and_a_clicked_cell_stays(open_notebook: OpenNotebook) -> None:
    notebook = trained(open_notebook, "%inspect run --measure zeros")
    notebook.run(3)
    page, flow = notebook.page, gradients(notebook, 3)
    area, tip = flow.locator(".heat-area"), flow.locator(".tooltip")
    expect(flow.locator(".heat-legend")).to_contain_text("fraction of zeros")
    area.scroll_into_view_if_needed()
    place = area.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] - 20, place["y"] + place["height"] / 2)
    for words in ("zeros", "std", "histogram of step"):
        expect(tip).to_contain_text(words)
    page.mouse.move(5, 5)
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    flow.locator("select").select_option("ratio")
    expect(flow.locator(".heat-legend")).to_contain_text("update / weight")
    assert notebook.problems() == []


def test_a_run_is_filmed_on_the_graph_of_its_model(open_notebook: OpenNotebook) -> None:
    notebook = trained(open_notebook, "%inspect run --graph")
    notebook.run(3)
    film = notebook.output(3).locator(".film")
    expect(film).to_contain_text("step")
    slider = film.locator("input")
    slider.focus()
    notebook.page.keyboard.press("Home")
    expect(film.locator("output")).to_have_text("step 1")
    film.locator("button").click()
    expect(film.locator("output")).not_to_have_text("step 1")
    assert notebook.problems() == []


def test_keys_typed_into_a_view_are_not_commands_of_the_notebook(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN.replace("--epochs 4", "--epochs 4000")])
    for cell in range(3):
        notebook.run(cell)
    board = dashboard(notebook, 2)
    field = board.get_by_label("Learning rate")
    expect(field).to_be_enabled(timeout=60_000)
    field.click()
    # In the notebook's command mode, x cuts the cell and b makes one below.
    for key in ("x", "b", "Control+a"):
        notebook.page.keyboard.press(key)
    notebook.page.keyboard.type("2e-4")
    notebook.page.keyboard.press("Enter")
    expect(board.locator(".charts")).to_contain_text("learning rate2e−4", timeout=10_000)
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    assert notebook.page.evaluate(cells) == 3
    assert notebook.evaluate("run.lr") == "0.0002"
    notebook.evaluate("run.stop()")
