"""The dashboard of runs that come one after the other."""

from __future__ import annotations

import numpy as np

import nbdl
from nbdl import nn
from nbdl.widgets.source import TrialSource

X = np.ones((8, 2), np.float32)


def run():
    return nbdl.train(
        nn.Linear(2, 1), (X, X[:, :1]), loss="mse", max_steps=3, store=False, progress=False
    )


class Listener:
    def __init__(self):
        self.records = []

    def tell_record(self, record):
        self.records.append(record)


def test_each_run_is_told_from_its_beginning_until_there_is_no_more():
    runs = [run(), run(), run()]
    after = dict(zip(runs, [*runs[1:], None], strict=True))
    source = TrialSource(runs[0], after.get, lambda run: f"<svg {run.id}>", lambda run: run.id)
    assert source.text() == runs[0].id
    heard = Listener()
    source.start(heard)
    assert source.over.wait(20)
    assert [record.state.id for record in heard.records] == [each.id for each in runs]
    for record in heard.records:
        assert {part.start for part in record.series} == {0}
        assert any(part.name == "loss" and part.end == 3 for part in record.series)
    assert source.whole().state.id == runs[2].id
    assert source.svg() == f"<svg {runs[2].id}>"


def test_no_more_runs_are_shown_once_it_was_stopped():
    asked = []
    source = TrialSource(run(), lambda before: asked.append(before) or before, str, str)
    heard = Listener()
    source.stop()
    source.start(heard)
    assert source.over.wait(20)
    assert heard.records == []
    assert asked == []
