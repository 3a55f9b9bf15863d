"""Plans as they run: no memory is allocated, shapes change, numbers of every kind flow through."""

from __future__ import annotations

import gc
import itertools
import tracemalloc

import numpy as np
import pytest

import nbdl
from nbdl.compiler import CompiledStep, Executable
from nbdl.compiler.ir import Graph
from nbdl.compiler.program import Program
from nbdl.compiler.step import MAX_SIGNATURES
from nbdl.errors import MistakeWarning, TraceError
from nbdl.nn import functional as F
from nbdl.ops.trigonometry import Tanh
from tests.compiler.graphs import FLOAT, evaluated
from tests.compiler.steps import Step, X, Y
from tests.compiler.test_fuse import random_graph


def same(function, *arrays, **tolerance):
    """The compiled call's results, which are the eager ones."""
    with nbdl.no_grad(), np.errstate(all="ignore"):
        expected = function(*map(nbdl.tensor, arrays)).numpy()
        step = CompiledStep(function, {})
        found = step(list(arrays))
        np.testing.assert_allclose(found, expected, **({"rtol": 1e-6} | tolerance))
        assert found.dtype == expected.dtype
    return found


def test_a_steady_step_allocates_nothing():
    step = Step()
    for _ in range(5):
        step()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(10):
            step()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(100):
            step()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert abs(after - before) < 16_384


def test_a_steady_step_keeps_its_arrays():
    step = Step()
    for _ in range(3):
        step()
    addresses = {name: t.value.ctypes.data for name, t in step.tensors.items()}
    for _ in range(3):
        step()
    assert {name: t.value.ctypes.data for name, t in step.tensors.items()} == addresses


def test_each_shape_is_traced_once():
    step = CompiledStep(lambda x: x * 2, {})
    for n in (3, 5, 3, 5, 4):
        x = np.arange(n, dtype=np.float32)
        np.testing.assert_array_equal(step([x]), x * 2)
    assert len(step._known) == 3


def test_shapes_without_end_are_given_up():
    step = CompiledStep(lambda x: x * 2, {})
    for n in range(MAX_SIGNATURES):
        step([np.ones(n, np.float32)])
    with pytest.raises(TraceError, match=r"8 different shapes or states, .* another one: \[20\]"):
        step([np.ones(20, np.float32)])
    function = nbdl.compile(lambda x: x * 2)
    for n in range(MAX_SIGNATURES):
        function(nbdl.ones(n))
    with pytest.warns(MistakeWarning, match="is not compiled: .* 8 different shapes"):
        assert function(nbdl.ones(20)).shape == (20,)
    assert function(nbdl.ones(21)).shape == (21,)  # and it says so once


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 + 1,
        lambda x: F.softmax(x, -1),
        lambda x: x.sum(axis=0),
        lambda x: x @ nbdl.ones((x.shape[1], 3)),
        lambda x: nbdl.concat([x, x * 2]),
        lambda x: nbdl.stack([x, x]).T,
        lambda x: F.pad(x, (1, 2)),
        lambda x: F.layer_norm(x, x.shape[1:]) if x.shape[1] else x,
        lambda x: x[1:] if len(x) else x,
    ],
)
@pytest.mark.parametrize("shape", [(0, 4), (3, 4), (1, 1)])
def test_sizes_of_zero_and_one(function, shape):
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    same(function, x, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 0), (0, 0)])
def test_reductions_over_nothing(shape):
    x = np.zeros(shape, np.float32)
    same(lambda x: x.sum(axis=1) + 1, x)
    same(lambda x: x @ nbdl.ones((x.shape[1], 2)), x)
    same(lambda x: nbdl.all(x > 0, axis=1), x)


def test_inputs_with_gaps_turned_round_and_broadcast():
    whole = np.arange(48, dtype=np.float32).reshape(6, 8) / 7

    def function(x):
        return F.softmax(x, -1) + x.T.sum() + (x @ x.T).sum(axis=1, keepdims=True)

    step = CompiledStep(function, {})
    for x in (
        whole[::2, ::2], whole[::-2, ::-2], np.asfortranarray(whole[:3, :4]), whole.T[::3, :4][:3],
        np.broadcast_to(whole[0, :4], (3, 4)),
    ):  # fmt: skip
        expected = function(nbdl.tensor(x.copy())).numpy()
        np.testing.assert_allclose(step([x]), expected, 1e-5)
    assert len(step._known) == 1


def test_numbers_at_the_edges():
    tiny, huge = np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max
    x = np.array([tiny, -tiny, 1e-40, 0.0, -0.0, np.inf, -np.inf, np.nan, huge, -huge, 1, 2],
                 np.float32)  # fmt: skip
    assert np.all(same(lambda x: x * 1.0 + 0.0, x)[:3] != 0), "denormals are numbers"
    for function in (
        lambda x: x * 0.5 * 2, lambda x: x + x, lambda x: 1 / x, nbdl.abs, nbdl.sqrt, nbdl.exp,
        nbdl.tanh, F.relu, lambda x: nbdl.maximum(x, 0.0), lambda x: nbdl.where(x > 0, x, -x),
        nbdl.isfinite, nbdl.sign, lambda x: nbdl.max(x), lambda x: nbdl.min(x[:7]),
        lambda x: x.sum(), lambda x: x[:5].sum(), lambda x: F.softmax(x, 0), lambda x: x * 0,
    ):  # fmt: skip
        same(function, x)
    zeros = np.array([0.0, -0.0], np.float32)
    for function in (lambda x: x * 3, lambda x: x + -0.0, lambda x: -x, nbdl.sqrt, nbdl.round):
        found = same(function, zeros)
        eager = function(nbdl.tensor(zeros)).numpy()
        np.testing.assert_array_equal(np.signbit(found), np.signbit(eager))


def test_graphs_made_by_chance_compute_what_their_operations_do():
    for seed in range(25):
        graph = random_graph(np.random.default_rng(seed))
        for node in list(graph.nodes):  # keep the numbers small
            if node.op.name == "exp":
                node.op = Tanh()
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(-0.5, 0.5, (4, 4)).astype(np.float32) for _ in range(2)]
        expected = evaluated(graph, *arrays)
        found = Executable(program_of(graph))(arrays)
        for y, right in zip(found, expected, strict=True):
            scale = np.abs(right).max() + 1e-30
            np.testing.assert_allclose(y / scale, right / scale, 1e-5, 1e-5, err_msg=str(seed))


def program_of(graph: Graph) -> Program:
    return Program(graph, list(graph.inputs), [], [], [], tuple(graph.outputs))


def test_a_plan_reads_as_text_before_and_after_each_pass():
    executable, _ = Step().compiled.executable([X, Y])
    names = [name for name, _ in executable.dumps]
    assert names[0] == "traced"
    assert "decompose" in names
    texts = [str(text) for _, text in executable.dumps]
    assert all(a != b for a, b in itertools.pairwise(texts))
    assert str(FLOAT) in texts[0]
