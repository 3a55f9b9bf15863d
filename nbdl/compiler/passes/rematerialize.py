"""Rematerialization: what is cheap to compute again is not kept in memory.

A backward pass reads what the forward pass computed, such as a normalized activation. Where that
is a few additions and multiplications away from something that lies in memory anyway, the loop
that reads it computes it again: nothing is stored, nothing more is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from nbdl.compiler.ir import Node, Value
from nbdl.compiler.passes.chains import chain, copied
from nbdl.compiler.passes.fuse import MAX_ARRAYS, MAX_NODES, RENAMES, Axes, Region
from nbdl.ops.families import Elementwise

SMALL = 4096
"""Elements up to which keeping a value costs nothing."""

_CHEAP = 4
"""Operations an element: additions, products, comparisons; no exponentials."""

_CHAIN = 8
"""Nodes that may be computed again for one value."""


def rematerialize(
    units: Sequence[Region | Node], outputs: Sequence[Value]
) -> Sequence[Region | Node]:
    """Let regions compute cheap values again instead of reading them; the same units."""
    regions = [unit for unit in units if isinstance(unit, Region)]
    kept = {*outputs, *(x for unit in units if isinstance(unit, Node) for x in unit.inputs)}
    readers: dict[Value, list[Region]] = {}
    for region in regions:
        for x in region.read:
            readers.setdefault(x, []).append(region)
    for maker in regions:
        for x in _candidates(maker, kept, readers):
            _again(maker, x, kept, readers[x])
    return units


def _candidates(
    maker: Region, kept: set[Value], readers: dict[Value, list[Region]]
) -> list[Value]:
    """Large values that only other regions read, the last ones first."""
    return [
        y for node in reversed(maker.nodes) for y in node.outputs
        if y in readers and y not in kept and y.spec.size > SMALL
    ]  # fmt: skip


def _again(maker: Region, x: Value, kept: set[Value], readers: list[Region]) -> None:
    """Compute ``x`` in each region that reads it, if that pays in all of them."""
    chain = _chain(maker, x, kept)
    if chain is None:
        return
    nodes, sources = chain
    large = {s for s in sources if s.spec.size == x.spec.size}
    for reader in readers:
        room = len(reader.nodes) + len(nodes) <= MAX_NODES
        arrays = len({*reader.read, *sources}) <= MAX_ARRAYS
        if len(large - set(reader.read)) > 1 or not room or not arrays:
            return
        if not _aligned(maker, reader, x, nodes, sources):
            return
    for reader in readers:
        _insert(maker, reader, x, nodes)


def _chain(maker: Region, x: Value, kept: set[Value]) -> tuple[list[Node], set[Value]] | None:
    """The nodes that make ``x`` of values that lie in memory, and those values; None: too dear."""

    def lies(y: Value) -> bool:
        return y not in maker.made or y in kept or y.spec.size <= SMALL

    return chain(x, maker.nodes, lies, is_cheap, _CHAIN)


def is_cheap(node: Node) -> bool:
    """Whether a node is a few additions or products an element, or moves nothing."""
    if isinstance(node.op, Elementwise):
        return node.op.flops_per_element <= _CHEAP
    return isinstance(node.op, RENAMES)


def _way(maker: Region, reader: Region, x: Value) -> dict[int, int]:
    """For each dimension of the maker that ``x`` has the reader's."""
    pairs = zip(maker.axes[x], reader.axes[x], strict=True)
    return {d: e for d, e in pairs if d is not None and e is not None}


def _aligned(
    maker: Region, reader: Region, x: Value, nodes: list[Node], sources: set[Value]
) -> bool:
    """Whether all values of the chain have their dimensions in the reader, as it has them."""
    way = _way(maker, reader, x)
    for y in (*sources, *(y for node in nodes for y in node.outputs)):
        if any(d is not None and d not in way for d in maker.axes[y]):
            return False
        if y in sources and reader.axes.get(y, _moved(maker.axes[y], way)) != _moved(
            maker.axes[y], way
        ):
            return False
    return True


def _moved(axes: Axes, way: dict[int, int]) -> Axes:
    return tuple(None if d is None else way[d] for d in axes)


def _insert(maker: Region, reader: Region, x: Value, nodes: list[Node]) -> None:
    """Copies of the chain at the beginning of the reader, which reads their result."""
    way = _way(maker, reader, x)
    made, copies = copied(nodes, reader.phase)
    for node in nodes:
        for y in node.inputs:
            reader.axes.setdefault(y, _moved(maker.axes[y], way))
    for old, new in copies.items():
        reader.axes[new] = _moved(maker.axes[old], way)
        reader.made.add(new)
    for node in reader.nodes:
        node.inputs = [copies[x] if y is x else y for y in node.inputs]
    reader.nodes = made + reader.nodes
