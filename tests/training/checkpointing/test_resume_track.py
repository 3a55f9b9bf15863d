"""Loops of one's own: they go on as if they had never been stopped, or say why not."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import nbdl
from nbdl import data, keras, nn
from nbdl.errors import ArgumentError, DataError, FileError, TrainingError
from nbdl.training.archive.store import open_store
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of, read, write

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 64)
STEPS = 32


class Mine:
    """All that a loop of one's own may consist of, as its cell makes it."""

    def __init__(self, **options):
        nbdl.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        self.net = nn.Sequential(
            nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3)
        )
        self.optimizer = nbdl.optim.AdamW(self.net.parameters(), lr=0.01)
        self.scheduler = nbdl.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)
        self.noise = np.random.default_rng(7)
        given = {"epochs": 4} if not options.get("resume") else {}
        self.loader = data.DataLoader((X, Y), 8, shuffle=True)
        self.run = nbdl.track(
            self.loader, model=self.net, optimizer=self.optimizer, name="mine", progress=False,
            state={"scheduler": self.scheduler, "noise": self.noise}, **given | options,
        )  # fmt: skip

    def step(self, x, y):
        x = x + 0.1 * random.random() + 0.1 * np.random.rand() + 0.1 * self.noise.random()
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.run.log(loss=loss)

    def go(self, until=None, how="stop"):
        """Go through the loop; ``how`` it ends in the step ``until``."""
        for x, y in self.run:
            if self.run.step + 1 == until:
                if how == "before":
                    self.net(x)  # draws, and moves the statistics of the batch norm
                    break
                if how == "interrupt":
                    self.run.interrupt()
                elif how == "stop":
                    self.run.stop()
            self.step(x, y)
            if self.run.step + 1 == until and how == "after":
                break
            if self.run.step + 1 == until and how == "error":
                raise ZeroDivisionError
        return self


def gone(until=None, how="stop", **options):
    mine = Mine(**options)
    with contextlib.suppress(KeyboardInterrupt, ZeroDivisionError):
        mine.go(until, how)
    return mine


def check_same(mine, whole):
    assert mine.run.status == "finished"
    np.testing.assert_array_equal(mine.run.history["loss"], whole.run.history["loss"])
    for a, b in zip(mine.net.state_dict().values(), whole.net.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("whole"))
    try:
        return Mine(store=False).go()
    finally:
        os.chdir(before)


@pytest.mark.parametrize("how", ["stop", "interrupt", "before", "after", "error"])
@pytest.mark.parametrize("step", [1, 8, 13, 32])
def test_it_goes_on_with_the_same_numbers_however_it_ended(whole, how, step):
    first = gone(step, how)
    done = step - (how == "before")
    assert first.run.step == done
    if done == STEPS and how in ("stop", "interrupt"):
        return  # all was done already
    mine = Mine(resume=True)
    assert (mine.run.id, mine.run.step) == (first.run.id, done)
    assert not any(text.startswith("with ") for *_, text in mine.run.history.events)
    np.random.rand(), random.random(), nbdl.rand(3)  # a cell in between
    check_same(mine.go(), whole)
    kept = nbdl.runs()
    assert [(run.status, run.step) for run in kept] == [("finished", STEPS)]
    np.testing.assert_array_equal(kept[0].history()["loss"], whole.run.history["loss"])


def test_without_checkpoints_being_kept_numbers_are_those_of_a_loop_without_track(whole):
    mine = Mine(store=False, checkpoint=False)
    check_same(mine.go(), whole)


def test_several_times_by_id_and_by_path_and_for_more_epochs(whole):
    first = gone(5)
    gone(9, resume=first.run.id)
    gone(17, "after", resume=True)
    folder = folder_of(open_store().path, first.run.id)
    path = checkpoint_files(folder)[-1]
    check_same(Mine(resume=str(path)).go(), whole)
    with pytest.raises(TrainingError, match=r"is finished: 4 epochs done(.|\n)*epochs=9"):
        Mine(resume=True)
    more = Mine(resume=True, epochs=6).go()
    assert (more.run.step, more.run.epoch) == (48, 6)


class Breaks:
    """Batches that cannot be read from the fifth on, as long as they are broken."""

    broken = True

    def __iter__(self):
        for i in range(8):
            if i == 5 and Breaks.broken:
                raise OSError("the disk is gone")
            yield nbdl.tensor(X[8 * i : 8 * i + 8]), nbdl.tensor(Y[8 * i : 8 * i + 8])


