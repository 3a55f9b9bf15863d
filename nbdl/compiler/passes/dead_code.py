"""Dead code: nodes and constants that no output needs."""

from __future__ import annotations

from nbdl.compiler.ir import Graph, Value


def eliminate_dead_code(graph: Graph) -> Graph:
    """Drop what is not needed; inputs stay."""
    needed: set[Value] = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if any(y in needed for y in node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    graph.nodes = kept[::-1]
    graph.constants = {x: array for x, array in graph.constants.items() if x in needed}
    return graph
