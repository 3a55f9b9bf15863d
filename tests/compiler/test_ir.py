"""The graph: its text, its check, substitution and users."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler.ir import Graph, Node, Value
from nbdl.ops.arithmetic import Add, Multiply
from nbdl.shapes import Spec
from tests.compiler.graphs import FLOAT, traced


def test_a_graph_reads_as_a_program():
    table = nbdl.tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
    graph = traced(lambda x: ((x + table).sum(axis=0) * 2.5).split([1, 3]), (3, 4))
    assert str(graph) == (
        "input %x: float32[3, 4]\n"
        "constant %c1: float32[3, 4]\n"
        "%0: float32[3, 4] = add(%x, %c1)\n"
        "%1: float32[4] = sum[axis=(0,), keepdims=False](%0)\n"
        "%2: float32[4] = multiply(%1, 2.5)\n"
        "%3.0: float32[1], %3.1: float32[3] = split[axis=0, sizes=(1, 3)](%2)\n"
        "return %3.0, %3.1"
    )


def test_lines_say_which_layer_they_are_of():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    graph = traced(model, (2, 4))
    assert [node.scope for node in graph.nodes] == ["0", "1"]
    assert str(graph).splitlines()[-2].endswith("    # 1")


def test_flops_are_those_of_the_operations():
    graph = traced(lambda x, y: (x @ y).exp(), (2, 5), (5, 3))
    assert graph.flops == 2 * 2 * 5 * 3 + graph.nodes[1].flops > 60


def adding() -> tuple[Graph, Value, Value]:
    graph = Graph()
    x = graph.input(Spec((2,), FLOAT), "x")
    (y,) = graph.add(Add(), [x, x])
    graph.outputs = [y]
    return graph, x, y


def test_users_are_listed_once_and_in_order():
    graph, x, y = adding()
    graph.add(Multiply(), [x, y])
    assert graph.users() == {x: graph.nodes, y: graph.nodes[1:]}


def test_substitution_follows_chains():
    graph, x, y = adding()
    z, last = Value(y.spec), Value(y.spec)
    graph.add(Multiply(), [y, x])
    graph.substitute({y: z, z: last})
    assert graph.outputs == [last]
    assert graph.nodes[1].inputs == [last, x]


def test_check_finds_what_is_read_too_early():
    graph, x, y = adding()
    graph.check()
    graph.nodes.insert(0, Node(Multiply(), [y, x], [y.spec], ""))
    with pytest.raises(ValueError, match="which nothing before it makes"):
        graph.check()


def test_check_finds_what_is_made_twice():
    graph, *_ = adding()
    graph.nodes *= 2
    with pytest.raises(ValueError, match="made twice"):
        graph.check()


def test_check_finds_outputs_from_nowhere():
    graph, x, _ = adding()
    graph.outputs = [Value(x.spec)]
    with pytest.raises(ValueError, match="made by nothing"):
        graph.check()
