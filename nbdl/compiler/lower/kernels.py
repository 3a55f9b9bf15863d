"""Regions as loop kernels: dimensions in the order of memory, arrays with their strides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nbdl.backends.kernels.program import Array, Instruction, Kernel
from nbdl.backends.kernels.split import split
from nbdl.compiler.expressions import Code, Register, working
from nbdl.compiler.ir import Value
from nbdl.compiler.lower.views import Buffer, View, dense_strides
from nbdl.compiler.passes.fuse import REDUCTIONS, Axes, Region
from nbdl.ops.families import Reduction


@dataclass(frozen=True)
class Operand:
    """An array of a kernel: where it lies, and its strides along the loop's axes."""

    view: View
    strides: tuple[int, ...]


@dataclass
class Loop:
    """A kernel with the sizes and arrays that it is called with, and the lengths of look-ups."""

    kernel: Kernel
    sizes: tuple[int, ...]
    operands: list[Operand]
    lengths: tuple[int, ...] = ()


def loop_of(
    region: Region, views: dict[Value, View], constants: dict[Value, np.ndarray],
    stored: dict[Value, View | None],
) -> Loop:  # fmt: skip
    """The kernel of a region.

    Args:
        region: what it computes.
        views: where values that it reads lie.
        constants: numbers that are part of the code.
        stored: values to be stored, and where; None: in a new buffer, whose view is put here.
    """
    order = _order(region, views)
    for value, view in stored.items():
        if view is None:
            stored[value] = _new(value, region.axes[value], order)
    targets = [(x, view) for x, view in stored.items() if view is not None]
    code, read = _code(region, constants, [x for x, _ in targets])
    listed = [*((x, views[x]) for x in read), *targets]
    spread = [_strides(view, region.axes[x], len(region.sizes)) for x, view in listed]
    # Dimensions along which nothing moves are those of results that nobody wants.
    outer = [d for d in order if d not in region.inner and any(s[d] for s in spread)]
    inner = [d for d in order if d in region.inner]
    first = _collapsed(outer, region.sizes, spread)
    second = _collapsed(inner, region.sizes, spread)
    lanes = "inner" if inner and (not outer or order[-1] in region.inner) else "outer"
    axes = (first or [[]]) + second
    sizes = tuple(math.prod(region.sizes[d] for d in group) for group in axes)
    lane = len(axes) - 1 if lanes == "inner" else max(len(first), 1) - 1
    strides = [tuple(s[g[-1]] if g else 0 for g in axes) for s in spread]
    described = tuple(
        Array(view.dtype.name, "".join(_letter(s, i == lane) for i, s in enumerate(steps)))
        for (_, view), steps in zip(listed, strides, strict=True)
    )
    kernel = Kernel(max(len(first), 1), len(second), lanes, described, code)
    operands = [Operand(view, s) for (_, view), s in zip(listed, strides, strict=True)]
    return Loop(kernel, sizes, operands)


def divided(loop: Loop) -> list[Loop]:
    """The loop itself, or several that do the same and leave no thread without work."""
    found = split(loop.kernel, loop.sizes, [operand.strides for operand in loop.operands])
    if found is None:
        return [loop]
    views = [operand.view for operand in loop.operands]
    for dtype, n in found.scratch:
        room = np.empty(n, dtype)
        views.append(View(Buffer(room.nbytes, "constant", room), (n,), room.dtype, (1,)))
    return [
        Loop(call.kernel, call.sizes, [Operand(views[i], steps) for i, steps in call.operands])
        for call in found.calls
    ]


def _order(region: Region, views: dict[Value, View]) -> list[int]:
    """Dimensions from the slowest to the fastest: as the largest array has them in memory."""
    best: tuple[int, int, list[int]] = (-1, -1, [])
    for x in region.read:
        view = views.get(x)
        if view is None:
            continue
        strides = _strides(view, region.axes[x], len(region.sizes))
        moving = [d for d in range(len(strides)) if strides[d]]
        ranked = sorted(moving, key=lambda d: -abs(strides[d]))
        best = max(best, (len(moving), view.touched, ranked), key=lambda t: t[:2])
    rest = [d for d in range(len(region.sizes)) if d not in best[2]]
    return rest + best[2]


