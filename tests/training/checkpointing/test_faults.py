"""What goes wrong outside of a training: disks, clocks, locks, processes. Nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import nbdl
from nbdl import data, keras, nn
from nbdl.errors import DataError, TrainingError
from nbdl.training import Callback
from nbdl.training.archive import database, records
from nbdl.training.archive import store as stores
from nbdl.training.archive.recorder import recorder
from nbdl.training.archive.store import open_store
from nbdl.training.checkpointing import resume
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of, read
from nbdl.training.finite import NotFiniteError

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 64)
OPTIONS = {"epochs": 4, "batch_size": 8, "lr": 0.01, "schedule": "cosine"}
STEPS = 32


def net():
    nbdl.manual_seed(7)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))


def train(model=None, given=(X, Y), **options):
    return nbdl.train(model or net(), given, progress=False, **options)


class At(Callback):
    """Calls functions of the run after their steps."""

    def __init__(self, actions):
        self.actions = actions

    def on_step_end(self, run):
        if run.step in self.actions:
            self.actions[run.step](run)


def stopped(step=13, **options):
    return train(**{**OPTIONS, **options}, callbacks=At({step: lambda run: run.stop()}))


def losses(run):
    """Of a run, or of what the store has kept of it."""
    history = run.history() if callable(run.history) else run.history
    return history["loss"].tolist()


@pytest.fixture
def whole():
    """The losses of a run that nothing happens to."""
    return losses(train(**OPTIONS, store=False))


def until(true, seconds=20):
    """Wait for what another thread does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def warnings_of(run):
    return [text for _, kind, text in run.history.events if kind == "warning"]


