"""A second interrupt: the step is left whole, before or after its update."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.core.random import default_generator
from nbdl.training import Callback, active_runs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)
AT = 3
"""The step in which the interrupts come, from 1."""


class Gate(nn.Module):
    """In training step AT it waits, and goes on when the test has had its say."""

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.goes = threading.Event(), threading.Event()
        self.calls = 0

    def forward(self, x):
        if self.training:
            vars(self)["calls"] += 1
            if self.calls == AT:
                self.waits.set()
                assert self.goes.wait(20)
        return x * 1.0


def net(gate):
    nbdl.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), gate, nn.Dropout(0.5), nn.Linear(8, 3)
    )


def twice(run, gate):
    """Two interrupts while the gate holds the step."""
    assert gate.waits.wait(20)
    run.interrupt()
    run.interrupt()
    gate.goes.set()
    assert run.join(20)


def state(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def after(steps):
    """The state of the model after so many undisturbed steps, and the run's draws."""
    gate = Gate()
    vars(gate)["calls"] = -100
    model = net(gate)
    run = nbdl.train(model, (X, Y), batch_size=16, max_steps=steps, store=False, compile=False)
    return state(model), run.generator.draw


def test_a_second_interrupt_leaves_the_step_before_it_changes_anything():
    gate = Gate()
    model = net(gate)
    run = nbdl.train(model, (X, Y), batch_size=16, wait=False, store=False, compile=False)
    twice(run, gate)
    assert (run.status, run.step) == ("interrupted", AT - 1)
    expected, draws = after(AT - 1)
    np.testing.assert_equal(state(model), expected)
    assert run.generator.draw == draws, "as if the step had never begun"


def test_one_interrupt_lets_the_step_finish():
    gate = Gate()
    model = net(gate)
    run = nbdl.train(model, (X, Y), batch_size=16, wait=False, store=False, compile=False)
    assert gate.waits.wait(20)
    run.interrupt()
    gate.goes.set()
    assert run.join(20)
    assert (run.status, run.step) == ("interrupted", AT)
    np.testing.assert_equal(state(model), after(AT)[0])


def test_two_interrupts_far_apart_let_the_step_finish(monkeypatch):
    monkeypatch.setattr("nbdl.training.controls.AGAIN_S", -1.0)
    gate = Gate()
    run = nbdl.train(net(gate), (X, Y), batch_size=16, wait=False, store=False, compile=False)
    twice(run, gate)
    assert (run.status, run.step) == ("interrupted", AT)


class Late(optim.SGD):
    """An optimizer in whose update, of step AT, two interrupts come."""

    run = None
    count = 0

    @classmethod
    def _update(cls, *args, **kwargs):
        if cls.run.step == AT - 1 and not cls.count:
            cls.count += 1
            cls.run.interrupt()
            cls.run.interrupt()
        return super()._update(*args, **kwargs)


def test_an_update_that_has_begun_is_finished():
    gate = Gate()
    vars(gate)["calls"] = -100
    model = net(gate)
    optimizer, Late.count = Late(model.parameters(), lr=0.1), 0

    class Begin(Callback):
        def on_start(self, run):
            Late.run = run

    run = nbdl.train(model, (X, Y), optim=optimizer, batch_size=16, wait=False, store=False,
                     compile=False, callbacks=Begin())  # fmt: skip
    assert run.join(20)
    assert Late.count == 1
    assert (run.status, run.step) == ("interrupted", AT)


def test_a_step_of_ones_own_is_left_before_its_first_update():
    gate, model = Gate(), nn.Linear(4, 3)
    gate.train()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    kept = []

    def step(x, y):
        loss = nn.functional.cross_entropy(gate(model(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept.append(state(model))
        return loss

    run = nbdl.train(step=step, data=(X, Y), model=model, batch_size=16, wait=False, store=False)
    twice(run, gate)
    assert (run.status, run.step) == ("interrupted", AT - 1)
    np.testing.assert_equal(state(model), kept[-1])


def test_a_step_of_ones_own_that_has_made_an_update_is_finished():
    first, model, gate = nn.Linear(4, 4), nn.Linear(4, 3), Gate()
    optimizers = [optim.SGD(m.parameters(), lr=0.1) for m in (first, model)]

    def step(x, y):
        for optimizer in optimizers:  # the second forward pass comes after the first update
            hidden = first(x)
            if optimizer is optimizers[1]:
                hidden = gate(hidden)
            loss = nn.functional.cross_entropy(model(hidden), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    run = nbdl.train(step=step, data=(X, Y), model=[first, model], batch_size=16, wait=False,
                     store=False)  # fmt: skip
    twice(run, gate)
    assert (run.status, run.step) == ("interrupted", AT)


def test_a_compiled_step_is_left_between_its_kernels():
    nbdl.manual_seed(0)
    width = 512
    model = nn.Sequential(
        nn.Linear(4, width), *[nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(6)],
        nn.Linear(width, 3),
    )  # fmt: skip
    x = RNG.normal(size=(4096, 4)).astype(np.float32)
    y = RNG.integers(0, 3, 4096)
    run = nbdl.train(model, (x, y), batch_size=512, epochs=1000, wait=False, store=False,
                     compile=True)  # fmt: skip
    deadline = time.monotonic() + 60
    while run.step < 6:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.interrupt()
    run.interrupt()
    assert run.join(20)
    assert run.status == "interrupted"
    steps = run.step
    found = state(model)
    nbdl.manual_seed(0)
    again = nn.Sequential(
        nn.Linear(4, width), *[nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(6)],
        nn.Linear(width, 3),
    )  # fmt: skip
    nbdl.train(again, (x, y), batch_size=512, epochs=1000, max_steps=steps, store=False,
               compile=True)  # fmt: skip
    np.testing.assert_equal(found, state(again))


def test_a_stopped_plan_changes_nothing():
    from nbdl.compiler import CompiledStep, Stopped

    nbdl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    compiled = CompiledStep(step, dict(model.named_parameters()), model.modules())
    compiled([X, Y])
    executable, _ = compiled.executable([X, Y])
    before, draws = state(model), default_generator().draw
    segments = executable.plan.segments[0]
    segments.insert(0, compiled.stop)
    with pytest.raises(Stopped):
        compiled([X, Y])
    np.testing.assert_equal(state(model), before)
    assert default_generator().draw == draws
    segments.pop(0)
    compiled([X, Y])
    assert (state(model)["0.weight"] != before["0.weight"]).any()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_the_second_interrupt_of_a_person_who_waits(monkeypatch):
    monkeypatch.setattr("nbdl.training.controls.AGAIN_S", 60.0)
    gate = Gate()
    model = net(gate)

    def press():
        assert gate.waits.wait(20)
        (run,) = active_runs()
        for heard in (lambda: not run.carry_on(), lambda: run.abort.asked):
            os.kill(os.getpid(), signal.SIGINT)
            deadline = time.monotonic() + 10
            while not heard() and time.monotonic() < deadline:
                time.sleep(0.01)
        gate.goes.set()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match=f"was interrupted after step {AT - 1}"):
        nbdl.train(model, (X, Y), batch_size=16, store=False, compile=False, progress=False)
    thread.join()
    np.testing.assert_equal(state(model), after(AT - 1)[0])
