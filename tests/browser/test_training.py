"""Training in a real notebook: controls, Run All, the Stop button, and what can be seen."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.measuring import least, most
from tests.browser.notebook import NotebookPage
from tests.browser.views import button, dashboard, twin, wait_for_status

SETUP = """
%load_ext nbdl
from nbdl import data
train, val = data.digits().split(0.8)
"""

MODEL = """
%%model net --input 1,8,8 --quiet
Sequential(Flatten(), Linear(None, 32), ReLU(), Linear(None, 10))
""".strip()

TRAIN = "%train net train --val val --epochs 50000"

ACKNOWLEDGED_MS = 200
REPAINTS_A_SECOND = 4


def start_training(open_notebook: OpenNotebook, *more: str, host: str = "lab") -> NotebookPage:
    """A notebook in which a long training goes on, its cells run one by one by a person."""
    notebook = open_notebook([SETUP, MODEL, TRAIN, *more], host=host)
    for cell in range(3):
        notebook.run(cell)
    wait_for_status(dashboard(notebook, 2), "Training")
    return notebook


@pytest.mark.parametrize("host", ["lab", "notebook"])
def test_the_dashboard_lives_and_its_buttons_act_while_the_kernel_is_free(
    open_notebook: OpenNotebook, host: str
) -> None:
    notebook = start_training(open_notebook, host=host)
    board = dashboard(notebook, 2)
    expect(twin(notebook, 2)).to_be_hidden()
    status = board.locator(".status")
    for fact in ("epoch", "step", "time left", "samples/s", "learning rate"):
        expect(board.locator(".run-facts")).to_contain_text(fact)
    rate = most(lambda: notebook.watch(board, 3.0).changes_per_second, enough=REPAINTS_A_SECOND)
    assert rate >= REPAINTS_A_SECOND

    def pause_and_resume() -> float:
        paused = notebook.latency(button(board, "Pause"), status, says("paus"))
        wait_for_status(board, "Paused")
        resumed = notebook.latency(button(board, "Resume"), status, says("resum|training"))
        wait_for_status(board, "Training")
        return max(paused, resumed)

    assert least(pause_and_resume, enough=ACKNOWLEDGED_MS) < ACKNOWLEDGED_MS

    button(board, "Pause").click()
    wait_for_status(board, "Paused")
    step = notebook.evaluate("run.step, run.status")
    assert step.endswith("paused")
    assert notebook.evaluate("run.step, run.status") == step, "a paused run stands still"
    button(board, "Step").click()
    expect(board.locator(".run-facts")).to_contain_text(f"{int(step.split()[0]) + 1:,} / ")
    button(board, "Resume").click()
    wait_for_status(board, "Training")

    def stop() -> float:
        if "Stopped" in status.inner_text():
            notebook.run(2)
            wait_for_status(board, "Training")
        took = notebook.latency(button(board, "Stop"), status, says("stop"))
        wait_for_status(board, "Stopped")
        return took

    assert least(stop, enough=ACKNOWLEDGED_MS) < ACKNOWLEDGED_MS
    assert notebook.evaluate("run.status, run.step > 0") == "stopped True"
    assert notebook.problems() == []


def says(words: str) -> str:
    """A predicate for ``latency``: the element's text has one of the words."""
    return f"e => /{words}/i.test(e.textContent)"


def test_a_cell_typed_while_training_runs_at_once_and_stop_ends_the_run_in_an_idle_kernel(
    open_notebook: OpenNotebook,
) -> None:
    notebook = start_training(open_notebook)
    time.sleep(2)
    assert notebook.evaluate("run.status", limit=20) == "running"
    notebook.wait_idle()
    notebook.stop()
    wait_for_status(dashboard(notebook, 2), "Interrupted")
    assert notebook.evaluate("run.status") == "interrupted"


def test_run_all_runs_later_cells_on_the_trained_model(open_notebook: OpenNotebook) -> None:
    later = "print(run.status, run.epoch, round(__import__('nbdl').evaluate(net, val)['accuracy']))"
    notebook = open_notebook([SETUP, MODEL, "%train net train --epochs 8", later])
    notebook.run_all()
    notebook.wait_done(3)
    assert "finished 8 1" in notebook.text(3)
    kinds = [set(output.get("data", {})) for output in notebook.outputs(2)]
    assert any("application/vnd.jupyter.widget-view+json" in kind for kind in kinds)
    assert any({"image/svg+xml", "image/png", "text/plain"} <= kind for kind in kinds)


def test_the_stop_button_ends_a_run_that_a_later_cell_waits_for(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, TRAIN, "print('must not run')"])
    notebook.run_all()
    board = dashboard(notebook, 2)
    wait_for_status(board, "Training")
    expect(board).to_contain_text("a cell is waiting", timeout=60_000)
    time.sleep(1)
    notebook.stop()
    wait_for_status(board, "Interrupted")
    notebook.wait_idle()
    text = notebook.text(3)
    assert "interrupted after step" in text
    assert "must not run\n" not in text
    # All that was trained is there: history, weights, and the run itself, which can be looked at.
    state = notebook.evaluate(
        "run.status, run.step > 0, len(run.history.series('loss')[0]) == run.step, "
        "run.history.last('loss') < run.history.series('loss')[1][0], "
        "bool((net[1].weight.grad is None) or net[1].weight.isfinite().all())"
    )
    assert state == "interrupted True True True True"
    expect(board.locator(".chart canvas").first).to_be_visible()


def test_the_whole_history_is_there_after_the_page_is_reloaded(
    open_notebook: OpenNotebook,
) -> None:
    notebook = start_training(open_notebook, "run")
    notebook.save()
    notebook.reload()
    notebook.wait_idle()
    notebook.run(3)
    again = dashboard(notebook, 3)
    wait_for_status(again, "Training")
    chart = again.locator(".chart").first
    chart.press("Home")
    expect(chart).to_have_attribute("aria-label", re.compile("^loss, step 1: "))
    notebook.evaluate("run.stop()")
    wait_for_status(again, "Stopped")


def test_two_tabs_of_one_notebook_show_and_steer_the_same_run(open_notebook: OpenNotebook) -> None:
    notebook = start_training(open_notebook, "run")
    here = dashboard(notebook, 2)
    notebook.save()
    other = NotebookPage(notebook.page.context.new_page(), notebook.server, "lab")
    other.open(notebook.path)
    other.run(3)
    there = dashboard(other, 3)
    wait_for_status(there, "Training")
    button(there, "Pause").click()
    for board in (there, here):
        wait_for_status(board, "Paused")
    step = other.evaluate("run.step")
    for board in (there, here):
        expect(board.locator(".run-facts")).to_contain_text(f"{int(step):,} / ")
        chart = board.locator(".chart").first
        chart.press("Home")
        expect(chart).to_have_attribute("aria-label", re.compile("^loss, step 1: "))
    button(here, "Resume").click()
    for board in (here, there):
        wait_for_status(board, "Training")
    other.page.close()
    button(here, "Stop").click()
    wait_for_status(here, "Stopped")
    assert notebook.problems() == []
