"""Pooling: one loop over the elements of the result, each of which looks up what it is made of.

The channels are the lanes: maps lie channels-last. Which elements of the window are inside the
input, or which windows an element of it belongs to, are then whole numbers that are computed once
for all channels. Small windows are written out; large ones are inner axes of the loop.

Nothing is padded. In a maximum an element of padding is replaced by the nearest one of the
same window that is inside: it does not change the largest element, nor which one is the first.
Gradients are gathered: an element adds up what it gets from each window that it may belong to,
in the order in which eager code adds it, so no two threads write to one place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nbdl.compiler.expressions import Code, Register, is_stored, working
from nbdl.compiler.ir import Node, Value
from nbdl.compiler.lower.convolutions import channels_last
from nbdl.compiler.lower.integers import Condition, Number, known
from nbdl.compiler.lower.lowering import Lowering, lowers
from nbdl.compiler.lower.views import Buffer, View, dense_strides
from nbdl.compiler.lower.windows import Writer, emit_loops
from nbdl.ops.pooling import AvgPool, AvgPoolSpread, MaxPool, MaxPoolSpread, Pooling
from nbdl.shapes import Shape

BLOCK = 16
"""Elements of a gradient that are made at once, at most."""


def _maps(low: Lowering, view: View, phase: int) -> View:
    """A view of maps whose channels, if they are several, lie side by side."""
    if (view.strides[1] == 1 or view.shape[1] == 1) and min(view.strides) >= 0:
        return view
    return low.dense(view, channels_last(len(view.shape)), phase)


def _fits(op: Pooling, *values: Value) -> bool:
    """Whether these are maps as usual, of dtypes that kernels know."""
    stored = all(is_stored(x.dtype) for x in values)
    return stored and min(op.sizes) > 0 and all(len(x.shape) == len(op.sizes) + 2 for x in values)


# ----- forward --------------------------------------------------------------------------------


def _inside(w: Writer, op: Pooling, element: tuple[Number, ...]) -> list[Number]:
    """For each size the place in the window, moved to the nearest that is inside the input."""
    do, found = w.integers, []
    for axis, j in enumerate(element):
        start = _start(w, op, axis)
        missing = do.maximum(do.subtract(known(0), start), known(0))
        step = op.dilation[axis]
        first = do.floor_divide(do.add(missing, known(step - 1)), step)
        last = do.floor_divide(do.subtract(known(op.sizes[axis] - 1), start), step)
        found.append(do.minimum(do.maximum(j, first), last))
    return found


def _start(w: Writer, op: Pooling, axis: int) -> Number:
    """Where the window begins."""
    do = w.integers
    return do.subtract(do.multiply(w.places[axis], op.stride[axis]), known(op.padding[axis]))


def _positions(w: Writer, op: Pooling, element: Sequence[Number]) -> list[Number]:
    """Where a place in the window is in the input."""
    do = w.integers
    return [
        do.add(_start(w, op, axis), do.multiply(j, op.dilation[axis]))
        for axis, j in enumerate(element)
    ]


def _all_meet(op: Pooling) -> bool:
    """Whether every window has an element inside the input."""
    for n, k, s, p, d, c in zip(*op.how, strict=True):
        for start in range(-p, c * s - p, s):
            if (max(-start, 0) + d - 1) // d > min((n - 1 - start) // d, k - 1):
                return False
    return True


@lowers(MaxPool)
def _max_pool(low: Lowering, node: Node) -> bool:
    (x,), (y, at), op = node.inputs, node.outputs, node.op
    assert isinstance(op, MaxPool)
    if not _fits(op, x, y, at) or not _all_meet(op):
        return False
    source = _maps(low, low.view(x), node.phase)
    results = [y, at] if low.users.get(at) or at in low.wanted or at in low.targets else [y]

    def write(w: Writer) -> list[Register]:
        candidates = []
        for element in w.elements():
            inside = _inside(w, op, element)
            positions = [
                w.integers.within(place, 0, n - 1)
                for place, n in zip(_positions(w, op, inside), op.sizes, strict=True)
            ]
            candidates.append((w.load(source, positions), w.flat(inside, _steps(op.window))))
        found = _walked(w, *candidates[0]) if w.inner else _first(w, candidates)
        return list(found)[: len(results)]

    emit_loops(low, node, results, op.window, (1,) * len(op.window), write)
    return True


def _steps(window: Shape) -> tuple[int, ...]:
    """What one step along each axis adds to the number of a place."""
    return tuple(math.prod(window[axis + 1 :]) for axis in range(len(window)))


def _first(w: Writer, candidates: list[tuple[Register, Number]]) -> tuple[Register, Register]:
    """The largest, and the place of the first such; the first NaN is larger than all."""
    code, dtype = w.code, candidates[0][0][1]
    # As floats, for LLVM would choose among bytes, and pack all masks for that.
    kind = dtype if dtype.startswith("float") else "int32"
    best, place = candidates[0][0], w.integers.register(candidates[0][1], kind)
    for x, number in candidates[1:]:
        better, here = _better(code, x, best), w.integers.register(number, kind)
        best = code.emit("where", better[0], x[0], best[0], dtype=dtype)
        place = code.emit("where", better[0], here[0], place[0], dtype=kind)
    return best, code.cast(place, "int32")


def _better(code: Code, x: Register, best: Register) -> Register:
    """Whether x is greater, or the first NaN."""
    if not x[1].startswith("float"):
        return code.emit("greater", x[0], best[0], dtype="bool")
    lesser = code.emit("less_equal", x[0], best[0], dtype="bool")
    ordered = code.emit("equal", best[0], best[0], dtype="bool")
    return code.emit("and", code.emit("not", lesser[0], dtype="bool")[0], ordered[0], dtype="bool")


def _walked(w: Writer, x: Register, place: Number) -> tuple[Register, Register]:
    """The largest of a window that is walked, and then the least place where that is."""
    code = w.code
    best = code.emit("reduce", x[0], dtype=x[1], attribute="max")
    hit = code.emit("equal", x[0], best[0], dtype="bool")
    if x[1].startswith("float"):
        unequal = code.emit("not_equal", x[0], x[0], dtype="bool")
        hit = code.emit("or", hit[0], unequal[0], dtype="bool")
    here, none = w.integers.register(place, "int32"), code.constant(place.most, "int32")
    number = code.emit("where", hit[0], here[0], none[0], dtype="int32")
    return best, code.emit("reduce", number[0], dtype="int32", attribute="min")


@lowers(AvgPool)
def _avg_pool(low: Lowering, node: Node) -> bool:
    (x,), (y,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, AvgPool)
    if not _fits(op, x, y):
        return False
    source, share = _maps(low, low.view(x), node.phase), _share(op, working(x.dtype))

    def write(w: Writer) -> list[Register]:
        terms = []
        for element in w.elements():
            places = _positions(w, op, element)
            valid: Condition = True
            for place, n in zip(places, op.sizes, strict=True):
                valid = w.integers.both(valid, w.integers.between(place, 0, n - 1))
            if valid is not False:
                terms.append(w.kept(valid, w.load(source, places)))
        return [_shared(w, w.total(terms, working(x.dtype)), share, w.places)]

    emit_loops(low, node, [y], op.window, (1,) * len(op.window), write)
    return True


def _share(op: AvgPool, dtype: str) -> View:
    """One over the size of each window, as it counts: a table along the sizes."""
    share = np.asarray(op.share(np, np.dtype(dtype)))
    strides = dense_strides(share.shape) if share.ndim else (0,) * len(op.counts)
    return View(Buffer(share.nbytes, "constant", share), (1, 1, *op.counts), share.dtype,
                (0, 0, *strides))  # fmt: skip


def _shared(w: Writer, x: Register, share: View, places: list[Number]) -> Register:
    """x times the share of the window of these numbers."""
    if any(share.strides):
        factor = w.load(share, places)
    else:
        assert share.buffer.array is not None
        factor = w.code.constant(share.buffer.array, x[1])
    return w.code.emit("multiply", x[0], factor[0], dtype=x[1])


# ----- backward -------------------------------------------------------------------------------


def _windows(op: Pooling) -> Shape:
    """In how many windows an element may be, along each size."""
    return tuple(
        d * (k - 1) // s + 1 for k, s, d in zip(op.window, op.stride, op.dilation, strict=True)
    )


def _around(
    w: Writer, op: Pooling, before: tuple[Number, ...]
) -> tuple[list[Number], list[Number], Condition]:
    """A window that an element of the input may belong to: which it is, the place of the element
    in it, and whether it is so. ``before``: how many windows before the last one it is."""
    do, windows, inside = w.integers, [], []
    valid: Condition = True
    for axis, u in enumerate(before):
        s, d = op.stride[axis], op.dilation[axis]
        place = do.add(w.places[axis], known(op.padding[axis]))
        window = do.subtract(do.floor_divide(place, s), u)
        offset = do.add(do.remainder(place, s), do.multiply(u, s))
        valid = do.both(valid, do.between(window, 0, op.counts[axis] - 1))
        valid = do.both(valid, do.between(offset, 0, d * (op.window[axis] - 1)))
        valid = do.both(valid, do.between(do.remainder(offset, d), 0, 0))
        windows.append(window)
        inside.append(do.floor_divide(offset, d))
    return windows, inside, valid


def _block(stride: Shape) -> Shape:
    """Elements that are made at once: which windows each is in is then known."""
    block: list[int] = []
    for s in reversed(stride):
        block.insert(0, s if s * math.prod(block) <= BLOCK else 1)
    return tuple(block)


@lowers(MaxPoolSpread)
def _max_pool_spread(low: Lowering, node: Node) -> bool:
    (dy, at), (dx,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, MaxPoolSpread)
    if not _fits(op, dy, at, dx):
        return False
    gradient, chosen = (_maps(low, low.view(v), node.phase) for v in (dy, at))

    def write(w: Writer) -> list[Register]:
        terms = []
        for before in w.elements():
            windows, inside, valid = _around(w, op, before)
            if valid is False:
                continue
            place = w.flat(inside, _steps(op.window))
            if valid is not True:
                place = w.integers.where(valid, place, known(-1))
            number = w.code.cast(w.load(chosen, windows), "int32")
            here = w.integers.register(place, "int32")
            hit = w.code.emit("equal", number[0], here[0], dtype="bool")
            terms.append(w.kept(hit, w.load(gradient, windows)))
        return [w.total(terms, working(dx.dtype))]

    emit_loops(low, node, [dx], _windows(op), _block(op.stride), write)
    return True


@lowers(AvgPoolSpread)
def _avg_pool_spread(low: Lowering, node: Node) -> bool:
    (dy,), (dx,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, AvgPoolSpread)
    if not _fits(op, dy, dx):
        return False
    gradient = _maps(low, low.view(dy), node.phase)
    share = _share(AvgPool(*op.how, op.count_padding, op.divisor), working(dy.dtype))

    def write(w: Writer) -> list[Register]:
        terms = []
        for before in w.elements():
            windows, _, valid = _around(w, op, before)
            if valid is not False:
                part = _shared(w, w.load(gradient, windows), share, windows)
                terms.append(w.kept(valid, part))
        return [w.total(terms, working(dx.dtype))]

    emit_loops(low, node, [dx], _windows(op), _block(op.stride), write)
    return True
