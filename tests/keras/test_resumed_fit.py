"""Fits that were cut off go on as if nothing had happened."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import nbdl
from nbdl import keras
from nbdl.errors import ArgumentError, DataError, TrainingError
from nbdl.keras import callbacks, layers, utils
from nbdl.training.archive.store import forget_stores, open_store
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
STEPS = 32  # four epochs of eight


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    forget_stores()


def made(**options):
    """The model as a fresh kernel makes it."""
    utils.clear_session()
    utils.set_random_seed(0)
    model = keras.Sequential([
        layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
        layers.Dense(3),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01, clipnorm=1.0), loss, metrics=["accuracy"], **options)
    return model


class StopAt(callbacks.Callback):
    """Ends the fit after a step, in the way that is asked for."""

    def __init__(self, step, way="stop"):
        self.step, self.way = step, way

    def on_train_batch_end(self, batch, logs=None):
        run = self.model._fit_run
        if run.step == self.step:
            if self.way == "error":
                raise RuntimeError("no more")
            getattr(run, self.way)()


def fit(model, *listed, **options):
    given = {"epochs": 4, "batch_size": 8} if not options.get("resume") else {}
    return model.fit(X, CLASSES, verbose=0, callbacks=list(listed), **given | options)


def cut(model, step, *listed, way="stop", **options):
    with contextlib.suppress(KeyboardInterrupt, RuntimeError):
        fit(model, *listed, StopAt(step, way), **options)
    assert model._fit_run.step == step
    return model._fit_run


def check_same(model, history, other, whole):
    assert history.history == whole.history
    assert history.epoch == whole.epoch
    np.testing.assert_array_equal(history.run.history["loss"], whole.run.history["loss"])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("whole"))
    try:
        model = made()
        return model, fit(model, StopAt(0))
    finally:
        os.chdir(before)


@pytest.mark.parametrize("way", ["stop", "interrupt", "error"])
@pytest.mark.parametrize("step", [1, 8, 13, 31])
def test_it_goes_on_with_the_same_numbers(whole, step, way):
    first = cut(made(), step, way=way)
    model = made()
    history = fit(model, StopAt(0), resume=True)
    check_same(model, history, *whole)
    assert history.run.id == first.id
    [kept] = nbdl.runs()
    assert (kept.status, kept.step) == ("finished", STEPS)
    np.testing.assert_array_equal(kept.history()["loss"], whole[1].run.history["loss"])


def test_in_the_same_model_by_id_and_for_more_epochs(whole):
    model = made()
    first = cut(model, 13)
    cut(model, 20, resume=first.id)
    check_same(model, fit(model, StopAt(0), resume=True), *whole)
    with pytest.raises(TrainingError, match=r"is finished: 4 epochs done(.|\n)*epochs=9"):
        fit(model, StopAt(0), resume=True)
    history = fit(model, StopAt(0), resume=True, epochs=5)
    assert (history.epoch, history.run.step) == ([0, 1, 2, 3, 4], 40)


@pytest.mark.parametrize("options", [
    {"validation_split": 0.25, "validation_freq": 2}, {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
    {"initial_epoch": 1}, {"shuffle": False}, {"sample_weight": rng.random(60)},
    {"validation_data": (X[:9], CLASSES[:9])},
], ids=lambda options: next(iter(options)))  # fmt: skip
def test_with_all_that_a_fit_may_be_given(options):
    other = made()
    whole = fit(other, StopAt(0), **options)
    cut(made(), 9, **options)
    arrays = {k: v for k, v in options.items() if k in ("sample_weight", "validation_data")}
    model = made()
    history = fit(model, StopAt(0), resume=True, **arrays)
    check_same(model, history, other, whole)


def test_the_compiled_path_is_taken_again():
    other = made(jit_compile=True)
    whole = fit(other, StopAt(0))
    cut(made(jit_compile=True), 13)
    model = made(jit_compile=True)
    check_same(model, fit(model, StopAt(0), resume=True), other, whole)


def batches():
    for i in range(7):
        yield X[8 * i : 8 * i + 8], CLASSES[8 * i : 8 * i + 8]


class Ready:
    """Batches that can be gone through again and again."""

    def __iter__(self):
        return batches()


@pytest.mark.parametrize(("given", "options"), [
    (lambda: nbdl.data.DataLoader((X, CLASSES), 8, shuffle=True), {}),
    (Ready, {}),
    (lambda: (batch for _ in range(9) for batch in batches()), {"steps_per_epoch": 5}),
])  # fmt: skip
def test_batches_that_come_ready(given, options):
    def go(model, *listed, **more):
        return model.fit(given(), verbose=0, callbacks=list(listed), **more)

    other = made()
    whole = go(other, epochs=4, **options)
    with pytest.raises(KeyboardInterrupt):
        go(made(), StopAt(11, "interrupt"), epochs=4, **options)
    model = made()
    check_same(model, go(model, StopAt(0), resume=True), other, whole)


def remembering(place):
    return [
        callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True, min_delta=0.05),
        callbacks.ReduceLROnPlateau("loss", factor=0.3, patience=1, min_delta=0.1),
        callbacks.CSVLogger(place / "log.csv"),
        callbacks.ModelCheckpoint(place / "{epoch}.safetensors", "loss", save_best_only=True,
                                  save_weights_only=True),
    ]  # fmt: skip


@pytest.mark.parametrize("step", [9, 24, 26])
def test_callbacks_remember_what_they_knew(tmp_path, step):
    places = [tmp_path / name for name in ("whole", "parts")]
    for place in places:
        place.mkdir()
    other = made()
    whole = fit(other, *remembering(places[0]), epochs=12)
    assert 3 < len(whole.epoch) < 12
    cut(made(), step, *remembering(places[1]), epochs=12)
    model = made()
    history = fit(model, *remembering(places[1]), resume=True)
    check_same(model, history, other, whole)
    found = []
    for place in places:
        with (place / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        found.append((rows, sorted(path.name for path in place.glob("*.safetensors"))))
    assert found[0] == found[1]


def test_a_csv_file_keeps_the_lines_of_earlier_fits(tmp_path):
    path = tmp_path / "log.csv"
    fit(made(), callbacks.CSVLogger(path), StopAt(0), epochs=2)
    before = path.read_text()
    cut(made(), 20, callbacks.CSVLogger(path, append=True))
    fit(made(), callbacks.CSVLogger(path, append=True), StopAt(0), resume=True)
    text = path.read_text()
    assert text.startswith(before)
    assert [line.split(",")[0] for line in text.splitlines()] == ["epoch", *"01", *"0123"]


def test_printed_epochs_count_on(capsys):
    cut(made(), 20)
    model = made()
    model.fit(X, CLASSES, callbacks=[StopAt(0)], resume=True, verbose=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert lines == ["Epoch 3/4", "Epoch 4/4"]


# ----- BackupAndRestore -----------------------------------------------------------------------


def test_backup_and_restore_goes_on_by_itself_and_begins_anew_when_it_is_done(whole, tmp_path):
    def backup(**options):
        return callbacks.BackupAndRestore(tmp_path / "backup", **options)

    first = cut(made(), 13, backup())
    assert json.loads((tmp_path / "backup" / "run.json").read_text()) == {"run": first.id}
    model = made()
    history = fit(model, backup(), StopAt(0))
    check_same(model, history, *whole)
    assert history.run.id == first.id
    assert not (tmp_path / "backup" / "run.json").exists()
    again = fit(made(), backup(delete_checkpoint=False), StopAt(0))
    assert again.run.id != first.id
    more = fit(made(), backup(), StopAt(0))  # that one is finished
    assert more.run.id not in (first.id, again.run.id)
    (tmp_path / "backup" / "run.json").write_text("[")
    assert fit(made(), backup(), StopAt(0)).run.step == STEPS
    with pytest.raises(ArgumentError, match="save_freq='batch' must be 'epoch' or a number"):
        backup(save_freq="batch")


def test_backup_every_so_many_steps(tmp_path):
    run = cut(made(), 13, callbacks.BackupAndRestore(tmp_path / "b", save_freq=5))
    assert run.checkpoints.policy.steps == 5


# ----- processes that are killed ----------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    "step", [13, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 8, 16, 31))]
)
def test_a_process_that_is_killed(tmp_path, whole, step):
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_resumed_fit import *
        class Kill(callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                run = self.model._fit_run
                while run.checkpoints._waiting is not None:
                    pass
                if run.step == {step}:
                    nbdl.runs()  # the store has seen it
                    os.kill(os.getpid(), signal.SIGKILL)
        fit(made(), Kill(), checkpoint=3)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert nbdl.runs()[0].status == "killed"
    model = made()
    check_same(model, fit(model, StopAt(0), resume=True), *whole)


def test_cut_off_before_the_first_checkpoint(whole):
    first = cut(made(), 3)
    for path in checkpoint_files(folder_of(open_store().path, first.id)):
        path.unlink()
    other = made()
    other.fit(X, CLASSES, epochs=1, verbose=0, checkpoint=False)
    with pytest.raises(TrainingError, match="weights of the model are others now"):
        fit(other, StopAt(0), resume=first.id)
    model = made()
    nbdl.rand(3)  # something else was drawn before
    check_same(model, fit(model, StopAt(0), resume=first.id), *whole)


# ----- what does not fit ------------------------------------------------------------------------


def test_what_cannot_go_on_is_said():
    with pytest.raises(ArgumentError, match="no runs are kept in"):
        fit(made(), resume=True)
    cut(made(), 13, validation_data=(X[:9], CLASSES[:9]))
    with pytest.raises(ArgumentError, match=r"was started with callbacks=(.|\n)*give it again"):
        made().fit(X, CLASSES, resume=True)
    with pytest.raises(ArgumentError, match=r"had data to validate on(.|\n)*validation_data="):
        fit(made(), StopAt(0), resume=True)
    with pytest.raises(DataError, match="the data is not what this run was trained with"):
        made().fit(X + 1, CLASSES, callbacks=StopAt(0), validation_data=(X[:9], CLASSES[:9]),
                   resume=True)  # fmt: skip
    with pytest.raises(ArgumentError, match="batch_size=4 cannot be changed"):
        fit(made(), StopAt(0), validation_data=(X[:9], CLASSES[:9]), resume=True, batch_size=4)
    run = nbdl.train(made(), (X, CLASSES), epochs=1, progress=False)
    with pytest.raises(TrainingError, match=r"was not begun by model.fit\n(.|\n)*nbdl.train\("):
        fit(made(), StopAt(0), resume=run.id)
    fit(made(), StopAt(0), checkpoint=False)
    with pytest.raises(TrainingError, match="has kept no checkpoints"):
        fit(made(), StopAt(0), resume=True)
