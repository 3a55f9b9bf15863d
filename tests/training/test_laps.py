"""Where the time of steps goes."""

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.inspection.dashboard import dashboard_record
from nbdl.inspection.static.run import laps_text
from nbdl.training.laps import SMOOTH, Laps

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = np.arange(64) % 3


def test_laps_add_up_and_are_averaged(monkeypatch):
    times = iter([0.0, 1.0, 3.0, 4.0, 14.0, 15.0])
    monkeypatch.setattr("nbdl.training.laps.time.perf_counter", lambda: next(times))
    laps = Laps()
    for part in ("data", "forward", "data"):
        laps.lap(part)
    laps.step_done()
    assert laps.seconds() == {"data": 2.0, "forward": 2.0}
    laps.start()
    laps.lap("forward")
    laps.step_done()
    expected = {"data": 2 * (1 - SMOOTH), "forward": 2 * (1 - SMOOTH) + SMOOTH}
    assert laps.seconds() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("compile", "parts"), [(False, {"forward", "backward"}), (True, {"compute"})]
)
def test_a_run_knows_its_parts(compile, parts):
    options = {"batch_size": 16, "epochs": 40, "store": False}
    run = nbdl.train(nn.Linear(4, 3), (X, Y), compile=compile, **options)
    found = run.laps.seconds()
    assert parts | {"data", "update", "other"} <= set(found)
    assert sum(found.values()) * run.step < 3 * run.elapsed
    record = dashboard_record(run)
    assert [part for part, _ in record.state.laps] == list(found)
    assert laps_text(record.state).startswith("a step takes ")


def test_a_step_of_ones_own_is_one_part():
    model = nn.Linear(4, 3)
    run = nbdl.train(step=lambda x, y: model(x).sum(), data=(X, Y), model=model, store=False)
    assert "step" in run.laps.seconds()
    assert not {"forward", "backward", "compute"} & set(run.laps.seconds())


def test_memory_is_told_while_a_run_goes_on():
    run = nbdl.train(nn.Linear(4, 3), (X, Y), wait=False, epochs=100_000, store=False)
    (name, used), *_ = dashboard_record(run).state.memory
    assert name == "memory"
    assert used > 10 * 2**20
    run.stop()
    run.join(10)
    assert dashboard_record(run).state.memory == ()
