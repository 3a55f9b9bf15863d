"""Fusion: which operations become one loop.

A region is a set of operations that walk the same box of elements: elementwise ones, reductions,
and what only renames axes. It starts as one operation and grows along the graph's edges as long
as the loops fit each other and no path leads out of the region and back in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nbdl.compiler.expressions import has_expression
from nbdl.compiler.ir import Graph, Node, Value
from nbdl.ops.broadcasting import BroadcastTo, Sum
from nbdl.ops.conversion import Clone
from nbdl.ops.families import Elementwise, Reduction
from nbdl.ops.movement import PermuteDims, Reshape
from nbdl.ops.reduction import All_, Any_, Max, Min
from nbdl.shapes import Shape

REDUCTIONS: dict[type[Reduction], str] = {
    Sum: "sum", Max: "max", Min: "min", Any_: "any", All_: "all",
}  # fmt: skip
"""What a loop can combine, and its word in kernels."""

RENAMES = (Reshape, PermuteDims, BroadcastTo, Clone)

MAX_NODES = 80
MAX_ARRAYS = 28

Axes = tuple[int | None, ...]
"""For each axis of a value which dimension of the loop it is; None for one of size 1."""


@dataclass(eq=False)
class Region:
    """Operations in one loop.

    Attributes:
        nodes: in order of computation.
        sizes: of the loop's dimensions.
        inner: the dimensions that reductions run over.
        axes: for each value read or made the dimensions of its axes.
        phase: of its nodes.
    """

    nodes: list[Node]
    sizes: list[int]
    inner: frozenset[int]
    axes: dict[Value, Axes]
    phase: int
    number: int = 0
    made: set[Value] = field(default_factory=set)

    @property
    def only_renames(self) -> bool:
        """Whether nothing is computed."""
        return all(isinstance(node.op, RENAMES) for node in self.nodes)

    @property
    def read(self) -> list[Value]:
        """Values from outside, each once, in order."""
        listed = dict.fromkeys(x for node in self.nodes for x in node.inputs)
        return [x for x in listed if x not in self.made]


def fuse(graph: Graph) -> list[Region | Node]:
    """The graph as regions and single operations, in an order in which they can be computed."""
    return _Fusion(graph).result()


def region_of(node: Node) -> Region | None:
    """The loop of one operation; None if it is none."""
    op = node.op
    if isinstance(op, tuple(REDUCTIONS)):
        return _reduction(node)
    if isinstance(op, Reshape):
        return _reshape(node)
    if isinstance(op, (Elementwise, PermuteDims, BroadcastTo, Clone)) and has_expression(node):
        return _pointwise(node)
    return None


def _numbered(shape: Shape) -> tuple[list[int], Axes]:
    """Dimensions for the axes that are longer than 1."""
    sizes: list[int] = []
    axes: list[int | None] = []
    for n in shape:
        axes.append(None if n == 1 else len(sizes))
        if n != 1:
            sizes.append(n)
    return sizes, tuple(axes)


def _pointwise(node: Node) -> Region:
    y = node.outputs[0]
    sizes, own = _numbered(y.shape)
    axes = {y: own}
    for x in node.inputs:
        if isinstance(node.op, PermuteDims):
            back = [node.op.axes.index(i) for i in range(len(own))]
            axes[x] = tuple(own[i] for i in back)
        else:
            tail = own[len(own) - len(x.shape) :]
            axes[x] = tuple(None if n == 1 else d for n, d in zip(x.shape, tail, strict=True))
    return Region([node], sizes, frozenset(), axes, node.phase, made={y})


def _reduction(node: Node) -> Region:
    (x,), (y,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, Reduction)
    sizes, own = _numbered(x.shape)
    inner = frozenset(d for a in op.axis if (d := own[a]) is not None)
    kept = [None if a in op.axis else d for a, d in enumerate(own)]
    if not op.keepdims:
        kept = [d for a, d in enumerate(kept) if a not in op.axis]
    return Region([node], sizes, inner, {x: own, y: tuple(kept)}, node.phase, made={y})


def _reshape(node: Node) -> Region | None:
    """A reshape that only adds or drops axes of size 1."""
    (x,), (y,) = node.inputs, node.outputs
    if [n for n in x.shape if n != 1] != [n for n in y.shape if n != 1]:
        return None
    sizes, own = _numbered(x.shape)
    return Region([node], sizes, frozenset(), {x: own, y: _numbered(y.shape)[1]}, node.phase,
                  made={y})  # fmt: skip


class _Fusion:
    """Growing regions; sets of regions are bits of whole numbers, so that paths are cheap."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.units: list[Region | Node] = []
        self.of: dict[Value, int] = {}
        for node in graph.nodes:
            number = len(self.units)
            unit = region_of(node) or node
            if isinstance(unit, Region):
                unit.number = number
            self.units.append(unit)
            self.of.update(dict.fromkeys(node.outputs, number))
        self.same = list(range(len(self.units)))
        self._find_paths()

    def _find_paths(self) -> None:
        """For each unit the units before it and after it, at any distance."""
        n = len(self.units)
        self.before, self.after = [0] * n, [0] * n
        self.alive = (1 << n) - 1  # units that are no part of another
        makers = []
        for i, unit in enumerate(self.units):
            inputs = unit.read if isinstance(unit, Region) else unit.inputs
            makers.append({self.of[x] for x in inputs if x in self.of})
            for j in makers[i]:
                self.before[i] |= self.before[j] | 1 << j
        for i in reversed(range(n)):
            for j in makers[i]:
                self.after[j] |= self.after[i] | 1 << i

    def find(self, i: int) -> int:
        """The unit that number ``i`` has become a part of."""
        while self.same[i] != i:
            self.same[i] = i = self.same[self.same[i]]
        return i

    def result(self) -> list[Region | Node]:
        for i in range(len(self.graph.nodes)):
            self._grow(i)
        return self._ordered()

    def _grow(self, i: int) -> None:
        """Join the unit of operation ``i`` to those that made what it reads."""
        node = self.graph.nodes[i]
        for x in node.inputs:
            if x in self.of and (not node.again or _is_again(x)):
                a, b = self.find(self.of[x]), self.find(i)
                if a != b:
                    self._try(a, b)

    def _try(self, a: int, b: int) -> None:
        """Make one region of ``a`` and ``b``, which reads from it, if that is possible."""
        first, second = self.units[a], self.units[b]
        if not isinstance(first, Region) or not isinstance(second, Region):
            return
        between = self.before[b] & self.after[a] & self.alive
        if between or first.phase != second.phase:
            return
        joined = join(first, second)
        if joined is None:
            return
        self._replace(a, b, joined)

    def _replace(self, a: int, b: int, joined: Region) -> None:
        """``b`` becomes a part of ``a``."""
        joined.number = a
        self.units[a], self.same[b] = joined, a
        self.alive &= ~(1 << b)
        # What comes after b has come after a before, and what comes before a, before b.
        later = self.after[a] & ~self.after[b] & self.alive
        earlier = self.before[b] & ~self.before[a] & self.alive & ~(1 << a)
        self.before[a] |= earlier
        self.after[a] = (self.after[a] | self.after[b]) & ~(1 << b)
        if earlier:
            for i in _bits(later):
                self.before[i] |= earlier
        after = later | 1 << a
        for i in _bits(earlier):
            self.after[i] |= after

    def _ordered(self) -> list[Region | Node]:
        """Units after everything they read; the original order where that leaves a choice."""
        left = [i for i in range(len(self.units)) if self.find(i) == i]
        done = 0
        result: list[Region | Node] = []
        there = sum(1 << j for j in left)
        needs = {i: self.before[i] & there for i in left}
        while left:
            i = next(i for i in left if needs[i] & ~done == 0)
            left.remove(i)
            done |= 1 << i
            unit = self.units[i]
            if isinstance(unit, Region):
                unit.nodes.sort(key=self._place)
            result.append(unit)
        return result

    def _place(self, node: Node) -> int:
        if not hasattr(self, "_places"):
            self._places = {id(n): i for i, n in enumerate(self.graph.nodes)}
        return self._places[id(node)]


