"""Composite operations said in core ones, by the operations' own rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbdl.compiler.ir import Graph, Node, Value
from nbdl.compiler.trace import Trace
from nbdl.core import modes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.shapes import Spec


class _Rewrite(Trace):
    """A trace in which an operation that decomposes never enters the graph."""

    scope = ""
    phase = 0

    def append(self, op: Op, inputs: tuple[Tensor, ...]) -> list[Value]:
        """The outputs of ``op`` or of what stands for it."""
        found: Any = op.decompose(*inputs)
        if found is None:
            symbols = [self.symbol(x) for x in inputs]
            return self.graph.add(op, symbols, self.scope, self.phase)
        return [self.symbol(y) for y in (found if isinstance(found, tuple) else (found,))]


def decompose(graph: Graph) -> Graph:
    """The same graph in core operations; inputs and outputs stay the same values."""
    world = _Rewrite()
    with modes.no_grad(), world:
        world.graph.inputs = list(graph.inputs)
        world.graph.constants = dict(graph.constants)
        known = {x: x for x in (*graph.inputs, *graph.constants)}
        for node in graph.nodes:
            _rewritten(world, node, known)
        world.graph.outputs = [known[y] for y in graph.outputs]
    return world.graph


def decomposed(op: Op, specs: Iterable[Spec]) -> Graph:
    """The graph of one operation on inputs of its own, in core operations."""
    world = _Rewrite()
    with modes.no_grad(), world:
        inputs = tuple(world.input(spec, f"x{i}") for i, spec in enumerate(specs))
        world.graph.outputs = world.append(op, inputs)
    return world.graph


def _rewritten(world: _Rewrite, node: Node, known: dict[Value, Value]) -> None:
    world.scope, world.phase = node.scope, node.phase
    inputs = tuple(world.wrap(known[x]) for x in node.inputs)
    known.update(zip(node.outputs, world.append(node.op, inputs), strict=True))
