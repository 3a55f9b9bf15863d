"""Runs under way: controls, interrupts, readers, events, gradient samples, the store."""

from __future__ import annotations

import _thread
import copy
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

import nbdl
from nbdl import events, nn
from nbdl.errors import ArgumentError
from nbdl.training import Callback

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def start(model=None, **options):
    options = {"epochs": 100_000, "batch_size": 16, "wait": False, "store": False} | options
    return nbdl.train(model or net(), (X, Y), **options)


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def test_pause_single_step_resume_and_stop():
    run = start()
    until(lambda: run.step > 5)
    run.pause()
    until(lambda: run.status == "paused")
    step = run.step
    time.sleep(0.05)
    assert run.step == step
    run.single_step()
    run.single_step()
    until(lambda: run.step == step + 2 and run.status == "paused")
    time.sleep(0.02)
    assert run.step == step + 2
    run.resume()
    until(lambda: run.step > step + 5)
    assert run.status == "running"
    run.stop()
    assert run.wait().status == "stopped"
    assert "stopped by hand after step" in run.message
    assert run.history.count("loss") == run.step


def test_the_time_left_stands_still_while_a_run_is_paused():
    run = start()
    until(lambda: run.step > 20)
    run.pause()
    until(lambda: run.status == "paused")
    before = run.eta
    time.sleep(0.3)
    assert run.eta - before < 0.1 * run.total_steps / run.step
    run.stop()
    run.wait()


def test_a_paused_run_can_be_stopped():
    run = start()
    run.pause()
    until(lambda: run.status == "paused")
    run.stop()
    assert run.wait(10).status == "stopped"


def test_the_learning_rate_can_be_set_and_is_noted():
    run = start(lr=0.01)
    until(lambda: run.step > 3)
    run.set_lr(0.002)
    until(lambda: run.history.last("lr") == 0.002)
    run.stop()
    run.wait()
    assert run.optimizers[0].param_groups[0]["lr"] == 0.002
    assert any("learning rate 0.002, before 0.01" in e[2] for e in run.history.events)
    with pytest.raises(ArgumentError, match="lr must be a positive number"):
        run.set_lr(0)


def test_setting_the_learning_rate_switches_the_schedule_off():
    run = start(lr=0.01, schedule="cosine")
    until(lambda: run.step > 3)
    run.set_lr(0.5)
    until(lambda: run.lr == 0.5)
    step = run.step
    until(lambda: run.step > step + 10)
    assert run.lr == 0.5
    run.stop()
    run.wait()


def test_readers_see_whole_steps_only():
    class Pair(nn.Module):
        """Two parameters that are equal after each whole step."""

        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(np.ones(3, np.float32))
            self.b = nn.Parameter(np.ones(3, np.float32))

        def forward(self, x):
            return (self.a + self.b) * x[:, :3]

    model = Pair()
    run = start(model, optim="sgd")
    until(lambda: run.step > 2)
    seen = []
    for _ in range(50):
        with run.frozen():
            step = run.step
            np.testing.assert_array_equal(model.a.numpy(), model.b.numpy())
            seen.append(step)
            assert run.step == step
        time.sleep(0.002)
    assert len(set(seen)) > 5  # it trained on between the looks
    run.stop()
    run.wait()


def test_evaluating_a_model_in_training_disturbs_neither():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    alone = copy.deepcopy(model)
    run = start(model, max_steps=300)
    while run.is_alive:
        assert nbdl.evaluate(model, (X, Y))["loss"] > 0
    run.wait()
    start(alone, max_steps=300).wait()
    assert run.history["loss"].tolist() == nbdl.training.last_run().history["loss"].tolist()


def test_a_state_dict_and_a_saved_file_are_of_one_step(tmp_path):
    class Pair(nn.Module):
        """Two parameters that are equal after each whole step."""

        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(np.ones((800, 800), np.float32))
            self.b = nn.Parameter(np.ones((800, 800), np.float32))

        def forward(self, x):
            return (self.a + self.b).mean() * x[:, :3]

    model = Pair()
    run = start(model, optim="sgd(momentum=0.9)", lr=100.0)
    until(lambda: run.step > 2)
    steps = set()
    for i in range(60):
        state = model.state_dict()
        if i % 6 == 0:
            state = nbdl.load(nbdl.save(model, tmp_path / "pair.safetensors"))
        np.testing.assert_array_equal(state["a"].numpy(), state["b"].numpy())
        steps.add(run.step)
    assert len(steps) > 5
    first = {name: x.numpy() + 1 for name, x in model.state_dict().items()}
    model.load_state_dict(first)
    run.stop()
    run.wait()
    np.testing.assert_array_equal(model.a.numpy(), model.b.numpy())