def test_data_that_cannot_be_read_fails_the_run_and_it_goes_on(monkeypatch):
    def go(**options):
        nbdl.manual_seed(7)
        net = nn.Linear(6, 3)
        optimizer = nbdl.optim.Adam(net.parameters(), lr=0.1)
        run = nbdl.track(Breaks(), model=net, optimizer=optimizer, name="breaks", **options)
        for x, y in run:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss)
        return run

    with pytest.raises(OSError, match="the disk is gone"):
        go()
    assert [(run.status, run.step) for run in nbdl.runs()] == [("failed", 5)]
    monkeypatch.setattr(Breaks, "broken", False)
    run, whole = go(resume=True), go(store=False)
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])


def test_epochs_may_be_added_while_it_goes():
    mine = Mine(epochs=1)
    for x, y in mine.run:
        mine.step(x, y)
        if mine.run.step == 2:
            mine.run.add_epochs(1)
    assert (mine.run.step, mine.run.message) == (16, "2 epochs done")


def test_a_checkpoint_can_be_asked_for(whole):
    mine = Mine()
    for x, y in mine.run:
        mine.step(x, y)
        if mine.run.step == 10:
            mine.run.save()
        if mine.run.step == 20:
            break
    files = checkpoint_files(folder_of(open_store().path, mine.run.id))
    saved = [path for path in files if path.stem.endswith("-saved")]
    assert [read(path).state.step for path in saved] == [11]
    check_same(Mine(resume=str(saved[0])).go(), whole)


# ----- half steps ---------------------------------------------------------------------------------


def accumulating(until=None, **options):
    """Updates after every third batch only; gradients are added up in between."""
    nbdl.manual_seed(7)
    net = nn.Linear(6, 3)
    optimizer = nbdl.optim.SGD(net.parameters(), lr=0.1)
    given = {} if options.get("resume") else {"epochs": 2, "batch_size": 8}
    run = nbdl.track((X, Y), model=net, optimizer=optimizer, name="sums", **given, **options)
    for x, y in run:
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        run.log(loss=loss)
        if run.step + 1 == until:
            break
        if run.step % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
    return run


@pytest.mark.parametrize("until", [2, 3, 4, 6])
def test_gradients_that_are_added_up_go_on(until):
    whole = accumulating(store=False)
    first = accumulating(until)
    assert first.step == until - 1  # without an update the step has never been
    run = accumulating(resume=True)
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])


def two(until=None, **options):
    """Two models and optimizers, as in a GAN."""
    nbdl.manual_seed(7)
    nets = {"a": nn.Linear(6, 3), "b": nn.Linear(6, 3)}
    optimizers = [nbdl.optim.Adam(net.parameters(), lr=0.1) for net in nets.values()]
    run = nbdl.track((X, Y), model=nets, optimizer=optimizers, name="gan",
                     **{"batch_size": 8, **options})  # fmt: skip
    for x, y in run:
        for net, optimizer in zip(nets.values(), optimizers, strict=True):
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(**{net._name or "loss": loss})
            if run.step + 1 == until:
                return run
    return run


def test_half_a_step_is_not_kept():
    first = two(5, checkpoint=2)
    assert first.step == 4
    assert any("left in the middle of step 5" in text for *_, text in first.history.events)
    whole = two(store=False)
    run = two(resume=True)
    assert any("goes on after step" in text for *_, text in run.history.events)
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])


def test_a_loop_that_changes_its_parameters_itself():
    def by_hand(until=None, **options):
        nbdl.manual_seed(7)
        net = nn.Linear(6, 3)
        run = nbdl.track((X, Y), model=net, optimizer=[], name="by hand",
                         **{"batch_size": 8, **options})  # fmt: skip
        for x, y in run:
            loss = nn.functional.cross_entropy(net(x), y)
            net.zero_grad()
            loss.backward()
            with nbdl.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
            run.log(loss=loss)
            if run.step + 1 == until:
                break
        return run

    whole = by_hand(store=False)
    assert by_hand(5).step == 5
    np.testing.assert_array_equal(by_hand(resume=True).history["loss"], whole.history["loss"])


# ----- processes that are killed ------------------------------------------------------------------


