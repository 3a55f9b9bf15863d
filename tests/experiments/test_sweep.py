"""Sweeps: the same start, other parameters, everything kept."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError, MissingError
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
    assert found.interrupted
    assert [t.status for t in found.trials] == ["finished", "interrupted"]
    assert "ended by hand" in found.words()
    assert len(nbdl.runs()) == 2


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
