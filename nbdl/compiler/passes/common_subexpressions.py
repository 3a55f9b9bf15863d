"""Common subexpressions: the same operation on the same values is done once."""

from __future__ import annotations

from nbdl.compiler.ir import Graph, Value
from nbdl.core.op import Op


def eliminate_common_subexpressions(graph: Graph) -> Graph:
    """Let later copies of a node's work read the first one's results.

    Random operations are functions of their key, which differs for each draw.
    """
    known: dict[tuple[Op, str, int, tuple[Value, ...]], list[Value]] = {}
    changes: dict[Value, Value] = _equal_constants(graph)
    kept = []
    for node in graph.nodes:
        node.inputs = [changes.get(x, x) for x in node.inputs]
        # The text tells apart what is equal but not the same: 0.0 and -0.0 to pad with.
        key = node.op, repr(node.op), node.phase, tuple(node.inputs)
        first = known.setdefault(key, node.outputs)
        if first is node.outputs:
            kept.append(node)
        else:
            changes.update(zip(node.outputs, first, strict=True))
    graph.nodes = kept
    graph.outputs = [changes.get(y, y) for y in graph.outputs]
    return graph


def _equal_constants(graph: Graph) -> dict[Value, Value]:
    """Small constants of the same bits stand for each other."""
    known: dict[tuple[object, ...], Value] = {}
    changes: dict[Value, Value] = {}
    for x, array in graph.constants.items():
        if array.nbytes > 4096:
            continue
        first = known.setdefault((array.shape, array.dtype.str, array.tobytes()), x)
        if first is not x:
            changes[x] = first
    return changes
