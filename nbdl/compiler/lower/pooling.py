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

import functools
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from nbdl.backends.kernels.program import Array, Kernel
from nbdl.compiler.expressions import STORED, Code, Register, working
from nbdl.compiler.ir import Node, Value
from nbdl.compiler.lower.convolutions import channels_last
from nbdl.compiler.lower.integers import Condition, Integers, Number, known
from nbdl.compiler.lower.kernels import Loop, Operand
from nbdl.compiler.lower.lowering import Lowering, lowers
from nbdl.compiler.lower.steps import LoopStep
from nbdl.compiler.lower.views import Buffer, View, dense_strides
from nbdl.ops.pooling import AvgPool, AvgPoolSpread, MaxPool, MaxPoolSpread, Pooling
from nbdl.shapes import Shape

WRITTEN_OUT = 32
"""Elements up to which a window's are written out one after the other."""


class _Writer:
    """Writes the loop of one node.

    Args:
        result: what the loop goes over: (batch, channels, *sizes).
        window: how many elements each element of the result is made of, along each size.
    """

    def __init__(self, low: Lowering, node: Node, result: Value, window: Shape) -> None:
        self.low, self.node, self.window = low, node, window
        self.code = Code()
        self.integers = Integers(self.code)
        ndim = len(result.shape)
        # One channel has no lanes: then they go along the last size.
        self.dims = channels_last(ndim) if result.shape[1] != 1 else tuple(range(ndim))
        self.sizes = tuple(result.shape[d] for d in self.dims)
        self.inner = () if math.prod(window) <= WRITTEN_OUT else window
        self.operands: list[Operand] = []
        self.arrays: list[Array] = []
        self._read: list[View] = []
        self._written: list[View] = []
        self.places = [
            self.integers.axis(self.dims.index(d), result.shape[d]) for d in range(2, ndim)
        ]

    def elements(self) -> Iterator[tuple[Number, ...]]:
        """Each place in the window; of a large one, one place that moves."""
        if self.inner:
            yield tuple(
                self.integers.axis(i, k) for i, k in enumerate(self.window, len(self.dims))
            )
            return
        for at in itertools.product(*map(range, self.window)):
            yield tuple(map(known, at))

    def reads(self, view: View) -> int:
        """Look up elements of a view along its sizes from now on; the number of the array."""
        strides = [0 if d >= 2 else view.strides[d] for d in self.dims]
        strides[self.dims.index(2)] = 1
        self._read.append(view)
        return self._array(view, strides)

    def _array(self, view: View, strides: list[int]) -> int:
        last = len(strides) - 1
        letters = ["0" if not s else "1" if s == 1 and i == last else "s"
                   for i, s in enumerate(strides)]  # fmt: skip
        still = (0,) * len(self.inner)
        self.arrays.append(Array(view.dtype.name, "".join(letters) + "0" * len(still)))
        self.operands.append(Operand(view, (*strides, *still)))
        return len(self.arrays) - 1

    def load(self, array: int, places: list[Number]) -> Register:
        """The element of an array that is read at these places along the sizes."""
        view = self.operands[array].view
        index = self.flat(places, view.strides[2:])
        return self.code.emit(
            "load_at", self.integers.register(index)[0], dtype=working(view.dtype),
            attribute=(array, self.dims.index(2)),
        )  # fmt: skip

    def flat(self, places: list[Number], steps: tuple[int, ...]) -> Number:
        """The sum of all places times steps."""
        terms = map(self.integers.multiply, places, steps)
        return functools.reduce(self.integers.add, terms)

    def kept(self, condition: Condition, x: Register) -> Register:
        """x where a condition holds, else 0."""
        if isinstance(condition, bool):
            return x if condition else self.code.constant(0, x[1])
        zero = self.code.constant(0, x[1])
        return self.code.emit("where", condition[0], x[0], zero[0], dtype=x[1])

    def total(self, terms: list[Register]) -> Register:
        """The sum of what the elements of the window give."""
        if self.inner:
            return self.code.emit("reduce", terms[0][0], dtype=terms[0][1], attribute="sum")
        return functools.reduce(
            lambda a, b: self.code.emit("add", a[0], b[0], dtype=a[1]), terms
        )

    def store(self, x: Register, value: Value) -> None:
        """Store an output."""
        target = self.low.fresh(value, channels_last(len(value.shape)))
        self._written.append(target)
        array = self._array(target, [target.strides[d] for d in self.dims])
        held = self.code.cast(x, working(value.dtype))
        self.code.emit("store", held[0], dtype=held[1], attribute=array)

    def emit(self) -> None:
        """Emit the loop, complete."""
        code = tuple(self.code.listed)
        kernel = Kernel(len(self.dims), len(self.inner), "outer", tuple(self.arrays), code)
        lengths = tuple(
            _length(self.operands[step.attribute[0]].view)
            for step in code if step.name == "load_at"
        )  # fmt: skip
        loop = Loop(kernel, self.sizes + self.inner, self.operands, lengths)
        node = self.node
        self.low.emit(LoopStep([node], self._read, self._written, node.phase, loop))


def _length(view: View) -> int:
    """How far the elements of one map reach."""
    return sum((n - 1) * s for n, s in zip(view.shape[2:], view.strides[2:], strict=True)) + 1


def _maps(low: Lowering, view: View, phase: int) -> View:
    """A view of maps whose channels, if they are several, lie side by side."""
    if (view.strides[1] == 1 or view.shape[1] == 1) and min(view.strides) >= 0:
        return view
    return low.dense(view, channels_last(len(view.shape)), phase)


def _fits(op: Pooling, *values: Value) -> bool:
    """Whether these are maps as usual, of dtypes that kernels know."""
    stored = all(x.dtype.name in STORED for x in values) and math.prod(op.sizes)
    return bool(stored) and all(len(x.shape) == len(op.sizes) + 2 for x in values)


