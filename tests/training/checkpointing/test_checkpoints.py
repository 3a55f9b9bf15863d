"""Checkpoint files: when they are written, which stay, and what damage and full disks do."""

import errno
import os
import subprocess
import time

import numpy as np
import pytest

import nbdl
from nbdl import files, nn
from nbdl.errors import ArgumentError, FileError, TrainingError
from nbdl.training import Callback
from nbdl.training.checkpointing import checkpoints
from nbdl.training.checkpointing.checkpoints import checkpoint_files, read, step_of
from nbdl.training.checkpointing.policy import as_policy

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X @ np.array([[1.0], [2.0], [-1.0], [0.5]], np.float32)


def trained(**options):
    given = {"loss": "mse", "optim": "sgd", "lr": 0.01, "epochs": 3, "batch_size": 8, **options}
    return nbdl.train(nn.Linear(4, 1), (X, Y), name="line", progress=False, **given)


def folder(run):
    return checkpoints.folder_of(nbdl.training.archive.store.open_store().path, run.id)


def steps(run):
    return [step_of(path) for path in checkpoint_files(folder(run))]


def test_a_short_run_leaves_its_end_and_nothing_else():
    run = trained()
    assert os.listdir(folder(run)) == ["step-00000012.safetensors"]
    kept = read(folder(run) / "step-00000012.safetensors")
    assert (kept.state.step, kept.run["id"], kept.run["name"]) == (12, run.id, "line")
    assert kept.run["config"]["optim"] == "sgd"
    np.testing.assert_array_equal(kept.state.weights()["weight"], run.model.weight.numpy())


def test_none_are_kept_where_none_are_wanted(tmp_path):
    for options in ({"checkpoint": False}, {"store": False}):
        run = trained(**options)
        assert run.checkpoints is None
        with pytest.raises(TrainingError, match="keeps no checkpoints"):
            run.save()
    assert not (tmp_path / ".nbdl" / "checkpoints").exists()


class Wait(Callback):
    """Lets the writer come up with the training."""

    def on_step_end(self, run):
        while run.checkpoints._waiting is not None:
            time.sleep(0.001)


def test_every_so_many_steps_and_the_newest_stay():
    run = trained(checkpoint={"steps": 2, "keep": 3}, max_steps=11, epochs=9, callbacks=Wait())
    assert run.status == "finished"
    assert steps(run) == [11]  # a finished run needs but its end

    class Fail(Wait):
        def on_step_end(self, run):
            super().on_step_end(run)
            if run.step == 9:
                raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        trained(checkpoint={"steps": 2, "keep": 3}, callbacks=Fail())
    failed = nbdl.training.last_run()
    assert steps(failed) == [6, 8, 9]


def test_what_was_asked_for_stays():
    class Save(Wait):
        def on_step_end(self, run):
            super().on_step_end(run)
            if run.step == 3:
                run.save()

    run = trained(callbacks=Save())
    assert os.listdir(folder(run)) != []
    assert sorted(os.listdir(folder(run))) == [
        "step-00000003-saved.safetensors", "step-00000012.safetensors",
    ]  # fmt: skip
    with pytest.raises(TrainingError, match="nothing to save"):
        run.save()


def test_the_best_epoch_stays():
    class Worsen(Wait):
        def on_epoch_start(self, run):
            if run.epoch == 3:
                run.set_lr(2.0)

    run = trained(checkpoint={"best": "val_loss"}, val=(X, Y), epochs=5, callbacks=Worsen())
    losses = [values["val_loss"] for values in run.epoch_values]
    assert int(np.argmin(losses)) == 1
    assert steps(run) == [8, 20]
    best = read(checkpoint_files(folder(run))[0])
    assert best.state.rest["run"]["epoch_values"][-1]["val_loss"] == min(losses)


def test_by_the_clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])

    class Tick(Wait):
        def on_step_end(self, run):
            super().on_step_end(run)
            now[0] += 25.0

    taken = []
    capture = checkpoints.capture
    monkeypatch.setattr(
        checkpoints, "capture", lambda run, live: taken.append(run.step) or capture(run, live=live)
    )
    trained(checkpoint={"minutes": 1}, epochs=1, batch_size=2, callbacks=Tick())
    assert taken == [0, 3, 6, 9, 12, 15, 16]


def test_writing_keeps_to_its_share_of_the_time():
    run = trained()
    kept = run.checkpoints
    assert not kept._may(kept._begun + 99 * kept._spent)
    assert kept._may(kept._earliest)
    assert kept._earliest == kept._begun + 100 * (kept._spent + kept._cost)


# ----- damage -------------------------------------------------------------------------------------


def good_file():
    path = folder(trained()) / "step-00000012.safetensors"
    return path, path.read_bytes()


