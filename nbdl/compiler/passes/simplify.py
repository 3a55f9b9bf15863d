"""Simplifications: what a node computes is there already, is a constant, or is nothing new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends.floating import restore, silence
from nbdl.compiler.ir import Graph, Node, Value
from nbdl.core.op import Op
from nbdl.ops.arithmetic import Divide, Multiply
from nbdl.ops.broadcasting import BroadcastTo, Sum
from nbdl.ops.concatenation import Concat, Split, Stack, Unbind
from nbdl.ops.conversion import Cast, Clone
from nbdl.ops.families import Elementwise, Random, Reduction
from nbdl.ops.indexing import GetItem
from nbdl.ops.movement import PermuteDims, Reshape
from nbdl.ops.reduction import Max, Min

_FOLDED = 4096
"""Elements up to which a result that never changes is computed at once."""


def simplify(graph: Graph) -> Graph:
    """Fold constants, and pass by what changes nothing: reshape to the same shape, times 1."""
    changes: dict[Value, Value] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        node.inputs = [changes.get(x, x) for x in node.inputs]
        if _folded(graph, node, changes):
            continue
        parts = _parts(node)
        if parts is not None:
            changes.update(zip(node.outputs, parts, strict=True))
            continue
        _without_broadcasts(node)
        same = _same(graph, node)
        if same is None:
            kept.append(node)
        else:
            changes[node.outputs[0]] = same
    graph.nodes = kept
    graph.outputs = [changes.get(y, y) for y in graph.outputs]
    return graph


def _folded(graph: Graph, node: Node, changes: dict[Value, Value]) -> bool:
    """Whether the node has only constants, so that its results are constants, too."""
    if not node.inputs or isinstance(node.op, Random):
        return False
    if any(x not in graph.constants for x in node.inputs):
        return False
    if any(y.spec.size > _FOLDED for y in node.outputs):
        return False
    before = silence()
    try:
        op: Any = node.op
        results = op.forward(np, *[graph.constants[x] for x in node.inputs])
    finally:
        restore(before)
    several = results if isinstance(results, tuple) else (results,)
    for y, result in zip(node.outputs, several, strict=True):
        changes[y] = graph.constant(np.ascontiguousarray(result).reshape(y.shape))
    return True


def _without_broadcasts(node: Node) -> None:
    """Elementwise operations broadcast by themselves."""
    if not isinstance(node.op, Elementwise):
        return
    shape = node.outputs[0].shape
    for i, x in enumerate(node.inputs):
        if x.node is None or not isinstance(x.node.op, BroadcastTo):
            continue
        source = x.node.inputs[0]
        others = [y.shape for k, y in enumerate(node.inputs) if k != i]
        if np.broadcast_shapes(source.shape, *others) == shape:
            node.inputs[i] = source


def _parts(node: Node) -> list[Value] | None:
    """What was joined and is now taken apart again: the steps of a recurrent layer, above all."""
    joined = node.inputs[0].node if len(node.inputs) == 1 else None
    if joined is None:
        return None
    if isinstance(node.op, Unbind) and isinstance(joined.op, Stack):
        return joined.inputs if node.op.axis == joined.op.axis else None
    if isinstance(node.op, Split) and isinstance(joined.op, Concat):
        axis = node.op.axis
        sizes = tuple(x.shape[axis] for x in joined.inputs)
        return joined.inputs if (joined.op.axis, sizes) == (axis, node.op.sizes) else None
    if isinstance(node.op, GetItem) and isinstance(joined.op, Stack) and not joined.op.axis:
        index = node.op.index
        return [joined.inputs[index[0]]] if len(index) == 1 and type(index[0]) is int else None
    return None


def _same(graph: Graph, node: Node) -> Value | None:
    """The value that the node's only result is equal to, if it is there already."""
    rule = _RULES.get(type(node.op))
    found = rule(graph, node) if rule is not None else None
    return found if found is not None and found.spec == node.outputs[0].spec else None


def _reshape(graph: Graph, node: Node) -> Value | None:
    """Of several reshapes the last one counts."""
    x = node.inputs[0]
    while x.node is not None and isinstance(x.node.op, Reshape):
        x = x.node.inputs[0]
    node.inputs[0] = x
    return x


def _permute(graph: Graph, node: Node) -> Value | None:
    assert isinstance(node.op, PermuteDims)
    x = node.inputs[0]
    if x.node is not None and isinstance(x.node.op, PermuteDims):
        inner = x.node.op.axes
        node.op = PermuteDims(tuple(inner[a] for a in node.op.axes))
        node.inputs[0] = x = x.node.inputs[0]
    return x if node.op.axes == tuple(range(len(node.op.axes))) else None


def _first(graph: Graph, node: Node) -> Value | None:
    """The input, if it has the result's shape and dtype."""
    return node.inputs[0]


def _times_one(graph: Graph, node: Node) -> Value | None:
    """x · 1 and x / 1, which are exact for NaN, infinities and zeros of either sign."""
    x, y = node.inputs
    if _is_one(graph, y):
        return x
    return y if isinstance(node.op, Multiply) and _is_one(graph, x) else None


def _is_one(graph: Graph, x: Value) -> bool:
    array = graph.constants.get(x)
    return array is not None and array.size == 1 and array.reshape(-1)[0] == 1


def _reduction(graph: Graph, node: Node) -> Value | None:
    """Along no axis nothing is reduced."""
    assert isinstance(node.op, Reduction)
    return None if node.op.axis else node.inputs[0]


_RULES: dict[type[Op], Callable[[Graph, Node], Value | None]] = {
    Reshape: _reshape, PermuteDims: _permute, BroadcastTo: _first, Cast: _first, Clone: _first,
    Multiply: _times_one, Divide: _times_one, Sum: _reduction, Max: _reduction, Min: _reduction,
}  # fmt: skip
