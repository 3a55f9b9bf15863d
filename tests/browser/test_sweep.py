"""A sweep in a real notebook: what stands under its cell while it goes on, and at the end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.views import button, dashboard, twin, wait_for_status
from tests.magics.kernel import LATER_S

pytest.importorskip("optuna")

SETUP = """
%load_ext nbdl
from nbdl import data
train, val = data.digits().split(0.8)
"""

MODEL = """
%%model net --input 1,8,8 --quiet
Sequential(Flatten(), Linear(None, 32), ReLU(), Linear(None, 10))
""".strip()

SWEEP = "%train net train --val val --epochs 3 --sweep lr=1e-3..1e-1:log --trials 5"
LONG = "%train net train --epochs 50000 --sweep lr=0.1,0.01 --trials 3"


def test_the_dashboard_is_that_of_the_trial_under_way_and_then_of_the_best(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, MODEL, LONG, SWEEP])
    for cell in range(3):
        notebook.run(cell)
    board, cell = dashboard(notebook, 2), notebook.output(2)
    wait_for_status(board, "Training")
    expect(twin(notebook, 2).first).to_be_visible()  # the picture of the trials
    expect(twin(notebook, 2).nth(1)).to_be_hidden()
    notebook.page.wait_for_timeout(1000 * LATER_S)  # else the next cell waits, as of 'Run All'
    assert notebook.evaluate("len(sweep.trials)") == "0", "the kernel is free"
    button(board, "Stop").click()
    expect(cell).to_contain_text("stopped")
    wait_for_status(board, "Training")  # of the next trial
    assert notebook.evaluate("len(sweep.trials)") == "1"
    notebook.type_and_start("%train net --stop")
    wait_for_status(board, "Stopped")
    assert notebook.evaluate("sweep.wait().status, len(sweep.trials)") == "stopped 2"
    notebook.run(3)
    assert notebook.evaluate("sweep.status, len(sweep.trials)").endswith("finished 5")  # it waits
    board, cell = dashboard(notebook, 3), notebook.output(3)
    best = notebook.evaluate("f'{sweep.best.parameters[\"lr\"]:.4g}'")
    wait_for_status(board, "Finished")
    expect(board.locator(".rate-field")).to_have_value(best)
    expect(cell.locator(".dashboard")).to_have_count(1)
    expect(cell.locator("tbody tr")).to_have_count(5)
    expect(board.locator("select.compare")).to_be_visible()
    assert notebook.problems() == []
