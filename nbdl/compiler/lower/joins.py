"""Joining, padding and looking up: loops that copy into, or out of, a part of a larger tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.backends.kernels.program import Array, Instruction, Kernel
from nbdl.compiler.expressions import is_stored
from nbdl.compiler.ir import Graph, Node
from nbdl.compiler.lower.kernels import Loop, Operand, loop_of
from nbdl.compiler.lower.lowering import PREPARATIONS, Lowering, lowers
from nbdl.compiler.lower.steps import LoopStep
from nbdl.compiler.lower.views import View, new_view, views_of
from nbdl.compiler.passes.fuse import region_of
from nbdl.ops.broadcasting import BroadcastTo
from nbdl.ops.concatenation import Concat, Split, Stack, Unbind
from nbdl.ops.embedding import Embedding
from nbdl.ops.indexing import GetItem
from nbdl.ops.padding import Pad
from nbdl.shapes import Spec

_SEQUENCE = 3
"""Axes up to which a joined tensor lies in C order: (time, batch, features)."""


def _parts(node: Node, target: View) -> list[View]:
    """Where in the joined tensor each input lies."""
    apart = (
        Split(node.op.axis, tuple(x.shape[node.op.axis] for x in node.inputs))
        if isinstance(node.op, Concat) else Unbind(node.op.axis)  # type: ignore[attr-defined]
    )  # fmt: skip
    places = views_of(apart, target)
    assert places is not None
    return places


def _prepare(low: Lowering) -> None:
    """Give what is going to be joined its place at once, so that nothing has to be copied."""
    for node in low.graph.nodes:
        y = node.outputs[0]
        plain = isinstance(node.op, (Concat, Stack)) and is_stored(y.dtype)
        if not plain or len(y.shape) > _SEQUENCE or y in low.targets or y in low.parts:
            continue
        low.joined[y] = new_view(y.spec)
        for x, place in zip(node.inputs, _parts(node, low.joined[y]), strict=True):
            if x.node is not None and x not in low.targets and place.size:
                low.parts.setdefault(x, place)


PREPARATIONS.append(_prepare)


@lowers(Concat, Stack)
def _joined(low: Lowering, node: Node) -> bool:
    """Each input copied into its part, unless it lies there."""
    y, first = node.outputs[0], low.view(node.inputs[0])
    if not is_stored(y.dtype):
        return False
    if y in low.joined:
        target = low.views[y] = low.joined[y]
    else:
        target = low.fresh(y, first.order if len(first.shape) == len(y.shape) else None)
    for x, place in zip(node.inputs, _parts(node, target), strict=True):
        if place.size and low.view(x) != place:
            low.copy(low.view(x), place, node.phase)
    return True


@lowers(Pad)
def _pad(low: Lowering, node: Node) -> bool:
    """The number everywhere, then what is inside."""
    (x,), (y,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, Pad)
    if not is_stored(y.dtype) or isinstance(op.value, complex):
        return False
    source = low.view(x)
    target = low.fresh(y, source.order)
    fill(low, target, op.value, node)
    inside, taken = [], []
    for (before, after), n in zip(op.widths, x.shape, strict=True):
        first, end = max(-before, 0), n + min(after, 0)
        taken.append((first, max(end, first), None))
        inside.append((max(before, 0), max(before, 0) + max(end - first, 0), None))
    part = views_of(GetItem(tuple(taken)), source)
    place = views_of(GetItem(tuple(inside)), target)
    assert part is not None
    assert place is not None
    if place[0].size:
        low.copy(part[0], place[0], node.phase)
    return True


def fill(low: Lowering, target: View, number: Any, node: Node) -> None:
    """Emit target[...] = number."""
    graph = Graph()
    x = graph.constant(np.array(number, target.dtype))
    filling = Node(BroadcastTo(target.shape), [x], [target.spec], node.scope, node.phase)
    region = region_of(filling)
    assert region is not None
    loop = loop_of(region, {}, graph.constants, {filling.outputs[0]: target})
    low.emit(LoopStep([filling], [], [target], node.phase, loop))


@lowers(Embedding)
def _embedding(low: Lowering, node: Node) -> bool:
    """Rows of a table: the table's first axis is walked by the numbers."""
    ids, table = (low.view(x) for x in node.inputs)
    y = node.outputs[0]
    if not is_stored(table.dtype) or not is_stored(ids.dtype) or not table.size:
        return False
    numbers = low.dense(ids, None, node.phase)
    rows = low.dense(table, None, node.phase)
    target = low.fresh(y, tuple(range(len(y.shape))))
    width = rows.strides[0]
    code: list[Instruction] = [Instruction("load", (), ids.dtype.name, 0)]
    if ids.dtype != np.int64:
        code.append(Instruction("cast", (0,), "int64"))
    register = "float32" if table.dtype.itemsize == 2 else table.dtype.name
    code.append(Instruction("load_at", (len(code) - 1,), register, (1, 0)))
    code.append(Instruction("store", (len(code) - 1,), register, 2))
    arrays = (
        Array(ids.dtype.name, "s0"), Array(table.dtype.name, "s1"), Array(table.dtype.name, "s1"),
    )  # fmt: skip
    operands = [Operand(numbers, (1, 0)), Operand(rows, (width, 1)), Operand(target, (width, 1))]
    loop = Loop(Kernel(2, 0, "outer", arrays, tuple(code)), (numbers.size, width), operands,
                (table.shape[0],))  # fmt: skip
    low.emit(LoopStep([node], [numbers, _rows(rows, numbers.size)], [target], node.phase, loop))
    return True


def _rows(table: View, count: int) -> View:
    """As much of a table as ``count`` rows, for the traffic."""
    spec = Spec((min(count, table.shape[0]), *table.shape[1:]), table.dtype)
    return View(table.buffer, spec.shape, spec.dtype, table.strides, table.offset)