def _new(value: Value, axes: Axes, order: list[int]) -> View:
    """A new dense view whose axes lie in the order of the loop."""
    places = [-1 if d is None else order.index(d) for d in axes]
    own = sorted(range(len(axes)), key=places.__getitem__)
    buffer = Buffer(value.spec.nbytes)
    return View(buffer, value.shape, value.dtype, dense_strides(value.shape, tuple(own)))


def _strides(view: View, axes: Axes, dims: int) -> tuple[int, ...]:
    """Strides along the loop's dimensions."""
    strides = [0] * dims
    for step, d in zip(view.strides, axes, strict=True):
        if d is not None:
            strides[d] = step
    return tuple(strides)


def _collapsed(
    dims: list[int], sizes: list[int], spread: list[tuple[int, ...]]
) -> list[list[int]]:
    """Neighbouring dimensions that all arrays walk as one, put together."""
    groups: list[list[int]] = []
    for d in dims:
        if groups and all(s[groups[-1][-1]] == s[d] * sizes[d] for s in spread):
            groups[-1].append(d)
        else:
            groups.append([d])
    return groups


def _letter(stride: int, is_lane: bool) -> str:
    if not stride:
        return "0"
    return "1" if is_lane and stride == 1 else "s"


def _code(
    region: Region, constants: dict[Value, np.ndarray], stored: list[Value]
) -> tuple[tuple[Instruction, ...], list[Value]]:
    """What is done at each point, and the values that are read for it, by their array numbers."""
    code, read = Code(), region.read
    registers: dict[Value, Register] = {}
    for i, x in enumerate(read):
        dtype = working(x.dtype)
        if x in constants:
            registers[x] = code.constant(constants[x].reshape(-1)[0], dtype)
        else:
            registers[x] = code.emit("load", dtype=dtype, attribute=i)
    for node in region.nodes:
        inputs = [registers[x] for x in node.inputs]
        y = node.outputs[0]
        if isinstance(node.op, Reduction):
            gone = {*region.axes[node.inputs[0]]} - {*region.axes[y], None}
            registers[y] = _reduced(code, node.op, inputs[0], bool(gone), working(y.dtype))
        else:
            registers[y] = code.operation(node.op, inputs, y.dtype)
    for i, x in enumerate(stored, len(read)):
        code.emit("store", registers[x][0], dtype=working(x.dtype), attribute=i)
    return _pruned(code.listed, read)


def _pruned(
    listed: list[Instruction], read: list[Value]
) -> tuple[tuple[Instruction, ...], list[Value]]:
    """Without what no store needs."""
    needed = {i for i, step in enumerate(listed) if step.name == "store"}
    for i in reversed(range(len(listed))):
        if i in needed:
            needed.update(listed[i].args)
    kept = sorted(needed)
    places = {old: new for new, old in enumerate(kept)}
    loaded = sorted({listed[i].attribute for i in kept if listed[i].name == "load"})
    arrays = {old: new for new, old in enumerate(loaded)}
    code = []
    for i in kept:
        step = listed[i]
        number = step.attribute
        if step.name == "load":
            number = arrays[number]
        elif step.name == "store":
            number += len(loaded) - len(read)
        args = tuple(places[j] for j in step.args)
        code.append(Instruction(step.name, args, step.dtype, number))
    return tuple(code), [read[i] for i in loaded]


def _reduced(code: Code, op: Reduction, x: Register, loops: bool, dtype: str) -> Register:
    kind = REDUCTIONS[type(op)]
    if kind in ("any", "all"):
        x = code.cast(x, "bool")
    if not loops:  # along axes of size 1
        return code.cast(x, dtype)
    return code.cast(code.emit("reduce", x[0], dtype=x[1], attribute=kind), dtype)
