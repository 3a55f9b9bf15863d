"""Recomputation under a memory budget: what is needed again much later is computed again.

T. Chen and others, "Training deep nets with sublinear memory cost", 2016. Between the forward pass
that makes an activation and the backward pass that reads it, memory holds it for nothing. If the
inputs of its operation lie in memory anyway by then, the operation can be done again, just before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from nbdl.compiler.ir import Graph, Node, Value
from nbdl.compiler.passes.chains import chain, copied
from nbdl.compiler.passes.fuse import Region, fuse
from nbdl.compiler.passes.rematerialize import SMALL, is_cheap

_ROUNDS = 8
_CHEAP_ROUNDS = 2
_LARGE = 1 << 18
"""Elements."""
_APART = 10
"""Loops and calls between two uses from which it is worth while to give memory back meanwhile."""


@dataclass(frozen=True)
class _Use:
    """When a value lies in memory: made by unit ``made``, read by units ``read``, in order."""

    made: int
    read: tuple[int, ...]

    def gap(self) -> tuple[int, int]:
        """The longest time between two uses: from one unit to the other."""
        times = (self.made, *self.read)
        return max(itertools.pairwise(times), key=lambda p: p[1] - p[0])


def recompute(graph: Graph, budget: int) -> Graph:
    """Do operations again until what lies in memory at once is at most ``budget`` bytes.

    Where that cannot be reached, as near as it gets.
    """
    for _ in range(_ROUNDS):
        units = fuse(graph)
        uses = _uses(units, graph)
        excess = _peak(uses, len(units)) - budget
        if excess <= 0 or not _again(graph, units, uses, excess, SMALL, _computes):
            break
    return graph


def recompute_cheap(graph: Graph) -> Graph:
    """Do again what costs next to nothing, as an activation after a normalization, where what it
    gives takes a megabyte or more."""
    for _ in range(_CHEAP_ROUNDS):
        units = fuse(graph)
        uses = _uses(units, graph)
        if not _again(graph, units, uses, _peak(uses, len(units)), _LARGE, _is_cheap):
            break
    return graph


def _computes(node: Node) -> bool:
    """Whether a node has one result and belongs to what is computed before state changes."""
    return len(node.outputs) == 1 and not node.phase


def _is_cheap(node: Node) -> bool:
    return _computes(node) and is_cheap(node)


def _nodes(unit: Region | Node) -> list[Node]:
    return unit.nodes if isinstance(unit, Region) else [unit]


def _uses(units: Sequence[Region | Node], graph: Graph) -> dict[Value, _Use]:
    """The values that leave the unit that makes them."""
    made: dict[Value, int] = {}
    read: dict[Value, list[int]] = {}
    for i, unit in enumerate(units):
        inputs = unit.read if isinstance(unit, Region) else unit.inputs
        for x in dict.fromkeys(inputs):
            if x in made:
                read.setdefault(x, []).append(i)
        for node in _nodes(unit):
            made.update(dict.fromkeys(node.outputs, i))
    for y in graph.outputs:
        if y in made:
            read.setdefault(y, []).append(len(units))
    return {x: _Use(made[x], tuple(times)) for x, times in read.items()}


def _peak(uses: dict[Value, _Use], count: int) -> int:
    """The most bytes that are needed at one time."""
    change = [0] * (count + 2)
    for x, use in uses.items():
        change[use.made] += x.spec.nbytes
        change[use.read[-1] + 1] -= x.spec.nbytes
    held, most = 0, 0
    for c in change:
        held += c
        most = max(most, held)
    return most


def _again(
    graph: Graph, units: Sequence[Region | Node], uses: dict[Value, _Use], excess: int,
    least: int, allowed: Callable[[Node], bool],
) -> bool:  # fmt: skip
    """Choose the largest values that can be computed again; whether there were some."""
    place = {id(node): i for i, unit in enumerate(units) for node in _nodes(unit)}
    chosen: list[tuple[Value, int, list[Node]]] = []
    needed: set[Value] = set()
    for x in sorted(uses, key=lambda v: -v.spec.nbytes):
        if excess <= 0 or x.spec.size <= least:
            break
        start, end = uses[x].gap()
        if end - start < _APART or x in needed or end >= len(units):
            continue
        found = chain(x, _nodes(units[uses[x].made]), partial(_lies, end, uses), allowed)
        if found is None:
            continue
        nodes, sources = found
        if not sources & {x for x, _, _ in chosen}:
            chosen.append((x, end, nodes))
            needed |= sources
            excess -= x.spec.nbytes
    for x, end, nodes in chosen:
        _do_again(graph, x, end, nodes, place)
    return bool(chosen)


def _lies(time: int, uses: dict[Value, _Use], x: Value) -> bool:
    """Whether a value is in memory at a time anyway."""
    if x.node is None or x.spec.size <= SMALL:
        return True
    return x in uses and uses[x].read[-1] >= time


def _do_again(
    graph: Graph, x: Value, end: int, nodes: list[Node], place: dict[int, int]
) -> None:
    """Copies of the nodes that make ``x`` before its first late reader, for all late ones."""
    late = [n for n in graph.nodes if x in n.inputs and place.get(id(n), -1) >= end]
    made, copies = copied(nodes, 0)
    for copy in made:
        copy.again = True
    at = min(graph.nodes.index(n) for n in late)
    graph.nodes[at:at] = made
    for node in late:
        node.inputs = [copies[x] if y is x else y for y in node.inputs]