def python(code, place, *before):
    """Start a program that trains; ``before`` stands before it in the command."""
    start = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_faults import *
    """
    return subprocess.Popen(
        [*before, sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(code)],
        cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


# ----- the store ----------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0.02)


def test_a_store_that_is_locked_from_before_the_start_to_after_the_end_gets_everything(
    impatient, whole
):  # fmt: skip
    store = open_store()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    run = train(**OPTIONS)
    assert (run.status, losses(run)) == ("finished", whole)
    assert list(nbdl.runs()) == []
    assert len(warnings_of(run)) == 1
    assert "is locked by another program; training goes on" in warnings_of(run)[0]
    other.execute("COMMIT")
    other.close()
    until(lambda: not recorder.has(run.id))
    kept = nbdl.runs()[0]
    assert (kept.status, kept.step, losses(kept)) == ("finished", STEPS, whole)


def test_a_full_disk_holds_up_the_store_until_there_is_room(whole):
    store = open_store()
    limit = "PRAGMA max_page_count"  # what SQLite says then is what it says of a full disk

    def fill(run):
        recorder.sync()
        store._db.execute(f"{limit} = 1")  # as many as there are now
        run.note("x" * 500_000)  # needs more

    run = train(**OPTIONS, callbacks=At({3: fill, 20: lambda run: recorder.sync()}))
    assert losses(run) == whole
    assert nbdl.runs()[0].step <= 3
    assert len(warnings_of(run)) == 1
    assert "the disk is full; training goes on" in warnings_of(run)[0]
    store._db.execute(f"{limit} = 100000")
    until(lambda: not recorder.has(run.id))
    kept = nbdl.runs()[0]
    assert (kept.status, kept.step, losses(kept)) == ("finished", STEPS, whole)


def test_an_edit_of_a_run_in_a_locked_store_is_said_in_words(impatient):
    train(**OPTIONS, name="net")
    kept = nbdl.runs()[0]
    other = sqlite3.connect(kept.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    kept.store._db.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(nbdl.errors.FileError, match="is locked by another program"):
        kept.tag("good")
    other.execute("COMMIT")
    other.close()
    kept.tag("good")
    assert nbdl.runs()[0].tags == ("good",)


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a small file system"
)
def test_a_small_disk_that_fills_and_is_emptied(tmp_path, monkeypatch, whole):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "nbdl", small]).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        monkeypatch.chdir(small)

        def fill(run):
            recorder.sync()
            with open("ballast", "wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096):
                        pass
                except OSError:
                    pass

        run = train(**OPTIONS, checkpoint={"steps": 5}, callbacks=At({
            13: fill, 20: lambda run: recorder.sync(),
        }))  # fmt: skip
        assert (run.status, losses(run)) == ("finished", whole)
        said = "\n".join(warnings_of(run))
        assert said.count("the disk is full") == said.count("No space left on device") == 1
        for path in checkpoint_files(folder_of(small / ".nbdl" / "runs.sqlite", run.id)):
            assert read(path).state.step <= 13
        Path("ballast").unlink()
        until(lambda: not recorder.has(run.id))
        kept = nbdl.runs()[0]
        assert (kept.status, losses(kept)) == ("finished", whole)
    finally:
        monkeypatch.undo()
        stores.forget_stores()
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root can make a folder read-only for a program",
)
def test_a_folder_that_is_read_only(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    done = python("""
        import warnings
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            stopped(step=5)
        print([str(w.message) for w in said])
        run = train(resume=True)
        print(run.status, run.step, [r.status for r in nbdl.runs()])
    """, place, "unshare", "-m", "sh", "-c",
        f'mount --bind {place} {place} && mount -o remount,ro,bind {place} || exit 77\n'
        f'cd {place}; exec "$@"', "sh")  # fmt: skip
    out = done.communicate()[0]
    if done.returncode == 77:
        pytest.skip(f"mounting is not allowed here: {out}")
    assert done.returncode == 0, out
    assert f"runs are kept in {tmp_path}/home" in out
    assert f"finished {STEPS} ['finished']" in out
    assert list(place.iterdir()) == []


# ----- clocks -------------------------------------------------------------------------------------


def test_a_clock_that_jumps_by_hours_changes_no_duration_and_no_number(monkeypatch, whole):
    real, jumps = time.time, [0.0, 5 * 3600.0, -9 * 3600.0, 86_400.0, 3.0]
    hours = [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + hours[0])
    seen = []

    def jump(run):
        hours[0] = jumps[run.step % len(jumps)]
        seen.append((run.elapsed, run.eta))

    every = {step: jump for step in range(1, STEPS)}
    first = train(**OPTIONS, checkpoint=3, callbacks=At({
        **{step: jump for step in range(1, 17)}, 17: lambda run: run.stop(),
    }))  # fmt: skip
    assert first.step == 17
    hours[0] = -100_000.0
    run = train(resume=True, callbacks=At(every))
    assert losses(run) == whole
    assert all(0 <= elapsed < 600 for elapsed, _ in seen)
    assert all(eta is None or 0 <= eta < 600 for _, eta in seen)
    assert 0 <= run.elapsed < 600
    second = train(**OPTIONS)  # by the clock it began before the first
    assert [kept.id for kept in nbdl.runs()] == [second.id, run.id]
    assert 0 <= nbdl.runs()[0].duration < 600


# ----- numbers that are none ----------------------------------------------------------------------


class Breaks(nn.Module):
    """Gives NaN from the time on when it is told to."""

    def __init__(self):
        super().__init__()
        self.fc, self.broken = nn.Linear(6, 3), False

    def forward(self, x):
        y = self.fc(x)
        return nbdl.log(y - 1e9) if self.broken else y


def breaking():
    nbdl.manual_seed(3)
    return Breaks()


def test_a_loss_that_becomes_nan_ends_the_run_and_the_state_before_it_goes_on():
    whole = train(breaking(), **OPTIONS, store=False, name="net")
    model = breaking()
    with pytest.raises(NotFiniteError, match=r"the loss became NaN\n.*Log made the first NaN"):
        train(model, **OPTIONS, name="net",
              callbacks=At({10: lambda run: setattr(model, "broken", True)}))  # fmt: skip
    assert (nbdl.runs()[0].status, nbdl.runs()[0].step) == ("failed", 10)
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())
    run = train(breaking(), resume=True, name="net")
    assert losses(run) == losses(whole)


def test_weights_that_an_update_has_spoilt_are_named():
    with pytest.raises(NotFiniteError, match=r"the update before made '0\.weight' infinite or NaN"):
        train(given=(X * 1000, Y), optim="sgd", lr=1e38)


# ----- processes ----------------------------------------------------------------------------------


class Deadly(data.Dataset):
    """The process that reads sample 37 is killed, as long as there is a file ``armed``."""

    def __init__(self, armed):
        self.armed = str(armed)

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        if i == 37 and os.path.exists(self.armed):
            os.kill(os.getpid(), signal.SIGKILL)
        return X[i], int(Y[i])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_loader_process_that_is_killed_fails_the_run_by_name_and_it_goes_on(tmp_path):
    pytest.importorskip("cloudpickle")
    armed = tmp_path / "armed"

    def loader():
        return data.DataLoader(Deadly(armed), 8, shuffle=True, num_workers=2, processes=True)

    whole = train(given=loader(), epochs=2, store=False)
    armed.touch()
    with pytest.raises(DataError, match=r"was killed by SIGKILL while reading samples .*37"):
        train(given=loader(), epochs=2)
    kept = nbdl.runs()[0]
    assert kept.status == "failed"
    assert kept.message.startswith("LoaderProcessError: loader process")
    armed.unlink()
    run = train(given=loader(), resume=True)
    assert losses(run) == losses(whole)


def test_several_programs_train_in_a_new_folder_at_once(tmp_path, whole):
    programs = [python("train(**OPTIONS)", tmp_path) for _ in range(3)]
    said = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0], said
    assert [kept.status for kept in nbdl.runs()] == ["finished"] * 3
    assert all(losses(kept) == whole for kept in nbdl.runs())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_run_that_another_program_trains_is_not_resumed_until_it_is_killed(tmp_path):
    program = python("""
        train(**{**OPTIONS, "epochs": 9, "checkpoint": 2}, callbacks=At({
            13: lambda run: (recorder.sync(), print("there", flush=True), time.sleep(600)),
        }))
    """, tmp_path)  # fmt: skip
    try:
        assert program.stdout.readline() == "there\n"
        with pytest.raises(TrainingError, match=f"under way in another process, {program.pid}\n"):
            train(resume=True)
        nbdl.runs()[0].note = "it goes on"  # other things may be written meanwhile
        assert nbdl.runs()[0].status == "running"
    finally:
        program.kill()
        program.communicate()
    assert nbdl.runs()[0].status == "killed"
    run = train(resume=True)
    assert (run.status, run.step) == ("finished", 72)
    assert losses(run) == losses(train(**{**OPTIONS, "epochs": 9}, store=False))


def test_of_two_that_resume_a_run_at_once_one_is_refused(monkeypatch):
    first = stopped()
    store = open_store()
    find = store.find

    def other_comes_between(run):
        row = find(run)
        monkeypatch.setattr(store, "find", find)
        store._db.execute("UPDATE runs SET status = 'waiting', pid = ?", (os.getppid(),))
        return row

    found = resume.find(True, "Sequential")
    monkeypatch.setattr(store, "find", other_comes_between)
    with pytest.raises(TrainingError, match="has just been taken up by another process"):
        resume.take_over(found)
    with pytest.raises(TrainingError, match="is under way in another process"):
        train(resume=first.id)


def test_a_process_that_has_the_number_of_a_former_one_trains_nothing_of_it(monkeypatch):
    store = open_store()
    for pid, gone in ((os.getpid(), True), (os.getppid(), False)):
        store.add_run(str(pid), "net", {}, status="running", pid=pid)
        assert (nbdl.runs()[0].status == "killed") == gone

    class Newer(psutil.Process):
        def create_time(self):
            return time.time() + 1000

    monkeypatch.setattr(psutil, "Process", Newer)
    assert nbdl.runs()[0].status == "killed"
    assert records.is_gone({"host": "elsewhere", "seen": time.time() - 1000})


# ----- what cannot go on --------------------------------------------------------------------------


def keras_model():
    nbdl.manual_seed(7)
    layers = keras.layers.Dense(12, activation="relu", name="a"), keras.layers.Dense(3, name="b")
    return keras.Sequential(list(layers))


def test_a_keras_model_goes_on_where_it_was_trained_by_train():
    whole = train(keras_model(), **OPTIONS, store=False)
    train(keras_model(), **OPTIONS, callbacks=At({13: lambda run: run.stop()}))
    assert losses(train(keras_model(), resume=True)) == losses(whole)


def test_a_run_with_enough_steps_is_finished():
    stopped()
    with pytest.raises(TrainingError, match=r"is finished: 13 steps done\n.*max_steps=113"):
        train(resume=True, max_steps=5)
    assert train(resume=True, max_steps=20).step == 20


def test_snapshots_and_going_on():
    first = stopped(history=40)
    run = train(resume=True)
    whole = train(**OPTIONS, store=False, history=40)
    for step in (13, 20):
        for a, b in zip(run.at(step).parameters(), whole.at(step).parameters(), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert losses(run.branch(20, epochs=4))[-12:] == losses(whole)[-12:]
    assert first.at(5) is not None
