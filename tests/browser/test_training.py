"""Training in a real notebook: controls, Run All, the Stop button, and what can be seen."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import NotebookPage

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "demo_notebooks" / "02_digits.ipynb"
PICTURES = ROOT / "docs" / "images"

SETUP = """
%load_ext nbdl
from nbdl import data
train, val = data.digits().split(0.8)
"""

MODEL = """
%%model lenet --input 1,8,8
Sequential(
    Sequential(Conv2d(1, 8, 3, padding=1), ReLU(), MaxPool2d(2)),
    Flatten(), Linear(None, 32), ReLU(), Linear(None, 10),
)
""".strip()

TRAIN = "%train lenet train --val val --epochs 5000"


def dashboard(notebook: NotebookPage, cell: int) -> Locator:
    """The dashboard in a cell's output, once it is drawn."""
    view = notebook.output(cell).locator('.nbdl[data-view="dashboard"]')
    expect(view.locator(".status")).to_be_visible(timeout=60_000)
    return view


def button(view: Locator, name: str) -> Locator:
    return view.get_by_role("button", name=name)


def wait_for_status(view: Locator, word: str) -> None:
    expect(view.locator(".status")).to_contain_text(word, timeout=60_000)


def start_training(notebook: NotebookPage, first_cell: int = 0) -> Locator:
    """Run set-up, model and training cells one by one, as a person does."""
    for cell in range(first_cell, first_cell + 3):
        notebook.run(cell)
    view = dashboard(notebook, first_cell + 2)
    wait_for_status(view, "Training")
    return view


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_the_dashboard_lives_and_its_buttons_act_while_the_kernel_is_free(
    open_notebook: OpenNotebook, host: str
) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN], host=host)
    view = start_training(notebook)
    watched = notebook.watch(view, 3.0)
    assert watched.changes_per_second >= 4, watched

    status = view.locator(".status")
    took = notebook.latency(
        button(view, "Pause"), status, "e => /paus/i.test(e.textContent)", limit=10
    )
    assert took < 200, f"the click was acknowledged after {took:.0f} ms"
    wait_for_status(view, "Paused")
    step = notebook.evaluate("run.step, run.status")
    assert step.endswith("paused")
    assert notebook.evaluate("run.step, run.status") == step, "a paused run stands still"

    button(view, "Step").click()
    before = int(step.split()[0])
    expect_step = f"run.step == {before} + 1"
    deadline = time.monotonic() + 30
    while notebook.evaluate(expect_step) != "True":
        assert time.monotonic() < deadline, "one step was to be made"

    took = notebook.latency(
        button(view, "Resume"), status, "e => !/^paused$/i.test(e.textContent.trim())", limit=10
    )
    assert took < 200
    wait_for_status(view, "Training")
    took = notebook.latency(
        button(view, "Stop"), status, "e => /stop/i.test(e.textContent)", limit=10
    )
    assert took < 200
    wait_for_status(view, "Stopped")
    assert notebook.evaluate("run.status, run.step > 0") == "stopped True"
    assert notebook.problems() == []


def test_a_cell_typed_while_training_runs_at_once(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN])
    start_training(notebook)
    time.sleep(2)
    assert notebook.evaluate("run.status", limit=20) == "running"
    notebook.evaluate("run.stop()")


def test_run_all_runs_later_cells_on_the_trained_model(open_notebook: OpenNotebook) -> None:
    accuracy = "__import__('nbdl').evaluate(lenet, val)['accuracy']"
    later = f"print(run.status, run.epoch, round({accuracy}))"
    notebook = open_notebook([SETUP, MODEL, "%train lenet train --epochs 8", later])
    notebook.run_all()
    notebook.wait_done(3)
    assert "finished 8 1" in notebook.text(3)


def test_the_stop_button_ends_a_run_that_a_later_cell_waits_for(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN, "print('must not run')"])
    notebook.run_all()
    view = dashboard(notebook, 2)
    wait_for_status(view, "Training")
    expect(view).to_contain_text("a cell is waiting", timeout=60_000)
    time.sleep(1)
    notebook.stop()
    wait_for_status(view, "Interrupted")
    notebook.wait_idle()
    text = notebook.text(3)
    assert "interrupted after step" in text
    assert "must not run\n" not in text
    state = notebook.evaluate(
        "run.status, run.step > 0, len(run.history.series('loss')[0]) == run.step"
    )
    assert state == "interrupted True True"


def test_the_stop_button_ends_a_run_while_no_cell_runs(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN])
    view = start_training(notebook)
    time.sleep(1)
    notebook.stop()
    wait_for_status(view, "Interrupted")
    assert notebook.evaluate("run.status") == "interrupted"


def test_the_whole_history_is_there_after_the_page_is_reloaded(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN, "run"])
    start_training(notebook)
    notebook.save()
    notebook.page.reload(wait_until="domcontentloaded")
    notebook.page.wait_for_selector(".jp-Notebook .jp-Cell")
    notebook.wait_idle()
    notebook.run(3)
    again = dashboard(notebook, 3)
    wait_for_status(again, "Training")
    notebook.evaluate("run.stop()")
    wait_for_status(again, "Stopped")


def test_the_saved_notebook_holds_the_picture_of_the_training(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, "%train lenet train --epochs 3 --wait"])
    notebook.run_all()
    notebook.wait_done(2)
    kinds = [set(output.get("data", {})) for output in notebook.outputs(2)]
    assert any("application/vnd.jupyter.widget-view+json" in kind for kind in kinds)
    assert any({"image/svg+xml", "text/plain"} <= kind for kind in kinds)


def test_hostile_names_are_shown_as_text(open_notebook: OpenNotebook) -> None:
    hostile = """
import nbdl
from nbdl import nn
net = nn.Sequential()
net.add_module("<img src=x onerror=window.__pwned=1>", nn.Linear(4, 2))
nbdl.model("net", net, input=(4,))
""".strip()
    notebook = open_notebook(["%load_ext nbdl", hostile, "%inspect net"])
    notebook.run_all()
    notebook.wait_done(2)
    view = notebook.output(2).locator('.nbdl[data-view="graph"]')
    expect(view).to_be_visible(timeout=60_000)
    assert notebook.page.evaluate("window.__pwned") is None
    assert notebook.page.locator('img[src="x"]').count() == 0


def test_the_digits_notebook_up_to_training(open_notebook: OpenNotebook) -> None:
    """Pause, resume and stop the demo's training, open a group of its graph; pictures kept."""
    cells = nbformat.read(DIGITS, as_version=4).cells
    training = next(i for i, c in enumerate(cells) if c.source.startswith("%train"))
    defining = next(i for i, c in enumerate(cells) if c.source.startswith("%%model"))
    notebook = open_notebook(DIGITS)
    for cell in range(training):
        if cells[cell].cell_type == "code":
            notebook.run(cell)
    graph = notebook.output(defining).locator('.nbdl[data-view="graph"]')
    expect(graph.locator("canvas").first).to_be_visible(timeout=60_000)
    notebook.screenshot(PICTURES / "graph.png", notebook.output(defining))

    notebook.run(training)
    view = dashboard(notebook, training)
    wait_for_status(view, "Training")
    time.sleep(2)
    button(view, "Pause").click()
    wait_for_status(view, "Paused")
    notebook.screenshot(PICTURES / "digits.png", notebook.output(training))
    button(view, "Resume").click()
    wait_for_status(view, "Training")
    button(view, "Stop").click()
    wait_for_status(view, "Stopped")

