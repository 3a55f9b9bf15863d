"""Each pass on a small graph: its text before and after, and that it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler.ir import Graph
from nbdl.compiler.optimize import PASSES
from nbdl.compiler.passes.common_subexpressions import eliminate_common_subexpressions
from nbdl.compiler.passes.dead_code import eliminate_dead_code
from nbdl.compiler.passes.decompose import decompose
from nbdl.compiler.passes.simplify import simplify
from nbdl.nn import functional as F
from tests.compiler.graphs import evaluated, lines, traced

WHOLE = (3, 4)


def clean(graph: Graph) -> list[str]:
    """What is left after simplifying, without what nobody reads."""
    return lines(eliminate_dead_code(simplify(graph)))


# ----- simplify -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda x: x * 1.0 / 1.0, ["return %x"]),
        (lambda x: 1.0 * x, ["return %x"]),
        (lambda x: 1.0 / x, ["%0: float32[3, 4] = divide(1, %x)", "return %0"]),
        (lambda x: x * nbdl.ones((2, 1, 1)),
         ["constant %c1: float32[2, 1, 1]", "%0: float32[2, 3, 4] = multiply(%x, %c1)",
          "return %0"]),
        (lambda x: x + 0.0, ["%0: float32[3, 4] = add(%x, 0)", "return %0"]),
        (lambda x: x.reshape((4, 3)).reshape((2, 6)),
         ["%0: float32[2, 6] = reshape[shape=(2, 6)](%x)", "return %0"]),
        (lambda x: x.reshape((12,)).reshape(WHOLE), ["return %x"]),
        (lambda x: x.T.T, ["return %x"]),
        (lambda x: nbdl.permute_dims(nbdl.permute_dims(x[None], (1, 2, 0)), (1, 2, 0)),
         ["%0: float32[1, 3, 4] = get_item[index=(None,)](%x)",
          "%1: float32[4, 1, 3] = permute_dims[axes=(2, 0, 1)](%0)", "return %1"]),
        (lambda x: x.astype(nbdl.float32), ["return %x"]),
        (lambda x: nbdl.broadcast_to(x, WHOLE), ["return %x"]),
        (lambda x: x.sum(axis=()), ["return %x"]),
        (lambda x: nbdl.stack([x, x + 1])[0], ["return %x"]),
        (lambda x: nbdl.unbind(nbdl.stack([x, x.T.T], 1), 1)[1], ["return %x"]),
        (lambda x: nbdl.concat([x, x * 1.0]).split([3, 3])[1], ["return %x"]),
        (lambda x: nbdl.broadcast_to(x, (2, *WHOLE)) * nbdl.ones((2, 1, 1)),
         ["constant %c1: float32[2, 1, 1]", "%0: float32[2, 3, 4] = multiply(%x, %c1)",
          "return %0"]),
        (lambda x: nbdl.broadcast_to(x, (2, *WHOLE)) + x,
         ["%0: float32[2, 3, 4] = broadcast_to[shape=(2, 3, 4)](%x)",
          "%1: float32[2, 3, 4] = add(%0, %x)", "return %1"]),
    ],
)  # fmt: skip
def test_simplify(function, left):
    assert clean(traced(function, WHOLE)) == left


def test_other_splits_of_what_was_joined_stay():
    for function in (
        lambda x: nbdl.concat([x, x]).split([2, 4])[1],
        lambda x: nbdl.concat([x, x], 1).split([1, 2])[0],
        lambda x: nbdl.unbind(nbdl.stack([x, x]), 1)[0],
    ):
        graph = traced(function, WHOLE)
        assert clean(graph)[-2].startswith("%1")


def test_results_of_constants_are_constants():
    number = nbdl.tensor(np.float32(2))
    graph = traced(lambda x: x * (number * 3).exp(), WHOLE)
    assert len(graph.nodes) == 1  # outside of the trace it was computed at once
    text = lines(decompose(traced(lambda x: F.softmax(x * 0 + nbdl.zeros(4), -1), WHOLE)))
    assert "multiply(%x, 0)" in text[0] + text[1]  # NaN times 0 is no constant


def test_constants_made_by_a_pass_are_folded():
    graph = traced(lambda x: x + 1, (2,))
    two = graph.constant(np.array([2.0, 3.0], np.float32))
    node = graph.nodes[0]
    (square,) = graph.add(node.op, [two, two])
    graph.add(node.op, [square, graph.inputs[0]])
    graph.outputs = list(graph.nodes[-1].outputs)
    assert [n.op.name for n in simplify(graph).nodes] == ["add", "add"]
    (sum_,) = evaluated(graph, np.array([1.0, 1.0], np.float32))
    assert sum_.tolist() == [5.0, 7.0]


# ----- common subexpressions ------------------------------------------------------------------


def test_the_same_work_is_done_once():
    graph = traced(lambda x: (x.exp() + 1) * (x.exp() + 1) - x.exp().sum(axis=0), WHOLE)
    assert len(graph.nodes) == 8
    assert lines(eliminate_common_subexpressions(graph)) == [
        "%0: float32[3, 4] = exp(%x)",
        "%1: float32[3, 4] = add(%0, 1)",
        "%2: float32[3, 4] = multiply(%1, %1)",
        "%3: float32[4] = sum[axis=(0,), keepdims=False](%0)",
        "%4: float32[3, 4] = subtract(%2, %3)",
        "return %4",
    ]


def test_what_differs_stays_apart():
    table = nbdl.arange(4, dtype=nbdl.float32)
    for function in (
        lambda x: (x.sum(axis=0), x.sum(axis=1)),
        lambda x: (x + 1, x + 2),
        lambda x: (x - table, table - x),
        lambda x: (x + 0.0, x + -0.0),
        lambda x: (F.dropout(x, 0.5), F.dropout(x, 0.5)),
    ):
        graph = traced(function, WHOLE)
        count = len(graph.nodes)
        assert len(eliminate_common_subexpressions(graph).nodes) == count


def test_parameters_that_are_equal_but_not_the_same():
    graph = traced(
        lambda x: (F.pad(x, (1, 1), value=0.0), F.pad(x, (1, 1), value=-0.0)), WHOLE
    )
    assert len(eliminate_common_subexpressions(graph).nodes) == 2


def test_work_of_the_update_is_not_done_before_it():
    graph = traced(lambda x: x.exp(), WHOLE)
    graph.outputs += graph.add(graph.nodes[0].op, graph.inputs, phase=1)
    assert len(eliminate_common_subexpressions(graph).nodes) == 2


# ----- dead code ------------------------------------------------------------------------------


def test_what_nobody_needs_goes():
    table = nbdl.ones(4)

    def function(x, y):
        (y + table).exp()  # needed by nobody
        return x.split([1, 3], 1)[1]

    graph = traced(function, WHOLE, (4,))
    assert len(graph.nodes) == 3
    assert lines(eliminate_dead_code(graph)) == [
        "%0.0: float32[3, 1], %0.1: float32[3, 3] = split[axis=1, sizes=(1, 3)](%x)",
        "return %0.1",
    ]
    assert [x.name for x in graph.inputs] == ["x", "y"]
    assert graph.constants == {}


# ----- decompose ------------------------------------------------------------------------------


def test_a_composite_operation_is_said_in_core_ones():
    graph = decompose(traced(lambda x: F.softmax(x, -1), WHOLE))
    assert lines(graph) == [
        "%0: float32[3, 1] = max[axis=(1,), keepdims=True](%x)",
        "%1: float32[3, 4] = subtract(%x, %0)",
        "%2: float32[3, 4] = exp(%1)",
        "%3: float32[3, 1] = sum[axis=(1,), keepdims=True](%2)",
        "%4: float32[3, 4] = divide(%2, %3)",
        "return %4",
    ]


def test_what_is_decomposed_keeps_its_layer_and_its_phase():
    graph = traced(nn.Sequential(nn.Softmax(-1)), WHOLE)
    graph.nodes[0].phase = 1
    before = list(graph.inputs)
    graph = decompose(graph)
    assert {(n.scope, n.phase) for n in graph.nodes} == {("0", 1)}
    assert graph.inputs == before


# ----- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: F.log_softmax(x @ y, -1) * 1.0,
        lambda x, y: F.layer_norm((x @ y).T.T, (5,)).reshape((15,)).reshape((3, 5)),
        lambda x, y: F.gelu(x @ y) + nbdl.stack([x @ y, x @ y * 2])[1],
        lambda x, y: nbdl.var(x @ y, axis=0) / nbdl.broadcast_to(y.sum(axis=0), (3, 5)),
    ],
)
def test_all_passes_together_compute_the_same(function):
    graph = traced(function, WHOLE, (4, 5))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in (WHOLE, (4, 5))]
    expected = evaluated(graph, *arrays)
    for rewrite in PASSES:
        graph = rewrite(graph)
        graph.check()
        for found, right in zip(evaluated(graph, *arrays), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=2e-5, atol=1e-6)
