"""Graphs made by chance, with state that is replaced by anything: as their operations compute."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl.compiler import Executable
from nbdl.compiler.ir import Graph, Value
from nbdl.compiler.program import Program, State
from nbdl.ops.arithmetic import Add, Multiply, Subtract
from nbdl.ops.broadcasting import BroadcastTo, Sum
from nbdl.ops.concatenation import Concat, Split, Stack, Unbind
from nbdl.ops.contraction import Matmul
from nbdl.ops.movement import Flip, PermuteDims, Reshape
from nbdl.ops.reduction import Max
from nbdl.ops.trigonometry import Tanh
from nbdl.shapes import Spec
from tests.compiler.graphs import FLOAT, evaluated

SQUARE = (6, 6)
LARGEST = 2000
"""Elements of a value that others may be made of."""


def grown(rng: np.random.Generator, graph: Graph, x: Value, y: Value) -> list[Value]:
    """What a random operation makes of ``x``, or of both; [] if it cannot."""
    ndim = len(x.shape)
    axis = int(rng.integers(ndim)) if ndim else 0
    joined = len(x.shape) == len(y.shape) > 0 and x.shape[1:] == y.shape[1:]
    fits = broadcast(x.shape, y.shape)
    kind = rng.choice(["two", "two", "tanh", "tanh", "sum", "max", "broadcast", "permute", "matmul",
                       "concat", "stack", "flip", "reshape"])  # fmt: skip
    if kind == "two" and fits:
        return graph.add((Add(), Multiply(), Subtract())[rng.integers(3)], [x, y])
    if kind == "tanh":
        return graph.add(Tanh(), [x])
    if kind == "sum" and ndim:
        return graph.add(Sum((axis,), bool(rng.integers(2))), [x])
    if kind == "max" and ndim:
        return graph.add(Max((axis,), True), [x])
    if kind == "broadcast" and broadcast(x.shape, SQUARE) == SQUARE:
        return graph.add(BroadcastTo(SQUARE), [x])
    if kind == "permute" and ndim:
        return graph.add(PermuteDims(tuple(map(int, rng.permutation(ndim)))), [x])
    if kind == "matmul" and x.shape == y.shape == SQUARE:
        return graph.add(Matmul(), [x, y])
    if kind == "concat" and joined:
        both = graph.add(Concat(0), [x, y])
        return graph.add(Split(0, (x.shape[0], y.shape[0])), both)
    if kind == "stack" and x.shape == y.shape and ndim:
        return graph.add(Unbind(1), graph.add(Stack(1), [x, y]))
    if kind == "flip" and ndim:
        return graph.add(Flip((axis,)), [x])
    if kind == "reshape" and x.spec.size == 36:
        return graph.add(Reshape((36,) if ndim == 2 else SQUARE), [x])
    return []


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def chance(rng: np.random.Generator) -> Graph:
    """A graph of three square inputs; from some operation on it is in phase 1."""
    graph = Graph()
    values = [graph.input(Spec(SQUARE, FLOAT), name) for name in "abc"]
    for _ in range(rng.integers(10, 60)):
        x, y = (values[i] for i in rng.integers(max(0, len(values) - 8), len(values), 2))
        values += [v for v in grown(rng, graph, x, y) if v.spec.size <= LARGEST]
    cut = rng.integers(len(graph.nodes) + 1)
    for i, node in enumerate(graph.nodes):
        node.phase = int(i >= cut)
    made = [v for v in values if v.node is not None] or values
    graph.outputs = [made[i] for i in rng.integers(len(made), size=3)]
    return graph


@pytest.mark.parametrize("part", range(2))
def test_results_and_new_state(part):
    tried = 0
    for seed in range(part * 20, part * 20 + 20):
        rng = np.random.default_rng(seed)
        graph = chance(rng)
        arrays = [rng.uniform(-0.5, 0.5, SQUARE).astype(np.float32) for _ in graph.inputs]
        squares = [y for n in graph.nodes for y in n.outputs if y.shape == SQUARE]
        new = [[*graph.inputs, *squares][i] for i in rng.integers(len(squares) + 3, size=2)]
        results = list(graph.outputs)
        graph.outputs = results + new
        expected = evaluated(graph, *arrays)
        if not all(np.isfinite(a).all() and np.abs(a).max() < 1e6 for a in expected):
            continue
        tried += 1
        tensors = [nbdl.tensor(a) for a in arrays[:2]]
        states = [State(f"s{i}", t, graph.inputs[i]) for i, t in enumerate(tensors)]
        for state, y in zip(states, new, strict=True):
            state.output = y if y is not state.input else None
        graph.outputs = [*results, *(s.output for s in states if s.output is not None)]
        program = Program(graph, [graph.inputs[2]], states, [], [], tuple(results))
        found = [*Executable(program)([arrays[2]]), *(t.numpy() for t in tensors)]
        for y, right in zip(found, expected, strict=True):
            scale = max(1.0, float(np.abs(right).max()))
            np.testing.assert_allclose(y / scale, right / scale, 1e-4, 1e-5, err_msg=str(seed))
    assert tried > 12
