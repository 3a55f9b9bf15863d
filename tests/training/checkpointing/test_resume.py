"""Resuming: exactly as if nothing had happened, or a clear word why not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import ArgumentError, DataError, FileError, NbdlError, TrainingError
from nbdl.training import Callback
from nbdl.training.archive.store import open_store
from nbdl.training.checkpointing import resume
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of, read, write
from nbdl.training.checkpointing.state import State

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 64)
OPTIONS = {"epochs": 4, "batch_size": 8, "lr": 0.01, "schedule": "cosine", "optim": "adamw"}


def net():
    nbdl.manual_seed(7)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))


class StopAt(Callback):
    def __init__(self, step, way="interrupt"):
        self.step, self.way = step, way

    def on_step_end(self, run):
        if run.step == self.step:
            getattr(run, self.way)()


def train(model=None, given=(X, Y), **options):
    return nbdl.train(model or net(), given, progress=False, **options)


def cut(step, way="interrupt", **options):
    try:
        return train(**{**OPTIONS, **options}, callbacks=StopAt(step, way))
    except KeyboardInterrupt:
        return nbdl.training.last_run()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("whole"))
    try:
        return train(**OPTIONS, store=False)
    finally:
        os.chdir(before)


def check_same(run, whole):
    assert run.status == "finished"
    for name in ("loss", "accuracy", "lr"):
        for mine, theirs in zip(run.history.series(name), whole.history.series(name), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for a, b in zip(run.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("way", ["interrupt", "stop"])
@pytest.mark.parametrize("step", [1, 8, 13, 31])
def test_it_goes_on_with_the_same_numbers_and_no_option_repeated(whole, step, way):
    first = cut(step, way)
    assert first.step == step
    run = train(resume=True)
    check_same(run, whole)
    assert run.id == first.id
    assert len(nbdl.runs()) == 1
    kept = nbdl.runs()[0]
    assert (kept.status, kept.step) == ("finished", 32)
    np.testing.assert_array_equal(kept.history()["loss"], whole.history["loss"])
    assert any("goes on after step" in text for *_, text in run.history.events)


def test_by_id_and_by_path_and_several_times(whole):
    first = cut(5)
    run = first
    for step in (9, 17):
        try:
            run = train(resume=first.id, callbacks=StopAt(step))
        except KeyboardInterrupt:
            run = nbdl.training.last_run()
        assert run.step == step
    path = checkpoint_files(folder_of(open_store().path, first.id))[-1]
    check_same(train(resume=str(path)), whole)


def test_in_the_same_model(whole):
    model = net()
    with pytest.raises(KeyboardInterrupt):
        train(model, **OPTIONS, callbacks=StopAt(10))
    check_same(train(model, resume=True), whole)


def test_a_failed_run_goes_on_from_its_last_good_step(whole):
    class Fail(Callback):
        def on_step_end(self, run):
            if run.step == 12:
                raise ValueError("the disk of a callback is full")

    with pytest.raises(ValueError, match="callback is full"):
        train(**OPTIONS, callbacks=Fail())
    check_same(train(resume=True), whole)


def test_more_epochs_after_the_end():
    train(**OPTIONS)
    with pytest.raises(TrainingError, match=r"is finished: 4 epochs done(.|\n)*epochs=9"):
        train(resume=True)
    run = train(resume=True, epochs=6)
    assert (run.step, run.epoch, run.epochs, run.total_steps) == (48, 6, 6, 48)
    assert any("with epochs=6" in text for *_, text in run.history.events)


def test_validation_early_stopping_and_max_steps_go_on():
    options = {**OPTIONS, "val": (X[:20], Y[:20]), "epochs": 9, "lr": 0.1, "schedule": None,
               "early_stopping": {"patience": 2, "restore_best": True}}  # fmt: skip
    whole = train(**options, store=False)
    cut(19, **options)
    with pytest.raises(ArgumentError, match="data to validate on: give it again"):
        train(resume=True)
    run = train(resume=True, val=options["val"])
    np.testing.assert_array_equal(run.history["val_loss"], whole.history["val_loss"])
    assert run.message == whole.message
    for a, b in zip(run.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_fraction_held_out_is_held_out_again():
    whole = train(**OPTIONS, val=0.25, store=False)
    cut(9, val=0.25)
    run = train(resume=True)
    np.testing.assert_array_equal(run.history["val_loss"], whole.history["val_loss"])


def test_the_compiled_path_is_taken_again():
    whole = train(**OPTIONS, compile=True, store=False)
    cut(9, compile=True)
    run = train(resume=True)
    check_same(run, whole)
    assert run.plan() is not None


@pytest.mark.parametrize("options", [
    {"ema": 0.9}, {"mixup": 0.3}, {"accumulate": 2}, {"precision": "fp16"}, {"freeze": "0.*"},
    {"lr": {"0.*": 0.02, "*": 0.002}}, {"clip_norm": 0.5}, {"history": 4},
], ids=lambda options: next(iter(options)))  # fmt: skip
def test_with_everything_that_a_training_may_have(options):
    whole = train(**{**OPTIONS, **options}, store=False)
    cut(9, **options)
    check_same(train(resume=True), whole)


def test_the_time_that_is_left_is_by_the_pace_of_now():
    cut(16)
    seen = []

    class Look(Callback):
        def on_step_end(self, run):
            seen.append((run.step, run.elapsed, run.eta))

    train(resume=True, callbacks=Look())
    step, elapsed, eta = seen[0]
    assert step == 17
    assert eta >= 15 * elapsed  # 15 steps that took as long as the one since it goes on


def test_a_step_of_ones_own():
    def given(callbacks=(), **options):
        model = net()
        optimizer = nbdl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        np.random.seed(3)

        def step(x, y):
            loss = nn.functional.cross_entropy(model(x + np.random.rand()), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return train(model, step=step, optimizers=optimizer, callbacks=callbacks, **options)

    whole = given(epochs=2, batch_size=8, store=False)
    with pytest.raises(KeyboardInterrupt):
        given(epochs=2, batch_size=8, callbacks=StopAt(5))
    with pytest.raises(ArgumentError, match="was started with step=step, which no file can keep"):
        train(resume=True, name="Sequential")
    run = given(resume=True)
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])


def test_a_loader_of_ones_own(whole):
    class Noise:
        def __call__(self, x):
            return x + data.sample_rng().normal(size=x.shape).astype(np.float32)

    def loader():
        return data.DataLoader(data.TensorDataset(X, Y).map(Noise()), 8, shuffle=True,
                               num_workers=2)  # fmt: skip

    options = {key: value for key, value in OPTIONS.items() if key != "batch_size"}
    reference = train(given=loader(), **options, store=False)
    with pytest.raises(KeyboardInterrupt):
        train(given=loader(), **options, callbacks=StopAt(13))
    run = train(given=loader(), resume=True)
    np.testing.assert_array_equal(run.history["loss"], reference.history["loss"])
    assert not np.array_equal(run.history["loss"], whole.history["loss"])


# ----- what does not fit --------------------------------------------------------------------------


def test_other_data_is_refused():
    cut(5)
    with pytest.raises(DataError, match=r"arrays 1 shape 1 is 60, it was 64|length is 60"):
        train(given=(X[:60], Y[:60]), resume=True)
    with pytest.raises(DataError, match="arrays 1 has other values"):
        train(given=(X + 1, Y), resume=True)
    with pytest.raises(DataError, match="dtype"):
        train(given=(X.astype(np.float64), Y), resume=True)


def test_another_model_is_refused():
    cut(5)
    other = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(0.2), nn.Linear(9, 3))
    with pytest.raises(TrainingError, match=r"not the model that was trained: 0\.weight is"):
        train(other, resume=True)


def test_options_that_would_change_the_past_are_refused():
    cut(5)
    for options, words in (
        ({"batch_size": 4}, "batch_size=4 cannot be changed .* has batch_size=8"),
        ({"optim": "sgd"}, "optim='sgd' cannot"), ({"seed": 3}, "seed=3 cannot"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            train(resume=True, **options)


def test_another_learning_rate_is_taken_and_noted():
    cut(5)
    run = train(resume=True, lr=0.5)
    assert run.lr == 0.5
    assert any("with lr=0.5" in text for *_, text in run.history.events)


def test_nothing_to_resume():
    with pytest.raises(ArgumentError, match="no runs are kept in"):
        train(resume=True)
    train(**OPTIONS, name="lenet")
    with pytest.raises(ArgumentError, match=r"unknown run to go on with 'lenot'.*'lenet'"):
        train(resume=True, name="lenot")
    with pytest.raises(ArgumentError, match="unknown run 'abc'"):
        train(resume="abc")
    with pytest.raises(ArgumentError, match="True, the id of a run or a path, got 3"):
        train(resume=3)
    with pytest.raises(FileError, match="there is no file"):
        train(resume="nothing.safetensors")
    train(**OPTIONS, checkpoint=False)
    with pytest.raises(TrainingError, match="has kept no checkpoints"):
        train(resume=True)


def test_a_run_under_way_is_not_resumed():
    model = net()
    run = train(model, **{**OPTIONS, "epochs": 10**6}, wait=False)
    try:
        with pytest.raises(TrainingError, match="is under way"):
            train(resume=True)
        with pytest.raises(TrainingError, match="is under way"):
            train(resume=run.id)
    finally:
        run.stop()
        run.join(20)


def test_cut_off_before_the_first_checkpoint(whole):
    first = cut(1)
    for path in checkpoint_files(folder_of(open_store().path, first.id)):
        path.unlink()
    other = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))
    with pytest.raises(TrainingError, match="weights of the model are others now"):
        train(other, resume=True)
    run = train(resume=True)
    check_same(run, whole)
    assert any("begins again" in text for *_, text in run.history.events)


def test_damage_falls_back_to_the_good_one_before(whole):
    class Save(StopAt):
        def on_step_end(self, run):
            if run.step == 6:
                run.save()
            super().on_step_end(run)

    with pytest.raises(KeyboardInterrupt):
        train(**OPTIONS, callbacks=Save(11))
    folder = folder_of(open_store().path, nbdl.training.last_run().id)
    saved, last = checkpoint_files(folder)
    last.write_bytes(last.read_bytes()[:-20])
    with pytest.raises(FileError, match=rf"{last.name}.*(.|\n)*resume='.*{saved.name}'"):
        train(resume=str(last))
    run = train(resume=True)
    check_same(run, whole)
    assert any(last.name in text and kind == "warning" for _, kind, text in run.history.events)
    for path in checkpoint_files(folder):
        path.write_bytes(b"")
    with pytest.raises(FileError, match=r"no checkpoint in .* is good: .*(?<!is taken)$"):
        train(resume=True, epochs=9)


def test_going_back_puts_later_checkpoints_aside(whole):
    class Save(StopAt):
        def on_step_end(self, run):
            if run.step in (6, 9):
                run.save()
            super().on_step_end(run)

    with pytest.raises(KeyboardInterrupt):
        train(**OPTIONS, callbacks=Save(11))
    folder = folder_of(open_store().path, nbdl.training.last_run().id)
    first = checkpoint_files(folder)[0]
    assert first.name == "step-00000006-saved.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(resume=first, callbacks=StopAt(8))
    assert (folder / "before-step-00000009-saved.safetensors").exists()
    run = train(resume=True)
    assert any("goes on after step 8" in text for *_, text in run.history.events)
    check_same(run, whole)


def test_the_best_epoch_is_remembered():
    options = {**OPTIONS, "val": (X[:20], Y[:20]), "lr": 0.3, "schedule": None, "epochs": 3,
               "checkpoint": {"best": "val_loss"}}  # fmt: skip
    cut(17, **options)
    best = nbdl.training.last_run().best_epoch
    run = train(resume=True, val=options["val"], epochs=3)
    scores = [values["val_loss"] for values in run.epoch_values]
    assert best[1] == min(scores[:2])
    assert run.best_epoch[1] == min(scores)
    steps = [int(p.stem[5:]) for p in checkpoint_files(folder_of(open_store().path, run.id))]
    assert run.best_epoch[0] in steps


def test_files_made_by_hand_are_refused(tmp_path):
    cut(5)
    path = checkpoint_files(folder_of(open_store().path, nbdl.training.last_run().id))[0]
    good = read(path)
    for run, rest, words in (
        ({**good.run, "id": "../x"}, good.state.rest, "no proper id"),
        ({"id": "a"}, good.state.rest, "no config"),
        (good.run, {"run": {}}, "no good checkpoint"),
        (good.run, {**good.state.rest, "models": [{"x": 1}]}, "makes no sense|not the model"),
        (good.run, {**good.state.rest, "optimizers": [{}]}, "needs what state_dict"),
    ):  # fmt: skip
        write(path, State(good.state.arrays, rest), run)
        with pytest.raises(NbdlError, match=words):
            train(resume=path)


def test_another_machine_is_told(monkeypatch):
    cut(5)
    now = resume.machine([])
    monkeypatch.setattr(resume, "machine", lambda models: {
        **now, "threads": "99", "numpy": "1.0", "instruction set": "AVX",
    })  # fmt: skip
    run = train(resume=True)
    (said,) = [text for *_, text in run.history.events if "not bit-identical" in text]
    assert "continues, not bit-identical, because" in said
    assert "threads is 99, it was" in said
    assert "numpy is 1.0, it was" in said
    assert "the instruction set is another" in said


# ----- processes ----------------------------------------------------------------------------------


def test_in_a_new_process(whole, tmp_path):
    cut(13)
    script = tmp_path / "script.py"
    script.write_text(
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_resume import *\n"
        "run = train(resume=True)\n"
        "print(json.dumps(run.history['loss'].tolist()))\n"
    )
    done = subprocess.run([sys.executable, script, Path(__file__).parent], text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == whole.history["loss"].tolist()


TRIALS = Path(__file__).parent / "kill_trials.py"


def check_kills(tmp_path, count, seed):
    done = subprocess.run([sys.executable, TRIALS, tmp_path, str(count), str(seed)],
                          text=True, capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["killed"] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_random_moments(tmp_path):
    check_kills(tmp_path, 3, 0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_fifty_random_moments(tmp_path):
    check_kills(tmp_path, 50, 1)
