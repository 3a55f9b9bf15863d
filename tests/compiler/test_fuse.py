"""Fusion: which operations become one loop, and which must not."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl.compiler.ir import Graph
from nbdl.compiler.passes.decompose import decompose
from nbdl.compiler.passes.fuse import MAX_ARRAYS, MAX_NODES, Region, fuse, region_of
from nbdl.compiler.passes.simplify import simplify
from nbdl.nn import functional as F
from nbdl.ops.arithmetic import Add, Exp, Multiply
from nbdl.ops.broadcasting import BroadcastTo, Sum
from nbdl.ops.contraction import Matmul
from nbdl.ops.movement import PermuteDims
from nbdl.shapes import Spec
from tests.compiler.graphs import FLOAT, traced, units

SQUARE = (4, 4)


@pytest.mark.parametrize(
    ("function", "shapes", "loops"),
    [
        (lambda x, y: (x + y).exp() * x, [(3, 4), (4,)], ["add exp multiply"]),
        (lambda x, y: (x.exp(), y.exp()), [(3, 4), (3, 4)], ["exp", "exp"]),
        (lambda x, y: x.exp() + y.exp(), [(3, 4), (3, 1)], ["exp add", "exp"]),
        (lambda x: x.T.exp() + 1, [(3, 4)], ["permute_dims exp add"]),
        (lambda x: x.exp().T + x, [SQUARE], ["exp permute_dims", "add"]),
        (lambda x: x.exp()[None, :, None] * 2, [(5,)], ["exp", "(get_item)", "multiply"]),
        (lambda x: x.exp().reshape((5, 1)) * 2, [(5,)], ["exp reshape multiply"]),
        (lambda x: x.exp().reshape((2, 6)) * 2, [(3, 4)], ["exp", "(reshape)", "multiply"]),
    ],
)  # fmt: skip
def test_pointwise(function, shapes, loops):
    assert sorted(units(traced(function, *shapes))) == sorted(loops)


@pytest.mark.parametrize(
    ("function", "shapes", "loops"),
    [
        # One reduction after the other over the same axes, and what is made of them.
        (lambda x: F.softmax(x, -1), [(3, 4)], ["max subtract exp sum divide"]),
        (lambda x: (x - x.mean(axis=1, keepdims=True)).square().sum(axis=1), [(3, 4)], None),
        (lambda x: (x * x).sum(), [(3, 4)], ["multiply sum"]),
        (lambda x: x.sum(axis=0).exp() + 1, [(3, 4)], ["sum exp add"]),
        (lambda x, y: (x - y).abs().max(axis=0), [(3, 4), (4,)], ["subtract abs max"]),
        # Different axes are different loops.
        (lambda x: x.exp().sum(axis=0) + x.exp().sum(axis=1), [SQUARE], None),
        (lambda x: x.sum(axis=0).sum(axis=0), [(3, 4)], ["sum", "sum"]),
        (lambda x: (x / x.sum(axis=0)).sum(axis=1), [(3, 4)], None),
        # A product is none.
        (lambda x, y: (x @ y).exp(), [(3, 4), (4, 5)], ["(matmul)", "exp"]),
    ],
)  # fmt: skip
def test_reductions(function, shapes, loops):
    graph = simplify(decompose(traced(function, *shapes)))
    found = fuse(graph)
    if loops is not None:
        assert units(graph) == loops
    for region in found:
        if isinstance(region, Region):
            inner = {
                frozenset(region.axes[n.inputs[0]]) - frozenset(region.axes[n.outputs[0]])
                for n in region.nodes if n.op.name in ("sum", "max")
            }  # fmt: skip
            assert len(inner) <= 1, "reductions over different axes in one loop"


def test_a_layer_norm_is_one_loop():
    graph = simplify(decompose(traced(lambda x: F.layer_norm(x, (8,)), (4, 8))))
    assert len(fuse(graph)) == 1


def test_a_path_that_leaves_and_comes_back_keeps_loops_apart():
    """exp → product → add, and exp → add: one loop of exp and add would wait for itself."""
    graph = traced(lambda x, y: x.exp() @ y + x.exp().sum() * 0 + (x.exp() + 1), SQUARE, SQUARE)
    for node in graph.nodes:
        node.inputs = [graph.nodes[0].outputs[0] if x.node in graph.nodes[1:] and x.node is not None
                       and x.node.op.name == "exp" else x for x in node.inputs]  # fmt: skip
    graph.nodes = [n for n in graph.nodes if n.op.name != "exp" or n is graph.nodes[0]]
    graph.check()
    ordered(graph)
    first = next(u for u in fuse(graph) if isinstance(u, Region))
    assert "exp" in {n.op.name for n in first.nodes}
    assert sum(n.op.name == "add" for n in first.nodes) <= 1


def ordered(graph: Graph) -> None:
    """Assert that every unit reads only what was made before it, and that nothing is lost."""
    made = {*graph.inputs, *graph.constants}
    seen = []
    for unit in fuse(graph):
        nodes = unit.nodes if isinstance(unit, Region) else [unit]
        for node in nodes:
            assert made.issuperset(node.inputs)
            made.update(node.outputs)
        seen += nodes
    assert sorted(map(id, seen)) == sorted(map(id, graph.nodes))


def test_the_update_waits_for_the_results():
    graph = Graph()
    x = graph.input(Spec((4,), FLOAT), "x")
    (y,) = graph.add(Exp(), [x])
    graph.outputs = graph.add(Add(), [y, x], phase=1)
    assert units(graph) == ["exp", "add"]
    graph.nodes[1].phase = 0
    assert units(graph) == ["exp add"]


def test_loops_have_an_end():
    def function(x):
        for _ in range(MAX_NODES + 10):
            x = -x
        return x

    sizes = [len(text.split()) for text in units(traced(function, (4,)))]
    assert sizes == [MAX_NODES, 10]


def test_a_loop_reads_so_many_arrays_at_most():
    graph = Graph()
    xs = [graph.input(Spec((4,), FLOAT), f"x{i}") for i in range(MAX_ARRAYS + 8)]
    total = xs[0]
    for x in xs[1:]:
        (total,) = graph.add(Add(), [total, x])
    graph.outputs = [total]
    regions = [u for u in fuse(graph) if isinstance(u, Region)]
    assert len(regions) == 2
    assert max(len(r.read) for r in regions) == MAX_ARRAYS


def test_what_loops_cannot_compute_is_no_region():
    graph = traced(lambda x: nbdl.cumulative_sum(x, axis=0).astype(nbdl.complex64), SQUARE)
    assert [region_of(node) for node in graph.nodes] == [None, None]


def test_graphs_made_by_chance_stay_in_order():
    """No cycle, nothing lost, never reductions over different axes: on 60 random graphs."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        graph = random_graph(rng)
        ordered(graph)


def random_graph(rng: np.random.Generator) -> Graph:
    graph = Graph()
    values = [graph.input(Spec(SQUARE, FLOAT), name) for name in "ab"]
    kinds = [Exp(), Add(), Multiply()]
    for _ in range(25):
        op = rng.choice(np.array([*kinds, Sum((0,), True), Sum((1,), True), PermuteDims((1, 0)),
                                  Matmul(), BroadcastTo(SQUARE)], object))  # fmt: skip
        count = 2 if op.name in ("add", "multiply", "matmul") else 1
        picked = [values[i] for i in rng.integers(max(0, len(values) - 6), len(values), count)]
        if op.name == "matmul" or op.name.startswith("permute"):
            picked = [values[i % 2] if x.shape != SQUARE else x for i, x in enumerate(picked)]
        values += graph.add(op, picked, phase=0)
    graph.outputs = values[-3:]
    graph.check()
    return graph
