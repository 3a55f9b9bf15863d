"""Sweeps: the same start, other parameters, everything kept."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.dtypes import set_default_float
from nbdl.errors import ArgumentError, MissingError, TrainingError
from nbdl.experiments.space import as_choice
from nbdl.inspection.dashboard import dashboard_record
from nbdl.inspection.static.run import dashboard_svg
from nbdl.inspection.static.sweep import sweep_svg
from nbdl.training.archive import store as stores

optuna = pytest.importorskip("optuna")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield
    stores.forget_stores()


def net(width=8):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def sweep(space, model=net, **options):
    options = {"trials": 4, "epochs": 2, "batch_size": 32, "progress": False} | options
    return nbdl.sweep(model, (X, Y), space, **options)


def test_each_trial_is_a_tagged_run_with_its_parameters():
    found = sweep({"lr": "1e-4..1e-1:log", "width": "4..16"}, val=(X, Y), prune=False)
    assert len(found.trials) == 4
    kept = {record.id: record for record in nbdl.runs()}
    for trial in found.trials:
        record = kept[trial.run.id]
        assert found.name in record.tags
        assert record.config["lr"] == pytest.approx(trial.parameters["lr"])
        assert record.config["parameters"] == {"width": trial.parameters["width"]}
        assert trial.run.model[0].weight.shape == (trial.parameters["width"], 4)
        assert trial.value == pytest.approx(trial.run.epoch_values[-1]["val_loss"])
    assert found.best.value == min(trial.value for trial in found.trials)
    assert found.best_run is found.best.run


def test_all_trials_begin_with_the_same_weights_and_the_model_is_left_alone():
    model, starts = net(), []
    before = [p.value for p in model.parameters()]

    class Look(nbdl.training.Callback):
        def on_start(self, run):
            starts.append(run.model[0].weight.numpy().copy())

    sweep({"lr": [0.1, 0.01]}, model, callbacks=Look(), store=False, prune=False)
    assert len(starts) == 4
    assert all((start == starts[0]).all() for start in starts)
    assert all(p.value is value for p, value in zip(model.parameters(), before, strict=True))
    starts.clear()
    sweep({"lr": [0.1, 0.01]}, callbacks=Look(), store=False)
    assert all((start == starts[0]).all() for start in starts)


def test_the_same_seed_chooses_the_same():
    one, two = (sweep({"lr": "1e-4..1e-1:log"}, store=False) for _ in range(2))
    assert [t.parameters for t in one.trials] == [t.parameters for t in two.trials]
    assert [t.value for t in one.trials] == [t.value for t in two.trials]


def test_what_does_badly_is_pruned_and_says_so():
    space = {"lr": [0.1, 0.1, 0.1, 0.1, 0.1, 1e-7]}
    found = sweep(space, trials=24, epochs=4, optim="sgd")
    pruned = [t for t in found.trials if t.status == "pruned"]
    assert pruned
    run = pruned[0].run
    assert run.status == "pruned"
    assert "worse than the median of the others" in run.message
    assert run.epoch < 4
    assert not run.is_alive
    kept = nbdl.runs().filter(status="pruned")
    assert [r.id for r in kept] == [t.run.id for t in reversed(pruned)]
    assert all(not r.is_alive and r.tags == (found.name,) for r in kept)
    assert "Pruned" in dashboard_svg(dashboard_record(run))
    assert "pruned" in found.text()


def test_an_interrupt_keeps_what_there_is():
    def interrupt(run):
        seen.append(run)
        if len(seen) == 3:
            run.interrupt()

    seen = []
    found = sweep({"lr": [0.1, 0.01]}, callbacks=interrupt, prune=False, trials=9)
    assert found.status == "interrupted"
    assert [t.status for t in found.trials] == ["finished", "interrupted"]
    assert "ended by hand" in found.words()
    assert len(nbdl.runs()) == 2


class Gate(nbdl.training.Callback):
    """Holds each trial after an epoch until somebody lets it through."""

    def __init__(self):
        self.here, self.open = threading.Semaphore(0), threading.Semaphore(0)

    def on_epoch_end(self, run):
        self.here.release()
        assert self.open.acquire(timeout=20)

    def through(self, epochs=1):
        for _ in range(epochs):
            assert self.here.acquire(timeout=20)
            self.open.release()

    def hold(self):
        assert self.here.acquire(timeout=20)


def gated(space=None, model=net, **options):
    gate = Gate()
    options = {"epochs": 2, "prune": False, "wait": False, "callbacks": gate} | options
    return gate, sweep(space or {"lr": [0.1, 0.01]}, model, **options)


def test_without_waiting_it_goes_on_by_itself_and_says_how_far_it_is():
    gate, found = gated(trials=3)
    gate.hold()
    assert (found.status, found.is_alive, found.trials, found.best) == ("running", True, [], None)
    assert "trial 1 of 3 with lr=" in found.words()
    assert "None has finished yet" in found.words()
    assert found.table()[1][-1][-1] == found.run.id
    assert found.wait(timeout=0) is found
    gate.open.release()
    gate.through(5)
    assert found.wait() is found
    assert (found.status, len(found.trials)) == ("finished", 3)
    assert found.message == "all trials are done"
    assert not nbdl.training.active_runs()


@pytest.mark.parametrize(("how", "status"), [("stop", "stopped"), ("interrupt", "interrupted")])
def test_stop_ends_the_trial_and_the_sweep_and_keeps_what_has_finished(how, status):
    gate, found = gated(trials=9)
    gate.through(2)
    gate.hold()
    getattr(found, how)()
    gate.open.release()
    assert found.join(20)
    assert found.status == status
    assert [t.status for t in found.trials] == ["finished", status]
    assert found.best is found.trials[0]
    assert "ended by hand" in found.words()
    assert [r.status for r in nbdl.runs()] == [status, "finished"]
    found.stop()
    assert found.status == status
    if status == "interrupted":
        with pytest.raises(KeyboardInterrupt, match="was interrupted in trial 2 of 9"):
            found.wait()


def test_a_paused_sweep_waits_and_goes_on():
    gate, found = gated(trials=2)
    gate.hold()
    found.pause()
    assert found.status == "paused"
    gate.open.release()
    assert wait_for(lambda: found.run.status == "paused")
    found.resume()
    assert wait_for(lambda: found.status == "running")
    assert found.status == "running"
    gate.through(3)
    assert found.wait().status == "finished"


def test_a_pause_at_a_trials_end_holds_the_next():
    gate, found = gated(trials=2, epochs=1)
    gate.hold()
    found.pause()
    gate.open.release()
    assert wait_for(lambda: len(found.trials) == 1)
    assert found.status == "paused"
    found.stop()
    assert found.join(20)
    assert [t.status for t in found.trials] == ["finished"]
    assert found.status == "stopped"


def wait_for(true):
    for _ in range(2000):
        if true():
            return True
        threading.Event().wait(0.01)
    return False


def test_a_trial_that_is_stopped_by_itself_ends_alone():
    gate, found = gated(trials=2)
    gate.hold()
    found.run.stop()
    gate.open.release()
    gate.through(2)
    assert [t.status for t in found.wait().trials] == ["stopped", "finished"]


@pytest.mark.parametrize("model", [net(), net], ids=["a model", "a function"])
def test_what_is_swept_is_not_trained_a_second_time(model):
    gate, found = gated(model=model, trials=1)
    gate.hold()
    said = rf"is being swept already \({found.name}, trial 1 of 1\)"
    with pytest.raises(TrainingError, match=said):
        sweep({"lr": [0.1]}, model)
    if isinstance(model, nn.Module):
        with pytest.raises(TrainingError, match=said):
            nbdl.train(model, (X, Y))
    gate.open.release()
    gate.through()
    found.wait()
    assert sweep({"lr": [0.1]}, model, trials=1, store=False).status == "finished"


def test_what_is_trained_is_not_swept():
    model, gate = net(), Gate()
    run = nbdl.train(model, (X, Y), epochs=1, callbacks=gate, wait=False)
    gate.hold()
    with pytest.raises(TrainingError, match=f"being trained already \\(run {run.id}"):
        sweep({"lr": [0.1]}, model)
    gate.open.release()
    run.wait()


def test_trials_begin_with_the_weights_of_the_beginning():
    model, starts = net(), []
    gate = Gate()

    class Look(nbdl.training.Callback):
        def on_start(self, run):
            starts.append(run.model[0].weight.numpy().copy())

    found = sweep({"lr": [0.1]}, model, callbacks=[gate, Look()], trials=2, epochs=1, wait=False)
    gate.hold()
    with nbdl.no_grad():
        model[0].weight.copy_(model[0].weight * 0)
    gate.open.release()
    gate.through()
    found.wait()
    assert (starts[0] == starts[1]).all()
    assert starts[0].any()


def test_what_goes_wrong_in_the_thread_is_raised_by_wait_with_the_trials_kept():
    found = sweep({"lr": [0.1]}, metric="los", wait=False)
    with pytest.raises(ArgumentError, match="no 'los' to sweep by"):
        found.wait()
    assert found.status == "failed"
    assert "failed by ArgumentError" in found.words()
    assert [t.status for t in found.trials] == ["failed"]
    made = []

    def fragile(width):
        made.append(width)
        if len(made) == 2:
            raise ValueError("no more of these")
        return net(width)

    found = sweep({"width": [4]}, fragile, wait=False, store=False)
    with pytest.raises(ValueError, match="no more of these"):
        found.wait()
    assert [t.status for t in found.trials] == ["finished"]


def test_what_could_not_begin_leaves_the_model_free():
    model = net()
    with pytest.raises(ArgumentError, match="loss"):
        sweep({"lr": [0.1]}, model, loss="nonsense", wait=False)
    assert nbdl.train(model, (X, Y), max_steps=1).status == "finished"


def test_trials_compute_with_the_settings_of_the_cell():
    dtypes = []
    set_default_float("float64")
    try:
        sweep({"lr": [0.1]}, trials=2, store=False,
              callbacks=lambda run: dtypes.append(run.model[0].weight.dtype))  # fmt: skip
    finally:
        set_default_float("float32")
    assert [str(dtype) for dtype in dtypes] == ["float64"] * len(dtypes)
    assert len(dtypes) == 4


def test_a_trial_that_fails_is_one_of_many():
    found = sweep({"lr": [1e30, 0.01]}, optim="sgd", trials=6, prune=False, store=False)
    statuses = {t.status for t in found.trials}
    assert statuses == {"failed", "finished"}
    assert found.best.parameters["lr"] == 0.01


def test_table_frame_and_picture_say_the_same():
    found = sweep({"lr": "1e-4..1e-1:log", "optim": "adamw,sgd(momentum=0.9)"}, store=False)
    frame = found.to_pandas()
    assert list(frame.columns) == ["trial", "lr", "optim", "loss", "status", "run"]
    assert frame["run"].tolist() == [t.run.id for t in found.trials]
    heads, rows = found.table()
    assert heads[:3] == ["trial", "lr", "optim"]
    assert rows[0][-1] == found.best_run.id
    svg = sweep_svg(found)
    assert svg.count("<circle") == 2 * len([t for t in found.trials if t.value is not None])
    assert "loss by lr" in svg
    assert "sgd(momentum=0.9)" in svg
    assert found.best_run.id in repr(found)


def test_more_is_better_for_an_accuracy():
    found = sweep({"lr": [0.1, 1e-6]}, metric="accuracy", store=False, prune=False)
    assert found.higher
    assert found.best.value == max(t.value for t in found.trials)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1e-4..1e-1:log", ((), 1e-4, 1e-1, True)), ("32..256", ((), 32, 256, False)),
        ("0.1..1", ((), 0.1, 1.0, False)), ("32,64", ((32, 64), 0, 0, False)),
        ("adamw,sgd(momentum=0.9, nesterov=True)",
         (("adamw", "sgd(momentum=0.9, nesterov=True)"), 0, 0, False)),
        ([1, None], ((1, None), 0, 0, False)), ("True,False", ((True, False), 0, 0, False)),
    ],
)  # fmt: skip
def test_values_as_they_are_written(given, expected):
    choice = as_choice("x", given)
    assert (choice.options, choice.low, choice.high, choice.log) == expected
    assert type(choice.low) is type(expected[1])


@pytest.mark.parametrize(
    ("space", "options", "said"),
    [
        ({"lr": "1..0.1"}, {}, "lr=1..0.1 is no range of numbers"),
        ({"lr": "0..1:log"}, {}, "is no range of numbers"),
        ({"lr": "a..b"}, {}, "is no range of numbers"),
        ({"lr": 3}, {}, "lr cannot be 3"),
        ({"lr": []}, {}, "lr cannot be"),
        ({"widht": "4..8"}, {}, "no parameter 'widht' to sweep; did you mean 'width'"),
        ({}, {}, "a sweep needs parameters"),
        ({"lr": [0.1]}, {"trials": 0}, "trials must be a whole number"),
        ({"lr": [0.1]}, {"metric": "los"}, "no 'los' to sweep by; did you mean 'loss'"),
        ({"lr": [0.1]}, {"model": 3}, "sweep takes a model or a function"),
    ],
)
def test_what_is_no_sweep(space, options, said):
    with pytest.raises(ArgumentError) as caught:
        sweep(space, store=False, **options)
    assert said in str(caught.value)


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingError, match=r"nbdl.sweep needs optuna") as caught:
        sweep({"lr": [0.1]})
    assert "nbdl[sweep]" in str(caught.value)
