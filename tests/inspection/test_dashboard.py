"""Runs as records: what a receiver has is not sent again, and thinning loses no extreme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nbdl.inspection.dashboard import Have, advanced, dashboard_record, series_part, thin
from nbdl.training.statistics.history import History
from tests.widgets.pretend import PretendRun


@pytest.fixture(scope="module")
def run() -> PretendRun:
    made = PretendRun(epochs=2, steps=30).go()
    assert made.join(30)
    return made


def test_a_receiver_with_nothing_gets_everything(run):
    record = dashboard_record(run)
    series = {part.name: part for part in record.series}
    assert series["loss"].end == 60
    assert series["val_loss"].steps.tolist() == [30, 60]
    assert record.gradients is not None
    assert record.confusion is not None
    assert record.state.status == "finished"
    assert "Best: val_loss" in record.state.message
    assert record.log[0].text.startswith("epoch 1")


def test_a_receiver_gets_only_what_it_has_not(run):
    have = Have({"loss": 58}, gradients=19, log=1)
    record = dashboard_record(run, have)
    loss = next(part for part in record.series if part.name == "loss")
    assert (loss.start, loss.end, len(loss.values)) == (58, 60, 2)
    assert record.gradients.start == 19
    assert record.log_start == 1


def test_a_receiver_with_everything_gets_only_the_state(run):
    everything = advanced(Have(), dashboard_record(run))
    record = dashboard_record(run, everything)
    assert record.series == ()
    assert record.gradients is None
    assert record.log == ()


@pytest.mark.parametrize(
    "said", [None, 3, {}, {"series": 4, "gradients": "x", "log": -1}, {"series": {"a": "b"}}]
)
def test_a_greeting_that_makes_no_sense_counts_as_having_nothing(said):
    have = Have.said(said)
    assert (have.gradients, have.log, sum(have.series.values())) == (0, 0, 0)


def test_a_run_that_failed_says_its_error_once():
    run = PretendRun(epochs=1, steps=10, fail_at=5).go()
    assert run.join(30)
    state = dashboard_record(run).state
    assert state.error.startswith("ValueError: Linear(128, 10)")
    assert "ValueError" not in state.message


def test_a_notice_is_the_message_while_the_run_is_alive():
    run = PretendRun()
    run.notice = "a cell is waiting"
    assert dashboard_record(run).state.message == "a cell is waiting"


def test_thinning_keeps_ends_and_extremes_in_order():
    values = np.random.default_rng(0).normal(size=100_000)
    values[54_321] = 99
    values[12_345] = -99
    places = thin(values, 500)
    assert len(places) <= 500
    assert (np.diff(places) > 0).all()
    assert {0, 12_345, 54_321, 99_999} <= set(places.tolist())


def test_thinning_copes_with_what_is_no_number():
    values = np.full(10_000, np.nan)
    assert 0 < len(thin(values, 100)) <= 100
    values[500] = 1.0
    assert 0 < len(thin(values, 100)) <= 100


def test_a_long_series_is_sent_thinned_with_its_true_end():
    history = History()
    history.extend("loss", np.stack((np.arange(50_000.0), np.arange(50_000.0)), 1))
    part = series_part(history, "loss", 0, 1000)
    assert part.end == 50_000
    assert len(part.values) <= 1000


def test_examples_are_sent_once_for_each_validation(run):
    first = dashboard_record(run)
    assert [answer.target for answer in first.samples] == ["zero", "one"]
    assert first.confusion.labels[:2] == ("zero", "one")
    have = advanced(Have(), first)
    assert have.samples == run.measured == 2
    assert dashboard_record(run, have).samples is None
    assert len(dashboard_record(run, replace(have, samples=1)).samples) == 2