def _is_again(x: Value) -> bool:
    """Whether a node that is done again makes it: such nodes do not join those that they repeat."""
    return x.node is not None and x.node.again


def _bits(number: int) -> list[int]:
    """The places of the ones in ``number``."""
    data = number.to_bytes((number.bit_length() + 7) // 8, "little")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    places: list[int] = np.flatnonzero(bits).tolist()
    return places


def join(first: Region, second: Region) -> Region | None:
    """One region of two, the second of which reads what the first makes; None: they do not fit."""
    if len(first.nodes) + len(second.nodes) > MAX_NODES:
        return None
    small, large = (second, first) if len(second.sizes) < len(first.sizes) else (first, second)
    way = _matched(small, large)
    if way is None or not _fits(small, large, way):
        return None
    inner = large.inner | {way[d] for d in small.inner}
    axes = dict(large.axes)
    for x, own in small.axes.items():
        mapped = tuple(None if d is None else way[d] for d in own)
        if axes.setdefault(x, mapped) != mapped:
            return None
    joined = Region([*first.nodes, *second.nodes], list(large.sizes), frozenset(inner), axes,
                    first.phase, made=first.made | second.made)  # fmt: skip
    return joined if len(joined.read) <= MAX_ARRAYS else None


def _matched(small: Region, large: Region) -> dict[int, int] | None:
    """For each dimension of ``small`` the one of ``large`` that it is."""
    way: dict[int, int] = {}
    for x, own in small.axes.items():
        for d, e in zip(own, large.axes.get(x, ()), strict=False):
            if d is not None and e is not None and way.setdefault(d, e) != e:
                return None
    if len(set(way.values())) != len(way):
        return None
    for d, size in enumerate(small.sizes):
        if d in way:
            continue
        free = [e for e, n in enumerate(large.sizes) if n == size and e not in way.values()]
        inside = [e for e in free if (e in large.inner) == (d in small.inner)]
        if not free:
            return None
        way[d] = (inside or free)[0]
    return way


def _fits(small: Region, large: Region, way: dict[int, int]) -> bool:
    """Whether the loops can be one loop."""
    inner = {way[d] for d in small.inner}
    if len(small.sizes) == len(large.sizes):
        return not inner or not large.inner or inner == large.inner
    # What has fewer dimensions runs once for each outer point, beside the reductions.
    outer = set(range(len(large.sizes))) - large.inner
    return bool(large.inner) and not inner and set(way.values()) == outer
