"""The weights of an earlier step in the dashboard, and what is marked on the curves."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.inspection.dashboard import Have, dashboard_record
from nbdl.inspection.past import past_of
from nbdl.inspection.static.run import dashboard_svg
from nbdl.training import History
from nbdl.training.statistics.history import marked_step


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 3, 40)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    return nbdl.train(model, (x, y), epochs=3, batch_size=8, history=6, progress=False, store=False)


def test_the_state_says_which_steps_are_kept(run):
    state = dashboard_record(run).state
    assert list(state.kept) == run.steps_kept
    assert state.variable == "run"


def test_the_weights_at_a_step(run):
    at = run.steps_kept[2]
    past = dashboard_record(run, Have.said({"at": at + 1})).past
    assert past.step == at
    tensors = {t.name: t for t in past.tensors}
    weight = run.at(at)[0].weight.numpy()
    found = tensors["0.weight"]
    assert found.shape == "4 × 6"
    assert found.mean == pytest.approx(weight.mean(), rel=1e-5, abs=1e-8)
    assert (found.low, found.high) == (weight.min(), weight.max())
    now = run.model[0].weight.numpy()
    assert found.moved == pytest.approx(
        np.linalg.norm(now - weight) / np.linalg.norm(now), rel=1e-5
    )
    assert "1.running_mean" in tensors
    assert "1.num_batches_tracked" not in tensors


@pytest.mark.parametrize("at", [None, -1, "3", 1.5, True, [], {}])
def test_a_step_that_is_none_asks_for_nothing(run, at):
    assert dashboard_record(run, Have.said({"at": at})).past is None


def test_a_run_without_snapshots_has_no_past():
    model = nn.Linear(2, 1)
    other = nbdl.train(model, (np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)),
                       loss="mse", epochs=1, progress=False, store=False)  # fmt: skip
    assert past_of(other, 0) is None
    assert dashboard_record(other).state.kept == ()


def test_a_branch_is_marked_where_it_begins(run):
    branch = run.branch(run.steps_kept[2], name="<b>")
    record = dashboard_record(branch)
    marked = [line for line in record.log if line.step is not None]
    assert [(line.kind, line.step) for line in marked] == [("branch", run.steps_kept[2])]
    svg = dashboard_svg(record)
    assert f"branch of {run.id}" in svg
    assert "stroke-dasharray" in svg
    assert "stroke-dasharray" not in dashboard_svg(dashboard_record(run))


def test_only_marks_have_a_step():
    history = History()
    history.mark("edit", 1200, "kept 3 of 4 weights")
    history.note("note", "step 3: of a person")
    assert [marked_step(kind, text) for _, kind, text in history.events] == [1200, None]
    assert marked_step("edit", "of old") is None