def test_readers_never_change_the_mode_of_a_step_nor_of_a_validation():
    seen = set()

    class Watch(nn.Module):
        """Says in which mode it is called, with gradients and without."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            seen.add((nbdl.is_grad_enabled(), self.training))
            y = self.linear(x)
            time.sleep(0.0005)
            seen.add((nbdl.is_grad_enabled(), self.training))
            return y

    model = Watch().eval()
    run = start(model, val=(X, Y), batch_size=32, epochs=40, check=False)
    while run.is_alive:
        nbdl.evaluate(model, (X, Y), batch_size=16)
        nbdl.predict(model.linear, X)
    run.wait()
    assert seen == {(True, True), (False, False)}
    assert not model.training


def test_a_callback_may_evaluate_while_others_read():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    losses = []

    def look(run):
        losses.append([nbdl.evaluate(model, (X, Y))["loss"] for _ in range(2)])

    run = start(model, epochs=30, callbacks=look)
    while run.is_alive:
        with run.frozen():
            time.sleep(0.001)
    run.wait()
    assert len(losses) == 30
    assert all(a == b for a, b in losses)


def test_interrupting_a_wait_ends_between_steps_with_everything_kept():
    run = start()
    until(lambda: run.step > 3)
    timer = threading.Timer(0.1, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt, match="was interrupted after step"):
        run.wait()
    timer.join()
    assert run.status == "interrupted"
    assert run.history.count("loss") == run.step
    with pytest.raises(KeyboardInterrupt):
        run.wait()


def test_after_an_interrupt_in_an_epoch_the_model_is_that_of_the_last_whole_step():
    model = net()
    last = {}

    class Remember(Callback):
        def on_step_end(self, run):
            last[run.step] = [p.numpy() for p in model.parameters()]

    run = start(model, callbacks=Remember(), batch_size=1)
    until(lambda: run.step > 10)
    run.interrupt()
    run.join(10)
    assert run.step > 10
    for p, kept in zip(model.parameters(), last[run.step], strict=True):
        np.testing.assert_array_equal(p.numpy(), kept)


def test_an_interrupt_may_come_from_a_signal_handler():
    run = start()
    until(lambda: run.step > 3)
    before = signal.signal(signal.SIGUSR1, lambda *_: run.interrupt())
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert run.join(10)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert run.status == "interrupted"


def test_wait_with_a_timeout_comes_back():
    run = start()
    assert run.wait(0.05).is_alive
    run.stop()
    run.wait()


def test_events_are_fired_in_order_and_listeners_may_fail():
    seen = []
    kinds = (events.RunStarted, events.StepDone, events.EpochDone, events.RunFinished)
    undo = [events.subscribe(k, lambda e: seen.append((type(e).__name__, e.run.step)))
            for k in kinds]  # fmt: skip

    def bad(event):
        raise RuntimeError("the view is broken")

    undo.append(events.subscribe(events.StepDone, bad))
    try:
        run = nbdl.train(net(), (X, Y), epochs=2, batch_size=32)
    finally:
        for unsubscribe in undo:
            unsubscribe()
    assert seen == [
        ("RunStarted", 0), ("StepDone", 1), ("StepDone", 2), ("EpochDone", 2), ("StepDone", 3),
        ("StepDone", 4), ("EpochDone", 4), ("RunFinished", 4),
    ]  # fmt: skip
    warned = [text for _, kind, text in run.history.events if kind == "warning"]
    assert warned == ["a listener failed: RuntimeError: the view is broken"]


def test_gradient_norms_are_sampled_and_right():
    model = net()
    norms = {}

    class Check(Callback):
        def on_step_end(self, run):
            norms[run.step] = [float(np.linalg.norm(p.grad.numpy())) for p in model.parameters()]

    before = [p.numpy().copy() for p in model.parameters()]
    run = nbdl.train(model, (X, Y), epochs=1, batch_size=64, optim="sgd", lr=0.5, callbacks=Check())
    g = run.history.gradients
    assert g.layers == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert g.steps.tolist() == [1]
    np.testing.assert_allclose(g.norms[0], norms[1], rtol=1e-5)
    np.testing.assert_allclose(g.updates[0], 0.5 * np.array(norms[1]), rtol=1e-3)
    np.testing.assert_allclose(
        g.weights[0], [np.linalg.norm(p.numpy()) for p in model.parameters()], rtol=1e-5
    )
    assert not np.array_equal(before[0], model[0].weight.numpy())


def test_long_trainings_are_sampled_ever_more_rarely():
    run = start(max_steps=3000)
    run.wait()
    steps = run.history.gradients.steps
    assert 5 < len(steps) < 2000
    assert np.diff(steps)[-3:].min() >= 2


def test_the_throughput_and_the_time_left_are_measured():
    run = start()
    until(lambda: run.history.count("throughput") > 1)
    assert run.throughput > 0
    assert run.eta > 0
    assert run.total_steps == 400_000
    run.stop()
    run.wait()


def test_runs_are_kept_in_the_store_while_they_run_and_after():
    run = start(store=True, name="lenet", epochs=3, source="Sequential(...)")
    run.wait()
    [kept] = nbdl.runs()
    assert (kept.id, kept.name, kept.status, kept.step) == (run.id, "lenet", "finished", 12)
    assert kept.config["loss"] == "cross_entropy"
    assert kept.config["lr"] == 1e-3
    assert "Linear" in kept.model
    np.testing.assert_array_equal(kept.history()["loss"], run.history["loss"])
    np.testing.assert_allclose(kept.history().gradients.norms, run.history.gradients.norms)


@pytest.mark.parametrize("watched", [False, True])
def test_text_progress_is_drawn_when_no_view_shows_the_run(capsys, watched):
    class Slow(Callback):
        def on_step_end(self, run):
            time.sleep(0.3)

    def show(event):
        event.run.watched = watched

    unsubscribe = events.subscribe(events.RunStarted, show)
    nbdl.train(net(), (X, Y), epochs=2, batch_size=32, callbacks=Slow())
    unsubscribe()
    assert ("epoch 2/2" in capsys.readouterr().err) is not watched


def test_the_training_thread_prints_nothing(capsys):
    nbdl.train(net(), (X * 1e30, Y), epochs=2, lr=1e-3, progress=False, clip_norm=1.0)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


SCRIPT = """
import numpy as np, nbdl
from nbdl import nn
x = np.ones((64, 4), np.float32)
run = nbdl.train(nn.Linear(4, 3), (x, np.zeros(64, int)), epochs=10**6, wait={wait})
print("started", flush=True)
{rest}
"""


@contextmanager
def script(tmp_path, **parts):
    """The script, running; killed and its pipes closed at the end of the block."""
    root = os.path.dirname(os.path.dirname(nbdl.__file__))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(**parts)], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}, text=True,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


def test_a_program_that_ends_while_it_trains_keeps_whole_steps(tmp_path):
    with script(tmp_path, wait=False, rest="import time; time.sleep(1)") as child:
        _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    [kept] = nbdl.runs()
    assert kept.status == "interrupted"
    assert "the program ended" in kept.message
    assert kept.history().count("loss") == kept.step > 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_in_a_script_ends_the_training_and_the_script(tmp_path):
    with script(tmp_path, wait=True, rest="print('not reached')") as child:
        until(lambda: (tmp_path / ".nbdl" / "runs.sqlite").exists(), 60)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert "KeyboardInterrupt: the training of 'Linear' was interrupted after step" in err
    assert "not reached" not in out
    assert nbdl.runs()[0].status == "interrupted"


def test_a_killed_program_leaves_what_was_written(tmp_path):
    with script(tmp_path, wait=False, rest="run.wait()") as child:
        child.stdout.readline()
        time.sleep(2)
        child.kill()
        child.communicate()
    [kept] = nbdl.runs()
    assert kept.status == "killed"
    assert kept.history().count("loss") > 0