def test_a_flipped_bit_is_found_wherever_it_is():
    path, good = good_file()
    state = read(path).state
    for place in range(0, 8 * len(good), 61):
        raw = bytearray(good)
        raw[place // 8] ^= 1 << place % 8
        path.write_bytes(raw)
        try:
            found = read(path).state
        except FileError:
            continue
        assert found.rest == state.rest  # such as a blank that became a tab


@pytest.mark.parametrize("damage", [
    lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: raw[:-1],
    lambda raw: raw[:-64] + bytes(64), lambda raw: bytes(64) + raw[64:],
])  # fmt: skip
def test_a_truncated_or_zeroed_file_is_refused(damage):
    path, good = good_file()
    path.write_bytes(damage(good))
    with pytest.raises(FileError, match=path.name):
        read(path)


def test_a_file_of_weights_is_no_checkpoint(tmp_path):
    path = nbdl.save(np.ones(3), tmp_path / "w.safetensors")
    with pytest.raises(FileError, match="no checkpoint of a training"):
        read(path)


# ----- disks --------------------------------------------------------------------------------------


def test_a_full_disk_ends_nothing_and_leaves_the_last_good_file(monkeypatch):
    write_whole = files.write_whole

    def full(path, write, *, synced=True):
        if step_of(path) > 4:
            raise FileError(f"{str(path)!r} could not be written: No space left on device")
        write_whole(path, write, synced=synced)

    monkeypatch.setattr(files, "write_whole", full)
    run = trained(checkpoint=2, callbacks=Wait())
    assert (run.status, run.step) == ("finished", 12)
    assert steps(run)[-1] == 4
    said = [text for _, kind, text in run.history.events if kind == "warning"]
    assert len(said) >= 1
    assert "No space left on device" in said[0]
    assert "the last good one: it is that of step 4" in said[0]
    assert any("No space" in text for *_, text in nbdl.runs()[run.id].history().events)


def test_half_written_files_are_gone(monkeypatch, tmp_path):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(FileError, match="No space"):
        files.write_arrays(tmp_path / "a.safetensors", {"x": np.ones(3)}, {})
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system can only be mounted by root")
def test_a_small_disk_that_fills(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "nbdl", small]).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (small / ".nbdl").mkdir()
        store = small / ".nbdl" / "runs.sqlite"
        net = nn.Sequential(nn.Linear(4, 1000), nn.ReLU(), nn.Linear(1000, 100), nn.Linear(100, 1))
        run = nbdl.train(net, (X, Y), loss="mse", epochs=2, batch_size=8, store=str(store),
                         checkpoint={"steps": 1, "keep": 9}, progress=False,
                         callbacks=Wait())  # fmt: skip
        assert (run.status, run.step) == ("finished", 8)
        assert any("No space left" in text for _, kind, text in run.history.events)
        for path in checkpoint_files(checkpoints.folder_of(store, run.id)):
            read(path)
    finally:
        nbdl.training.archive.store.forget_stores()
        subprocess.run(["umount", small], check=True)


def test_a_state_without_a_plain_value_is_told_and_ends_nothing():
    class Odd(Callback):
        def state_dict(self):
            return {"f": print}

        def load_state_dict(self, state):
            pass

    run = trained(callbacks=Odd())
    assert run.status == "finished"
    assert any("has no plain value" in text for *_, text in run.history.events)


def test_strays_are_swept():
    run = trained()
    stray = folder(run) / ".step-00000099.safetensors.abcd.tmp"
    stray.write_bytes(b"half")
    run.checkpoints.begin()
    assert not stray.exists()


# ----- options ------------------------------------------------------------------------------------


def test_what_checkpoint_may_be():
    assert as_policy(True).seconds == 60
    assert as_policy(False) is None
    assert as_policy(500).steps == 500
    assert as_policy(500).seconds is None
    assert as_policy("minutes=10, best='val_accuracy'").seconds == 600
    assert as_policy({"keep": 5}).keep == 5
    assert as_policy({"best": "val_accuracy"}).score({"val_accuracy": 0.5}) == -0.5
    assert as_policy(True).score({"loss": 1.0}) is None


@pytest.mark.parametrize(("given", "words"), [
    (0, "steps must be a whole number"), ({"minutes": 0}, "a number above 0"),
    ({"kep": 2}, "no option 'kep'.*keep"), ({"keep": 0}, "keep must be"), (1.5, "got 1.5"),
    ({"best": 3}, "name of a series"), ("minutes", "cannot be read"),
])  # fmt: skip
def test_what_it_may_not_be(given, words):
    with pytest.raises(ArgumentError, match=words):
        trained(checkpoint=given)


def test_epochs_are_added():
    class More(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 2:
                run.add_epochs(2)

    run = trained(callbacks=More())
    assert (run.epochs, run.epoch, run.step, run.total_steps) == (5, 5, 20, 20)
    assert run.message == "5 epochs done"
    with pytest.raises(TrainingError, match="is finished: there is nothing to add epochs to"):
        run.add_epochs(1)
    with pytest.raises(ArgumentError, match="add_epochs must be a whole number"):
        run.add_epochs(0)
