"""State around a run: nobody's tensors change under his hands, and nothing is half done."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.compiler import CompiledStep
from nbdl.core.random import default_generator
from nbdl.errors import TraceError, TrainingError
from tests.compiler.steps import Step, X, Y, same

CLOSE = 2e-4
"""Batch norm and AdamW blow rounding up in the first steps."""


def pair(**options) -> tuple[Step, Step]:
    """The same twice; one is to be run eagerly."""
    return Step(**options), Step(**options)


def test_steps_are_those_of_the_eager_run():
    eager, compiled = pair()
    nbdl.manual_seed(1)
    expected = [eager.run_eagerly() for _ in range(10)]
    after = default_generator().state()
    nbdl.manual_seed(1)
    np.testing.assert_allclose([compiled() for _ in range(10)], expected, CLOSE)
    same(compiled.state(), eager.state(), CLOSE)
    assert default_generator().state() == after


@pytest.mark.parametrize(
    "hold",
    [
        lambda p: p.detach().numpy(), lambda p: p.numpy(), lambda p: p.numpy()[0],
        lambda p: p.numpy().T[1:], lambda p: np.asarray(p.detach()[0]),
        lambda p: p.T.detach().numpy(),
        lambda p: memoryview(p.numpy()), lambda p: np.from_dlpack(p.detach()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [0, 1, 3])
def test_whoever_holds_a_value_sees_no_change(hold, after):
    step = Step()
    for _ in range(after):
        step()
    held = hold(step.model[0].weight)
    before = np.array(held)
    step()
    step()
    np.testing.assert_array_equal(np.asarray(held), before)


def test_what_somebody_holds_stays():
    step = Step()
    step()
    step()
    weight = step.model[0].weight
    held = {
        "detached": weight.detach(),
        "row": weight.numpy()[0],
        "another row": weight.detach()[1],
        "state_dict": step.model.state_dict(),
        "optimizer": step.optimizer.state_dict(),
        "value": step.model[1].running_mean.value,
        "copy of the model": copy.deepcopy(step.model).state_dict(),
    }
    before = copy.deepcopy(held)
    start = step.state()
    for _ in range(3):
        step()

    def compare(a, b):
        if isinstance(a, dict):
            assert list(a) == list(b)
            for key in a:
                compare(a[key], b[key])
        elif isinstance(a, list):
            for u, v in zip(a, b, strict=True):
                compare(u, v)
        else:
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    for name, value in held.items():
        if name != "optimizer":
            compare(value, before[name])
    moved = step.state()
    assert not np.array_equal(moved["0.weight"], start["0.weight"])
    np.testing.assert_array_equal(held["row"], start["0.weight"][0])


def test_an_optimizer_state_dict_stays():
    step = Step()
    step()
    saved = step.optimizer.state_dict()
    kept = copy.deepcopy(saved)
    step()
    step()
    for number, slots in saved["state"].items():
        for key, value in slots.items():
            np.testing.assert_array_equal(np.asarray(value), np.asarray(kept["state"][number][key]))


def test_results_stay_after_the_next_run_where_they_are_handed_out():
    function = nbdl.compile(lambda x: x * 2)
    first = function(nbdl.tensor(X))
    function(nbdl.tensor(X + 1))
    np.testing.assert_array_equal(first.numpy(), X * 2)


def test_a_state_dict_loaded_in_the_middle():
    eager, compiled = pair()
    losses = []
    for step, run in ((eager, eager.run_eagerly), (compiled, compiled)):
        nbdl.manual_seed(1)
        found = [run() for _ in range(3)]
        saved = copy.deepcopy((step.model.state_dict(), step.optimizer.state_dict()))
        found += [run() for _ in range(2)]
        step.model.load_state_dict(saved[0])
        step.optimizer.load_state_dict(saved[1])
        losses.append(found + [run() for _ in range(3)])
    np.testing.assert_allclose(losses[1], losses[0], CLOSE)
    same(compiled.state(), eager.state(), CLOSE)


def test_a_parameter_that_is_given_a_value():
    eager, compiled = pair()
    for step, run in ((eager, eager.run_eagerly), (compiled, compiled)):
        nbdl.manual_seed(1)
        run()
        step.model[0].weight.data = nbdl.full((8, 6), 0.5)
        step.model[4].bias.data = step.model[4].bias.detach() * 3
        run()
        with nbdl.no_grad():
            step.model[4].weight *= 0.5
            step.model[0].weight[0] = 1.0
        run()
    same(compiled.state(), eager.state(), CLOSE)


def test_two_parameters_with_one_array():
    """``a.data = b.data`` may share the array; both go their own way afterwards."""
    finals = []
    for compiled in (False, True):
        a, b = (nn.Parameter(np.ones(3, np.float32)) for _ in range(2))
        optimizer = optim.SGD([a, b], lr=0.1)

        def step(x, a=a, b=b, optimizer=optimizer):
            optimizer.zero_grad()
            ((a - x) ** 2 + (b + 2 * x) ** 2).sum().backward()
            optimizer.step()
            return x

        run = CompiledStep(step, {"a": a, "b": b}) if compiled else lambda xs, f=step: f(
            nbdl.tensor(xs[0]))  # fmt: skip
        x = np.arange(3, dtype=np.float32)
        run([x])
        a.data = b.detach()
        run([x])
        run([x])
        finals.append((a.numpy(), b.numpy()))
    np.testing.assert_allclose(finals[1], finals[0], 1e-6)


def test_a_learning_rate_that_is_changed():
    eager, compiled = pair()
    for step, run in ((eager, eager.run_eagerly), (compiled, compiled)):
        nbdl.manual_seed(1)
        for lr in (0.1, 0.02, 0.0, 0.3):
            step.optimizer.param_groups[0]["lr"] = lr
            run()
    same(compiled.state(), eager.state(), CLOSE)


@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_refused_step_changes_nothing(when, number):
    step = Step()
    if when == "later":
        step()
        step()
    else:
        step.compiled.executable([X, Y])  # which makes room for the optimizer's state
    before, draws = step.state(), default_generator().state()
    spoilt = X.copy()
    spoilt[3, 2] = number

    def accept(results, squares):
        if not all(np.isfinite(square) for square in squares.values()):
            raise TrainingError("spoilt")

    with pytest.raises(TrainingError, match="spoilt"):
        step(spoilt, Y, accept)
    same(step.state(), before)
    assert default_generator().state() == draws
    step(X, Y, accept)
    assert all(np.isfinite(v).all() for v in step.state().values())


def test_new_state_may_be_another_states_old_one():
    a, b = nbdl.tensor([1.0, 2.0]), nbdl.tensor([3.0, 4.0])

    def swap(x):
        with nbdl.no_grad():
            a.value, b.value = b.value, a.value
        return x + a

    step = CompiledStep(swap, {"a": a, "b": b})
    one = np.ones(2, a.numpy().dtype)
    np.testing.assert_array_equal(step([one]), [4, 5])
    assert (a.tolist(), b.tolist()) == ([3, 4], [1, 2])
    np.testing.assert_array_equal(step([one]), [2, 3])


def test_one_value_may_become_several_states():
    """Both biases of an LSTM have the same gradient, which momentum begins with."""
    finals = []
    for compiled in (False, True):
        nbdl.manual_seed(0)
        model = nn.LSTM(6, 3)
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            y, _ = model(x)
            (y**2).mean().backward()
            optimizer.step()
            return y

        run = CompiledStep(step, dict(model.named_parameters()))
        for _ in range(4):
            run([X[None]]) if compiled else step(nbdl.tensor(X[None]))
        finals.append({k: p.numpy() for k, p in model.named_parameters()})
    same(finals[1], finals[0], 1e-5)


def test_what_was_read_before_the_update_is_what_was_there():
    w = nn.Parameter(np.arange(12, dtype=np.float32).reshape(3, 4))
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        old = w.T
        (x @ old).sum().backward()
        optimizer.step()
        with nbdl.no_grad():
            return old.detach(), x @ old, x @ w.T, w.detach()

    compiled = CompiledStep(step, {"w": w})
    start = w.numpy().copy()
    x = np.ones((2, 4), np.float32)
    for _ in range(3):
        old, with_old, with_new, new = compiled([x])
        right = start - 0.1 * 2
        np.testing.assert_array_equal(old, start.T)
        np.testing.assert_allclose(with_old, x @ start.T, 1e-6)
        np.testing.assert_allclose(new, right, 1e-5, 1e-6)
        np.testing.assert_allclose(with_new, x @ right.T, 1e-5, 1e-5)
        np.testing.assert_array_equal(w.numpy(), new)
        start = w.numpy().copy()


def test_two_updates_in_one_step():
    """The second one sees what the first one did, as in the training of a GAN."""
    finals = []
    for compiled in (False, True):
        nbdl.manual_seed(0)
        g, d = nn.Conv1d(2, 2, 3), nn.Conv1d(2, 1, 3)
        rules = optim.AdamW(g.parameters(), lr=0.1), optim.SGD(d.parameters(), lr=0.1, momentum=0.9)

        def step(x, g=g, d=d, rules=rules):
            for rule in rules:
                for other in rules:
                    other.zero_grad()
                loss = (d(g(x)) ** 2).mean()
                loss.backward()
                rule.step()
            return loss

        tensors = {f"g.{k}": p for k, p in g.named_parameters()}
        tensors |= {f"d.{k}": p for k, p in d.named_parameters()}
        run = CompiledStep(step, tensors)
        x = X.reshape(4, 2, 9)
        for _ in range(4):
            run([x]) if compiled else step(nbdl.tensor(x))
        finals.append({k: p.numpy() for k, p in tensors.items()})
    same(finals[1], finals[0], 1e-4)


def test_one_optimizer_makes_one_step_a_call():
    step = Step("SGD", momentum=0.9)

    def twice(x, y):
        step.eager(x, y)
        return step.eager(x, y)

    with pytest.raises(TraceError, match="two steps in one call"):
        CompiledStep(twice, step.tensors)([X, Y])


def test_an_old_value_that_is_another_state_now_and_handed_out():
    a, b = nbdl.tensor(X[:2, :2].copy()), nbdl.tensor(X[2:4, :2].copy())

    def step(x):
        old = b + 0
        with nbdl.no_grad():
            a.value, b.value = b.value, (b + x).value
            return a * 1.0, old

    compiled = CompiledStep(step, {"a": a, "b": b})
    one = np.ones((2, 2), np.float32)
    for i in range(3):
        found = compiled([one])
        for y in found:
            np.testing.assert_allclose(y, X[2:4, :2] + i, 1e-6)
        np.testing.assert_allclose(a.numpy(), X[2:4, :2] + i, 1e-6)
        np.testing.assert_allclose(b.numpy(), X[2:4, :2] + i + 1, 1e-6)


def test_new_state_is_not_written_while_a_later_loop_reads_the_old():
    """What a reduction is made of is loaded again after it."""
    w = nn.Parameter(np.ones(2, np.float32))
    s = nbdl.tensor(np.linspace(-1, 1, 36, dtype=np.float32).reshape(6, 6))
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        with nbdl.no_grad():
            old = nbdl.tanh(s)
            new = nbdl.broadcast_to(x, (6, 6))
            s.value = new.value
            return (new.sum(axis=0) + old).sum(axis=0)

    x = np.full(1, 3, np.float32)
    right = (18 + np.tanh(s.numpy())).sum(axis=0)
    found = CompiledStep(step, {"w": w, "s": s})([x])
    np.testing.assert_allclose(found, right, 1e-5)
    np.testing.assert_array_equal(s.numpy(), 3)
