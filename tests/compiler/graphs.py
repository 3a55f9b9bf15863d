"""Small graphs to try things on: functions traced with float32 inputs x, y, z."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.compiler.ir import Graph, Node
from nbdl.compiler.passes.fuse import Region, fuse
from nbdl.compiler.trace import Trace
from nbdl.core import no_grad
from nbdl.core.tree import leaves
from nbdl.shapes import Spec

FLOAT = np.dtype(np.float32)


def traced(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Graph:
    """The graph of a function of float32 tensors of these shapes."""
    with Trace() as world, no_grad():
        inputs = [world.input(Spec(s, FLOAT), n) for s, n in zip(shapes, "xyzuv", strict=False)]
        world.graph.outputs = [world.symbol(y) for y in leaves(function(*inputs))]
    world.graph.check()
    return world.graph


def lines(graph: Graph) -> list[str]:
    """The text of a graph without its inputs."""
    graph.check()
    return [line for line in str(graph).splitlines() if not line.startswith("input")]


def units(graph: Graph) -> list[str]:
    """The names of the operations of each loop, in order; single operations in parentheses."""
    return [
        " ".join(n.op.name for n in u.nodes) if isinstance(u, Region) else f"({u.op.name})"
        for u in fuse(graph)
    ]


def evaluated(graph: Graph, *inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs, each operation by its own forward rule."""
    known: dict[Any, np.ndarray] = dict(zip(graph.inputs, inputs, strict=True))
    known.update(graph.constants)
    node: Node
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            op: Any = node.op
            found = op.forward(np, *[known[x] for x in node.inputs])
            several = found if isinstance(found, tuple) else (found,)
            known.update(zip(node.outputs, several, strict=True))
    return [known[y] for y in graph.outputs]
