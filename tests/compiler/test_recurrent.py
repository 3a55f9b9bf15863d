"""Recurrent layers taken apart: forward's gates are kept for the gradient, not computed twice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler.ir import Graph
from nbdl.compiler.optimize import PASSES
from nbdl.compiler.trace import Trace
from nbdl.shapes import Spec

_LENGTH, _BATCH, _WIDTH = 5, 3, 4


def _training_graph(layer: nn.Module) -> Graph:
    with Trace() as world:
        x = world.input(Spec((_LENGTH, _BATCH, _WIDTH), np.dtype(np.float32)), "x")
        h = world.input(Spec((1, _BATCH, _WIDTH), np.dtype(np.float32)), "h")
        y, _ = layer(x, (h, h) if isinstance(layer, nn.LSTM) else h)
        gradients = nbdl.autograd.grad(y.sum(), list(layer.parameters()))
        world.graph.outputs = [world.symbol(g) for g in gradients]
    graph = world.graph
    for rewrite in PASSES:
        graph = rewrite(graph)
    graph.check()
    return graph


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_products_of_a_training_step(kind: str) -> None:
    graph = _training_graph(getattr(nn, kind)(_WIDTH, _WIDTH))
    found = Counter(node.op.name for node in graph.nodes)
    assert found["linear"] == 1 + _LENGTH  # the input's share of all steps, then the state's
    assert found["linear_weight_grad"] == 2  # of all steps at once
    assert found["matmul"] == _LENGTH - 1  # back through time; nobody asks for the first state's
