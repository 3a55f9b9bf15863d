"""Tracing: what is noted, what is refused and how that is said, and that nothing is left behind."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.compiler import CompiledStep
from nbdl.compiler.program import Tracer
from nbdl.compiler.trace import Trace, Traced
from nbdl.core import no_grad
from nbdl.errors import ShapeError, TraceError
from nbdl.nn import functional as F
from nbdl.shapes import Spec
from tests.compiler.graphs import FLOAT, traced

VECTOR = np.arange(4, dtype=np.float32)


def run(function, *arrays):
    return CompiledStep(function, {})([*arrays] or [VECTOR])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.sum().item(),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * float(x[0]),
        lambda x: x[int(x[0])],
        lambda x: [x, -x][x.argmax()],
        lambda x: x.tolist(),
        lambda x: x + x.numpy(),
        lambda x: np.asarray(x),
        lambda x: np.sort(x.numpy()),
        lambda x: np.concatenate([x, x]),
        lambda x: print(x),
        lambda x: f"{x}",
        lambda x: 3 in x,
    ],
)
def test_asking_for_values_is_refused_and_the_line_named(function):
    with pytest.raises(TraceError, match="compil") as caught:
        run(function)
    assert "lambda x:" in caught.value.message


@pytest.mark.parametrize(
    "function",
    [lambda x: x[x > 1], nbdl.nonzero, nbdl.unique_values,
     lambda x: nbdl.repeat(x, x.astype(nbdl.int64))],
)  # fmt: skip
def test_shapes_that_depend_on_values_are_refused(function):
    with pytest.raises(TraceError, match=r"depend|values"):
        run(function)


def test_other_mistakes_are_told_as_what_they_are():
    with pytest.raises(TraceError, match="compiling it met ShapeError: matmul") as caught:
        run(lambda x: x.reshape((2, 2)) @ nbdl.ones((3, 3)))
    assert isinstance(caught.value.__cause__, ShapeError)


def test_a_tensor_that_outlives_its_trace_says_so():
    kept = []
    run(lambda x: kept.append(x + 1) or x)
    with pytest.raises(TraceError, match="after it had ended"):
        _ = kept[0] + 1
    assert "inside a compiled function" in repr(kept[0])


def test_a_tensor_of_another_trace_is_refused():
    with Trace() as outer:
        x = outer.input(Spec((4,), FLOAT), "x")
        with Trace() as inner, pytest.raises(TraceError, match="another compiled function"):
            inner.symbol(x)


def test_captured_tensors_are_constants_and_the_trace_knows_whose():
    table = nbdl.tensor(VECTOR)
    with Trace() as world, no_grad():
        x = world.input(Spec((4,), FLOAT), "x")
        world.graph.outputs = [world.symbol((x + table) * table)]
    [(symbol, tensor)] = world.captured.items()
    assert tensor is table
    assert world.graph.constants[symbol] is table.value
    assert world.read() == [table]


def test_a_captured_tensor_that_gets_another_value_is_read_again():
    table = nbdl.tensor(VECTOR)
    step = CompiledStep(lambda x: x * table, {})
    np.testing.assert_array_equal(step([VECTOR]), VECTOR**2)
    first, _ = step.executable([VECTOR])
    table.fill_(2.0)
    np.testing.assert_array_equal(step([VECTOR]), VECTOR * 2)
    assert step.executable([VECTOR])[0] is not first


def test_what_was_computed_outside_of_the_trace_from_it_too():
    """``scale`` meets no traced tensor itself, only what was made of it does."""
    scale = nbdl.tensor(VECTOR)
    step = CompiledStep(lambda x: x * (scale * 2).exp(), {})
    step([VECTOR])
    scale.fill_(0.0)
    np.testing.assert_array_equal(step([VECTOR]), VECTOR)


def test_each_draw_has_a_key_of_its_own():
    with Trace() as world:
        x = world.input(Spec((4,), FLOAT), "x")
        F.dropout(F.dropout(x, 0.5), 0.5)
    assert len(world.draws) == 2
    assert [k.name for _, k in world.draws] == ["draw0", "draw1"]


def test_random_numbers_are_those_of_the_eager_call():
    def function(x):
        return F.dropout(x, 0.5) + nbdl.rand(4) + nbdl.randn(4)

    step = CompiledStep(function, {})
    x = np.ones(4, np.float32)
    for seed in (1, 2):
        nbdl.manual_seed(seed)
        eager = [function(nbdl.tensor(x)).numpy() for _ in range(3)]
        after = nbdl.rand(3).numpy()
        nbdl.manual_seed(seed)
        compiled = [step([x]).copy() for _ in range(3)]
        np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(nbdl.rand(3).numpy(), after)
        assert not np.array_equal(compiled[0], compiled[1])


def test_a_trace_draws_nothing_and_leaves_all_as_it_was():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    values = {name: t.value for name, t in tensors.items()}
    nbdl.manual_seed(3)
    expected = nbdl.rand(2).numpy()
    nbdl.manual_seed(3)

    def function(x, fail=False):
        model.zero_grad()
        loss = model(x).sum()
        loss.backward()
        if fail:
            loss.item()
        return [loss, *(p.grad for p in model.parameters())]

    program = Tracer(tensors).trace(function, [Spec((3, 4), FLOAT)])
    with pytest.raises(TraceError):
        Tracer(tensors).trace(lambda x: function(x, True), [Spec((3, 4), FLOAT)])
    assert all(t.value is values[name] and t.grad is None for name, t in tensors.items())
    np.testing.assert_array_equal(nbdl.rand(2).numpy(), expected)
    changed = {s.name for s in program.states if s.output is not None}
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}


def test_attributes_that_a_trace_sets_are_put_back():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            self.seen = x
            return self.linear(x)

    model = Counting()
    step = CompiledStep(model, dict(model.named_parameters()), model.modules())
    with pytest.raises(TraceError, match=r"sets Counting\.(calls|seen), a side effect"):
        step([np.ones((2, 4), np.float32)])
    assert model.calls == 0
    assert not hasattr(model, "seen")


@pytest.mark.parametrize("change", ["attribute", "mode", "trained"])
def test_layers_that_have_become_others_are_traced_again(change):
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0))
    step = CompiledStep(model, dict(model.named_parameters()), model.modules())
    x = np.ones((2, 4), np.float32)
    step([x])
    first = step.executable([x])
    assert first[1] is False
    if change == "attribute":
        model[1].p = 1.0
    elif change == "mode":
        model.eval()
    else:
        model[0].weight.requires_grad_(False)
    assert (step([x]) == 0).all() == (change == "attribute")
    assert step.executable([x])[0] is not first[0]


def test_the_shape_rule_is_all_that_a_trace_runs():
    graph = traced(lambda x, y: (x @ y).softmax(-1), (1000, 100_000), (100_000, 1000))
    assert graph.outputs[0].shape == (1000, 1000)
    assert type(graph.inputs[0]) is not Traced


def test_gradients_that_are_left_behind_are_a_side_effect():
    model = nn.Linear(4, 2)

    def function(x):
        loss = model(x).sum()
        loss.backward()
        return loss

    step = CompiledStep(function, dict(model.named_parameters()))
    with pytest.raises(TraceError, match="leaves a gradient in 'weight', a side effect"):
        step([np.ones((3, 4), np.float32)])
    gradients = CompiledStep(
        lambda x: (function(x), [p.grad for p in model.parameters()])[1],
        dict(model.named_parameters()),
    )
    with pytest.raises(TraceError, match="adds to the gradients of the call before"):
        gradients([np.ones((3, 4), np.float32)])
    assert model.weight.grad is None


@pytest.mark.parametrize("zeroed", [True, False])
def test_gradients_are_not_added_up_in_secret(zeroed):
    models = [nn.Linear(4, 2) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    functions = []
    for model in models:
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def function(x, model=model, optimizer=optimizer):
            if zeroed:
                model.zero_grad()
            loss = model(x).sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        functions.append(function)
    compiled = nbdl.compile(functions[1])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            for function in (functions[0], compiled):
                function(nbdl.ones((3, 4)))
    assert any("adds to the gradients" in str(w.message) for w in said) == (not zeroed)
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), 1e-5)