# ----- forward --------------------------------------------------------------------------------


def _inside(w: _Writer, op: Pooling, element: tuple[Number, ...]) -> list[Number]:
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


def _start(w: _Writer, op: Pooling, axis: int) -> Number:
    """Where the window begins."""
    do = w.integers
    return do.subtract(do.multiply(w.places[axis], op.stride[axis]), known(op.padding[axis]))


def _positions(w: _Writer, op: Pooling, element: tuple[Number, ...]) -> list[Number]:
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
    w = _Writer(low, node, y, op.window)
    source = w.reads(_maps(low, low.view(x), node.phase))
    candidates = []
    for element in w.elements():
        inside = tuple(_inside(w, op, element))
        place = w.flat(list(inside), _steps(op.window))
        candidates.append((w.load(source, _positions(w, op, inside)), place))
    largest, place = _walked(w, *candidates[0]) if w.inner else _first(w, candidates)
    w.store(largest, y)
    if at in low.users or at in low.wanted or at in low.targets:
        w.store(place, at)
    w.emit()
    return True


def _steps(window: Shape) -> tuple[int, ...]:
    """What one step along each axis adds to the number of a place."""
    return tuple(math.prod(window[axis + 1 :]) for axis in range(len(window)))


def _first(w: _Writer, candidates: list[tuple[Register, Number]]) -> tuple[Register, Register]:
    """The largest, and the place of the first such; the first NaN is larger than all."""
    code, dtype = w.code, candidates[0][0][1]
    best, place = candidates[0][0], w.integers.register(candidates[0][1], "int32")
    for x, number in candidates[1:]:
        if dtype.startswith("float"):
            lesser = code.emit("less_equal", x[0], best[0], dtype="bool")
            ordered = code.emit("equal", best[0], best[0], dtype="bool")
            beyond = code.emit("not", lesser[0], dtype="bool")
            better = code.emit("and", beyond[0], ordered[0], dtype="bool")
        else:
            better = code.emit("greater", x[0], best[0], dtype="bool")
        best = code.emit("where", better[0], x[0], best[0], dtype=dtype)
        here = w.integers.register(number, "int32")
        place = code.emit("where", better[0], here[0], place[0], dtype="int32")
    return best, place


def _walked(w: _Writer, x: Register, place: Number) -> tuple[Register, Register]:
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
    w = _Writer(low, node, y, op.window)
    source = w.reads(_maps(low, low.view(x), node.phase))
    terms = []
    for element in w.elements():
        places, valid = _positions(w, op, element), True
        for place, n in zip(places, op.sizes, strict=True):
            valid = w.integers.both(valid, w.integers.between(place, 0, n - 1))
        terms.append(w.kept(valid, w.load(source, places)))
    total = w.total(terms)
    share = _shares(w, op, working(x.dtype))(w.places)
    w.store(w.code.emit("multiply", total[0], share[0], dtype=total[1]), y)
    w.emit()
    return True


def _shares(w: _Writer, op: AvgPool, dtype: str) -> Callable[[list[Number]], Register]:
    """One over the size of each window, as it counts."""
    share = op.share(np, np.dtype(dtype))
    if not share.ndim:
        return lambda places: w.code.constant(share, dtype)
    strides = (0, 0, *dense_strides(share.shape))
    buffer = Buffer(share.nbytes, "constant", share)
    table = w.reads(View(buffer, (1, 1, *share.shape), share.dtype, strides))
    return lambda places: w.load(table, places)


# ----- backward -------------------------------------------------------------------------------


def _windows(op: Pooling) -> Shape:
    """In how many windows an element may be, along each size."""
    return tuple(
        d * (k - 1) // s + 1 for k, s, d in zip(op.window, op.stride, op.dilation, strict=True)
    )


def _around(
    w: _Writer, op: Pooling, before: tuple[Number, ...]
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


@lowers(MaxPoolSpread)
def _max_pool_spread(low: Lowering, node: Node) -> bool:
    (dy, at), (dx,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, MaxPoolSpread)
    if not _fits(op, dy, at, dx):
        return False
    w = _Writer(low, node, dx, _windows(op))
    gradient, chosen = (w.reads(_maps(low, low.view(v), node.phase)) for v in (dy, at))
    terms = []
    for before in w.elements():
        windows, inside, valid = _around(w, op, before)
        place = w.flat(inside, _steps(op.window))
        if not isinstance(valid, bool):
            place = w.integers.where(valid, place, known(-1))
        number = w.code.cast(w.load(chosen, windows), "int32")
        here = w.integers.register(place, "int32")
        hit = w.code.emit("equal", number[0], here[0], dtype="bool") if valid else False
        terms.append(w.kept(hit, w.load(gradient, windows)))
    w.store(w.total(terms), dx)
    w.emit()
    return True


@lowers(AvgPoolSpread)
def _avg_pool_spread(low: Lowering, node: Node) -> bool:
    (dy,), (dx,), op = node.inputs, node.outputs, node.op
    assert isinstance(op, AvgPoolSpread)
    if not _fits(op, dy, dx):
        return False
    w = _Writer(low, node, dx, _windows(op))
    gradient = w.reads(_maps(low, low.view(dy), node.phase))
    rule = AvgPool(*op.how, op.count_padding, op.divisor)
    shares, terms = _shares(w, rule, working(dy.dtype)), []
    for before in w.elements():
        windows, _, valid = _around(w, op, before)
        x, share = w.load(gradient, windows), shares(windows)
        part = w.code.emit("multiply", x[0], share[0], dtype=x[1])
        terms.append(w.kept(valid, part))
    w.store(w.total(terms), dx)
    w.emit()
    return True