def python(code, place):
    start = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_resume_track import *
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(code)],
        cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    "step", [13, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 8, 16, 24, 31))]
)
def test_a_process_that_is_killed_in_the_middle_of_a_step(tmp_path, whole, step):
    done = python(f"""
        mine = Mine(checkpoint=3)
        for x, y in mine.run:
            while mine.run.checkpoints._waiting is not None:
                pass
            mine.step(x, y)
            if mine.run.step + 1 == {step}:
                nbdl.runs()  # the store has seen it
                os.kill(os.getpid(), signal.SIGKILL)
    """, tmp_path)  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert nbdl.runs()[0].status == "killed"
    mine = Mine(resume=True)
    assert mine.run.step == (step - 1) // 3 * 3
    check_same(mine.go(), whole)


# ----- what does not fit --------------------------------------------------------------------------


def test_what_cannot_be_kept_or_gone_on_with_is_said():
    net = nn.Linear(6, 3)
    optimizer = nbdl.optim.SGD(net.parameters(), lr=0.1)
    for options, words in (
        ({"checkpoint": 100, "model": net}, "checkpoint needs to know what the loop trains"),
        ({"checkpoint": "oft", "model": net, "optimizer": optimizer}, "checkpoint"),
        ({"state": [optimizer]}, r"state must be a dict(.|\n)*state=\{'scheduler': scheduler\}"),
        ({"state": {"rate": 0.1}}, r"state\['rate'\] is 0.1, which has no state_dict"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            nbdl.track((X, Y), **options)
    run = nbdl.track((X, Y), model=net)
    with pytest.raises(TrainingError, match=r"keeps no checkpoints(.|\n)*optimizer="):
        run.save()
    for _ in run:
        pass
    with pytest.raises(TrainingError, match="has kept no checkpoints"):
        nbdl.track((X, Y), model=net, optimizer=optimizer, resume=True)
    with pytest.raises(ArgumentError, match="unknown run to go on with 'other'"):
        nbdl.track((X, Y), model=net, optimizer=optimizer, resume=True, name="other")


def test_other_data_models_and_options_are_refused():
    first = gone(5)
    with pytest.raises(ArgumentError, match="resume needs to know what the loop trains, and by"):
        nbdl.track(first.loader, resume=first.run.id)
    net = nn.Linear(6, 4)
    optimizer = nbdl.optim.SGD(net.parameters(), lr=0.1)
    given = {"model": net, "optimizer": optimizer, "name": "mine", "resume": True}
    with pytest.raises(DataError, match="the data is not what this run was trained with"):
        nbdl.track(data.DataLoader((X[:32], Y[:32]), 8, shuffle=True), **given)
    with pytest.raises(ArgumentError, match="seed=3 cannot be changed"):
        nbdl.track(data.DataLoader((X, Y), 8, shuffle=True), seed=3, **given)
    with pytest.raises(TrainingError, match="is not the model that was trained"):
        nbdl.track(data.DataLoader((X, Y), 8, shuffle=True), **given)


def test_each_way_of_training_goes_on_by_itself():
    mine = gone(5)
    with pytest.raises(
        TrainingError, match=r"was not begun by nbdl.train\n(.|\n)*nbdl.track\(.*resume=True\)"
    ):
        nbdl.train(mine.net, mine.loader, resume=mine.run.id)
    run = nbdl.train(nn.Linear(6, 3), (X, Y), epochs=1, progress=False)
    with pytest.raises(TrainingError, match=r"was not begun by nbdl.track\n(.|\n)*nbdl.train\("):
        Mine(resume=run.id)


def test_a_file_whose_random_numbers_make_no_sense_is_refused():
    mine = gone(5)
    path = checkpoint_files(folder_of(open_store().path, mine.run.id))[-1]
    found = read(path)
    for part, key, value in (("chance", "python", [3, [1, 2], None]),
                             ("state/noise", "bit_generator", "MT19937")):  # fmt: skip
        rest = {**found.state.rest, "parts": dict(found.state.rest["parts"])}
        rest["parts"][part] = {**rest["parts"][part], key: value}
        write(path, type(found.state)(found.state.arrays, rest), found.run)
        with pytest.raises(FileError, match="makes no sense"):
            Mine(resume=str(path))


def test_an_optimizer_of_another_kind_is_watched_only():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.bind(model.parameters())
    run = nbdl.track((X, Y), model=model, optimizer=optimizer)
    for _ in run:
        pass
    assert run.config["checkpoint"] is False
    assert run.lr == 0.1
