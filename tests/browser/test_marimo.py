"""marimo: it has no magics, so views come from functions and from what a cell ends with."""

from __future__ import annotations

from textwrap import dedent

from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenMarimo
from tests.browser.marimo_page import LIMIT, MarimoPage
from tests.browser.views import button, inked, wait_for_change, wait_for_status

SETUP = """
import nbdl
from nbdl import data, nn
train, val = data.digits().split(0.8)
"""

MODEL = """
net = nbdl.model(
    "net", nn.Sequential(nn.Flatten(), nn.Linear(None, 32), nn.ReLU(), nn.Linear(None, 10)),
    input=(1, 8, 8),
)
"""


def check(notebook: MarimoPage) -> None:
    """Nothing went wrong, and the page asked nobody but this machine for anything."""
    assert notebook.problems() == []
    assert notebook.asked_elsewhere() == []


def test_models_tensors_runs_and_data_show_themselves_and_react(open_marimo: OpenMarimo) -> None:
    notebook = open_marimo([
        SETUP,
        MODEL,
        "run = nbdl.train(net, train, val=val, epochs=20)",
        "nbdl.inspect(run, gradients=True)",
        "nbdl.inspect(val[:32][0])",
        "net",
        "val[:4][0]",
        "nbdl.inspect(train, val)",
        "nbdl.inspect(net, run)",
        "nbdl.inspect(net[1].weight)\nnbdl.inspect(net, on=val[:32][0], target=val[:32][1])",
    ])  # fmt: skip
    for cell, name in ((1, "graph"), (5, "graph")):
        graph = notebook.view(cell, name)
        canvas = graph.locator(".stage > canvas")
        expect(graph.get_by_role("treeitem").first).to_be_attached(timeout=LIMIT)
        before = inked(canvas)
        button(graph, "Zoom in").click()
        wait_for_change(canvas, before)

    board = notebook.view(2, "dashboard")
    wait_for_status(board, "Finished")
    expect(board.locator(".run-facts")).to_contain_text("20 / 20")
    board.get_by_role("tab", name="Messages").click()
    expect(board.get_by_role("tabpanel")).to_contain_text("epochs done", timeout=LIMIT)

    flow = notebook.view(3, "gradients")
    flow.get_by_role("combobox").first.select_option(label="weight norm")
    heat = flow.get_by_role("application", name="Heat map of the weight norm")
    expect(heat).to_be_visible(timeout=LIMIT)

    tensor = notebook.view(4, "tensor")
    expect(tensor).to_contain_text("32×1×8×8", timeout=LIMIT)
    button(tensor, "Values").click()  # the kernel makes another picture of it
    expect(button(tensor, "Values")).to_have_attribute("aria-pressed", "true", timeout=LIMIT)

    expect(notebook.output(6)).to_contain_text("tensor([[[[0.0000")
    expect(notebook.output(6).locator('img[src^="data:image/svg"]')).to_be_visible()
    expect(notebook.view(7, "data")).to_contain_text("10 classes", timeout=LIMIT)
    notebook.view(8, "graph")
    wait_for_status(notebook.view(8, "dashboard"), "Finished")
    notebook.view(9, "activations")
    notebook.page.set_viewport_size({"width": 1280, "height": 5600})
    PICTURES.mkdir(parents=True, exist_ok=True)
    notebook.page.screenshot(path=PICTURES / "marimo.png")
    check(notebook)


def test_a_training_that_a_cell_waits_for_is_watched_and_stopped(open_marimo: OpenMarimo) -> None:
    note = """
    from pathlib import Path
    def write(event): Path(__file__).with_name("ended").write_text(event.run.status)
    nbdl.events.subscribe(nbdl.events.RunFinished, write)
    """
    notebook = open_marimo([
        SETUP + dedent(note), MODEL, "run = nbdl.train(net, train, val=val, epochs=50000)",
        "print('trained', run)",
    ])  # fmt: skip
    board = notebook.view(2, "dashboard")
    wait_for_status(board, "Training")
    facts = board.locator(".run-facts")
    before = facts.inner_text()
    expect(facts).not_to_have_text(before, timeout=LIMIT)
    expect(board).to_contain_text("use the notebook's Stop button", timeout=LIMIT)
    notebook.stop()
    expect(notebook.output(2)).to_contain_text("Interrupted", timeout=LIMIT)  # says marimo itself
    notebook.wait_done(3)
    expect(notebook.cell(3)).not_to_contain_text("trained <")
    assert notebook.path.with_name("ended").read_text() == "interrupted"
    check(notebook)


def test_a_training_beside_the_cells_is_live_and_its_buttons_act(open_marimo: OpenMarimo) -> None:
    notebook = open_marimo([
        SETUP, MODEL,
        "run = nbdl.train(net, train, val=val, epochs=50000, wait=False)\nrun",
        "print('not held up')",
    ])  # fmt: skip
    board = notebook.view(2, "dashboard")
    wait_for_status(board, "Training")
    expect(notebook.cell(3)).to_contain_text("not held up")
    button(board, "Pause").click()
    wait_for_status(board, "Paused")
    button(board, "Resume").click()
    wait_for_status(board, "Training")
    notebook.page.reload()
    board = notebook.view(2, "dashboard")
    wait_for_status(board, "Training")
    expect(board.locator(".chart canvas").first).to_be_visible()
    button(board, "Stop").click()
    wait_for_status(board, "Stopped")
    check(notebook)


def test_a_loop_of_ones_own_is_watched(open_marimo: OpenMarimo) -> None:
    loop = """
    from nbdl import optim
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    for x, y in (tracked := nbdl.track(data.DataLoader(train, 64), model=net, epochs=2)):
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        tracked.log(loss=loss)
    """
    notebook = open_marimo([SETUP, MODEL, dedent(loop)])
    wait_for_status(notebook.view(2, "dashboard"), "Finished")
    check(notebook)
