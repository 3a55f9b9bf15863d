"""What a page may ask of a run besides its news: other runs' curves, and curves in detail."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.inspection.dashboard import MAX_POINTS, detail_of
from nbdl.training.archive import store as stores
from nbdl.training.statistics.history import History
from nbdl.widgets.overlays import others_of
from nbdl.widgets.source import RunSource

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = np.arange(32) % 3


@pytest.fixture
def two(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield [
        nbdl.train(nn.Linear(4, 3), (X, Y), epochs=n, name=name, progress=False)
        for n, name in ((2, "first"), (3, "<b>second</b>"))
    ]
    stores.forget_stores()


def source(run):
    return RunSource(run, measure=None, svg=str, text=str)


def test_other_runs_are_offered_and_those_asked_for_come_with_their_curves(two):
    first, second = two
    record = source(second).since({"compare": []})
    ((known, label),) = record.others.choices
    assert known == first.id
    assert label.startswith("first · ")
    assert record.others.chosen == ()
    record = source(second).since({"compare": [first.id, "nonsense", second.id]})
    (overlay,) = record.others.chosen
    curves = {part.name: part for part in overlay.series}
    np.testing.assert_array_equal(curves["loss"].values, first.history["loss"])
    assert source(first).since({"compare": []}).others.choices[0][1].startswith("<b>second</b>")


def test_nothing_is_offered_unasked_or_where_no_run_was_kept(two, tmp_path, monkeypatch):
    assert source(two[0]).since({}).others is None
    assert source(two[0]).whole().others is None
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert others_of(two[0], ["x"]).choices == ()


def long(n=100_000):
    history = History()
    steps = np.arange(1.0, n + 1)
    history.extend("loss", np.stack([steps, np.sin(steps)], axis=1))
    return history


def test_between_two_steps_all_points_come_and_one_beyond_each_edge():
    detail = detail_of(long(), 500.5, 700)
    (part,) = detail.series
    np.testing.assert_array_equal(part.steps, np.arange(500, 702))
    assert (part.start, part.end) == (499, 701)
    assert (detail.low, detail.high) == (500.5, 700)


def test_many_points_are_thinned_with_the_extremes_kept():
    history = long()
    history.append(50_000, {"loss": 1e6})
    (part,) = detail_of(history, 0, 1e9).series
    assert len(part.steps) <= MAX_POINTS
    assert part.values.max() == 1e6


def test_a_window_without_points_is_empty_or_has_the_neighbours():
    (part,) = detail_of(long(10), 100, 200).series
    np.testing.assert_array_equal(part.steps, [10])
    (part,) = detail_of(long(10), 3.2, 3.8).series
    np.testing.assert_array_equal(part.steps, [3, 4])


@pytest.mark.parametrize("window", [None, 3, [1], [1, "2"], [float("nan"), 2], {"a": 1}])
def test_what_is_no_window_gives_no_detail(two, window):
    assert source(two[0]).since({"window": window}).detail is None
