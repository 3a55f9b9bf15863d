"""Loops over the elements of maps, each made of several elements of other maps.

The axes are those of the result with the channels, the lanes, last, and, where what an element is
made of is too much to be written out, inner ones for that.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator

from nbdl.backends.kernels.program import Array, Kernel
from nbdl.compiler.expressions import Code, Register, working
from nbdl.compiler.ir import Node, Value
from nbdl.compiler.lower.convolutions import channels_last
from nbdl.compiler.lower.integers import Condition, Integers, Number, known
from nbdl.compiler.lower.kernels import Loop, Operand
from nbdl.compiler.lower.lowering import Lowering
from nbdl.compiler.lower.steps import LoopStep
from nbdl.compiler.lower.views import View
from nbdl.shapes import Shape

WRITTEN_OUT = 32
"""Elements up to which a window's are written out one after the other."""

Part = tuple[int, int, int]
"""Of an axis of the result: where it begins, how many blocks it has, and how large they are."""


class Writer:
    """Writes one loop of a node.

    Args:
        result: shape of what the loops make: (batch, channels, *sizes).
        window: of how many elements each element of the result is made, along each size.
        parts: what of each size this loop goes over.

    Attributes:
        places: of the present element of the result, along each size.
    """

    def __init__(
        self, low: Lowering, node: Node, result: Shape, window: Shape, parts: tuple[Part, ...]
    ) -> None:
        self.low, self.node, self.window, self.parts = low, node, window, parts
        self.code = Code()
        self.integers = Integers(self.code)
        ndim = len(result)
        # One channel has no lanes: then they go along the last size.
        self.dims = channels_last(ndim) if result[1] != 1 else tuple(range(ndim))
        shape = (*result[:2], *(count for _, count, _ in parts))
        self.sizes = tuple(shape[d] for d in self.dims)
        self.inner = () if math.prod(window) <= WRITTEN_OUT else window
        self.operands: list[Operand] = []
        self.arrays: list[Array] = []
        self._read: dict[View, int] = {}
        self._written: list[View] = []
        self.places: list[Number] = []

    def within_blocks(self) -> Iterator[Shape]:
        """Each place in a block, which ``places`` is then about."""
        for at in itertools.product(*(range(size) for _, _, size in self.parts)):
            self.places = []
            for axis, (start, count, size) in enumerate(self.parts, 2):
                block = self.integers.axis(self.dims.index(axis), count)
                first = self.integers.multiply(block, size)
                self.places.append(self.integers.add(first, known(start + at[axis - 2])))
            yield at

    def elements(self) -> Iterator[tuple[Number, ...]]:
        """Each place in the window; of a large one, one place that moves."""
        if self.inner:
            yield tuple(
                self.integers.axis(i, k) for i, k in enumerate(self.window, len(self.dims))
            )
            return
        for at in itertools.product(*map(range, self.window)):
            yield tuple(map(known, at))

    def _array(self, view: View, strides: list[int]) -> int:
        last = len(strides) - 1
        letters = ["0" if not s else "1" if s == 1 and i == last else "s"
                   for i, s in enumerate(strides)]  # fmt: skip
        still = (0,) * len(self.inner)
        self.arrays.append(Array(view.dtype.name, "".join(letters) + "0" * len(still)))
        self.operands.append(Operand(view, (*strides, *still)))
        return len(self.arrays) - 1

    def load(self, view: View, places: list[Number]) -> Register:
        """The element of a view at these places along the sizes; the nearest one if outside."""
        if view not in self._read:
            strides = [0 if d >= 2 else view.strides[d] for d in self.dims]
            self._read[view] = self._array(view, strides)
        last = sum((n - 1) * s for n, s in zip(view.shape[2:], view.strides[2:], strict=True))
        index = self.flat(places, view.strides[2:])
        index = self.integers.minimum(self.integers.maximum(index, known(0)), known(last))
        further = self.integers.register(index)[0]
        return self.code.emit(
            "load", further, dtype=working(view.dtype), attribute=self._read[view]
        )

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

    def total(self, terms: list[Register], dtype: str) -> Register:
        """The sum of what the elements of the window give."""
        if not terms:
            return self.code.constant(0, dtype)
        if self.inner:
            return self.code.emit("reduce", terms[0][0], dtype=dtype, attribute="sum")
        return functools.reduce(lambda a, b: self.code.emit("add", a[0], b[0], dtype=dtype), terms)

    def store(self, x: Register, target: View, at: Shape) -> None:
        """Store the element at a place in each block."""
        starts = [start + i for (start, _, _), i in zip(self.parts, at, strict=True)]
        offset = sum(i * s for i, s in zip(starts, target.strides[2:], strict=True))
        steps = [size * s for (_, _, size), s in zip(self.parts, target.strides[2:], strict=True)]
        strides = (*target.strides[:2], *steps)
        shape = (*target.shape[:2], *(count for _, count, _ in self.parts))
        part = View(target.buffer, shape, target.dtype, strides, target.offset + offset)
        self._written.append(part)
        array = self._array(part, [strides[d] for d in self.dims])
        held = self.code.cast(x, working(target.dtype))
        self.code.emit("store", held[0], dtype=held[1], attribute=array)

    def emit(self) -> None:
        """Emit the loop, complete."""
        code = tuple(self.code.listed)
        kernel = Kernel(len(self.dims), len(self.inner), "outer", tuple(self.arrays), code)
        loop = Loop(kernel, self.sizes + self.inner, self.operands)
        self.low.emit(
            LoopStep([self.node], list(self._read), self._written, self.node.phase, loop)
        )


Write = Callable[[Writer], list[Register]]
"""Writes what one element of each result is."""


def emit_loops(
    low: Lowering, node: Node, results: list[Value], window: Shape, block: Shape, write: Write
) -> None:
    """Emit the loops of a node: one that goes over whole blocks, and what is left of each size."""
    shape = results[0].shape
    targets = [low.fresh(y, channels_last(len(shape))) for y in results]
    parts = [
        [part for part in ((0, n // b, b), (n - n % b, 1, n % b)) if part[1] and part[2]]
        for n, b in zip(shape[2:], block, strict=True)
    ]
    for chosen in itertools.product(*parts):
        w = Writer(low, node, shape, window, chosen)
        for at in w.within_blocks():
            for target, x in zip(targets, write(w), strict=True):
                w.store(x, target, at)
        w.emit()
