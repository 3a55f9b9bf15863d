"""Long reductions with few results, split so that all threads have something to do.

A kernel whose outer box is one block, such as the statistics of 64 channels, runs on one thread;
and reductions down the rows of a matrix are faster if a thread has whole rows. Such a kernel
is split into several: each stage's reductions over parts of an inner axis, the parts' results
combined, and a last stage without reductions as a pointwise kernel. The split depends on
the sizes only, so results do not depend on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nbdl.backends.kernels import levels
from nbdl.backends.kernels.checks import register
from nbdl.backends.kernels.program import WIDTH, Array, Instruction, Kernel
from nbdl.backends.kernels.rows import Rows

PARTS = 8
"""How many blocks a kernel should have at least."""

LEAST = 1 << 15
"""Points below which a kernel is left whole."""


@dataclass(frozen=True)
class Call:
    """A kernel as it is to be called.

    Attributes:
        sizes: of its axes.
        operands: for each of its arrays the number of an array of the original kernel, or, from
            their count on, of a scratch array; and strides along all axes, in elements.
    """

    kernel: Kernel
    sizes: tuple[int, ...]
    operands: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Split:
    """Calls that do, one after the other, what one kernel does.

    Attributes:
        scratch: dtype and length of each array that they use in between.
    """

    calls: tuple[Call, ...]
    scratch: tuple[tuple[str, int], ...]


def split(
    kernel: Kernel, sizes: tuple[int, ...], strides: list[tuple[int, ...]]
) -> Split | None:
    """The kernel in parts, or None if it has enough blocks, or does not lend itself to it.

    Args:
        sizes: of all axes.
        strides: for each array along all axes, in elements.
    """
    outer = list(sizes[: kernel.outer])
    if kernel.lanes == "outer":
        outer[-1] = -(-outer[-1] // WIDTH)
    blocks = math.prod(outer)
    looks = any(step.name in ("axis", "load_at") for step in kernel.code)
    reduces = any(step.name == "reduce" for step in kernel.code)
    few = 0 < blocks < PARTS or Rows.suit(kernel)
    if looks or not reduces or not few or not blocks or math.prod(sizes) < LEAST:
        return None
    least = PARTS if Rows.suit(kernel) else -(-PARTS // blocks)
    for axis in range(kernel.outer, kernel.axes):
        for parts in range(least, 65):
            if sizes[axis] % parts == 0 and sizes[axis] > parts:
                return _Splitter(kernel, sizes, strides, axis, parts).run()
    return None


class _Splitter:
    """Splits one kernel along one of its inner axes.

    Attributes:
        results: for each reduction that is done the number of the scratch array with its results.
    """

    def __init__(
        self, kernel: Kernel, sizes: tuple[int, ...], strides: list[tuple[int, ...]], axis: int,
        parts: int,
    ) -> None:  # fmt: skip
        self.kernel, self.sizes, self.strides = kernel, sizes, strides
        self.axis, self.parts = axis, parts
        self.depends, self.stage = levels.dependencies(kernel), levels.stages(kernel)
        self.scratch: list[tuple[str, int]] = []
        self.results: dict[int, int] = {}
        self.calls: list[Call] = []

    def run(self) -> Split:
        """The calls, stage by stage."""
        for stage in range(max(self.stage) + 1):
            reduces = self._places("reduce", stage + 1)
            stores = [
                place for place in self._places("store", stage)
                if levels.is_full(self.kernel, self.depends[place])
            ]  # fmt: skip
            if reduces:
                self._combine(stage, reduces, self._partial(reduces, stores))
            elif stores:
                self._pointwise(stores)
        return Split(tuple(self.calls), tuple(self.scratch))

    def _places(self, name: str, stage: int) -> list[int]:
        return [
            place for place, step in enumerate(self.kernel.code)
            if step.name == name and self.stage[place] == stage
        ]  # fmt: skip

    def _new(self, dtype: str, size: int) -> int:
        self.scratch.append((dtype, size))
        return len(self.kernel.arrays) + len(self.scratch) - 1

    def dense(self, place: int) -> tuple[int, ...]:
        """Strides over the outer box of an array of a reduction's results."""
        outer = self.sizes[: self.kernel.outer]
        return tuple(
            math.prod(outer[i + 1 :]) if i in self.depends[place] else 0 for i in range(len(outer))
        )

    def _partial(self, reduces: list[int], stores: list[int]) -> list[int]:
        """The reductions of each part; the scratch arrays of their results."""
        kernel, axis, n = self.kernel, self.axis, self.sizes[self.axis] // self.parts
        writer = _Writer(self, list(range(-1, kernel.axes)), kernel.outer + 1, kernel.inner,
                         kernel.lanes)  # fmt: skip
        for place in stores:
            writer.copy(place)
        total = math.prod(self.sizes[: kernel.outer])
        found = []
        for place in reduces:
            step = kernel.code[place]
            value = writer.add(step, (writer.copy(step.args[0]),))
            dtype = register(step.dtype)
            found.append(self._new(dtype, self.parts * total))
            writer.store(value, dtype, found[-1], (total, *self.dense(place), *[0] * kernel.inner))
        sizes = [self.parts, *self.sizes]
        sizes[axis + 1] = n
        self.calls.append(writer.call(tuple(sizes)))
        return found

    def _combine(self, stage: int, reduces: list[int], parts: list[int]) -> None:
        """The results of the reductions from those of the parts, and what is stored of them."""
        kernel = self.kernel
        writer = _Writer(self, [*range(kernel.outer), -1], kernel.outer, 1, "outer")
        total = math.prod(self.sizes[: kernel.outer])
        for place, part in zip(reduces, parts, strict=True):
            step = kernel.code[place]
            dtype = register(step.dtype)
            value = writer.load(dtype, part, (*self.dense(place), total))
            writer.made[place] = writer.add(step, (value,))
            self.results[place] = self._new(dtype, total)
            writer.store(writer.made[place], dtype, self.results[place], (*self.dense(place), 0))
        for ready in (0, 1) if stage == 0 else (stage + 1,):
            for place in self._places("store", ready):
                if not levels.is_full(kernel, self.depends[place]):
                    writer.copy(place)
        self.calls.append(writer.call((*self.sizes[: kernel.outer], self.parts)))

    def _pointwise(self, stores: list[int]) -> None:
        """Stores of a stage without reductions: a point for each element of the whole box."""
        kernel = self.kernel
        outer, inner = list(range(kernel.outer)), list(range(kernel.outer, kernel.axes))
        order = inner + outer if kernel.lanes == "outer" else outer + inner
        writer = _Writer(self, order, kernel.axes, 0, "outer")
        for place in stores:
            writer.copy(place)
        self.calls.append(writer.call(tuple(self.sizes[a] for a in order)))


class _Writer:
    """Writes one kernel of a split.

    Args:
        order: for each of its axes which one of the original kernel it is, -1 the parts.
    """

    def __init__(
        self, splitter: _Splitter, order: list[int], outer: int, inner: int, lanes: str
    ) -> None:
        self.splitter, self.order = splitter, order
        self.outer, self.inner, self.lanes = outer, inner, lanes
        self.lane = outer - 1 if lanes == "outer" else outer + inner - 1
        self.arrays: list[Array] = []
        self.operands: list[tuple[int, tuple[int, ...]]] = []
        self.code: list[Instruction] = []
        self.made: dict[int, int] = {}
        self._numbers: dict[int, int] = {}

    def call(self, sizes: tuple[int, ...]) -> Call:
        """The kernel, complete."""
        kernel = Kernel(self.outer, self.inner, self.lanes, tuple(self.arrays), tuple(self.code))
        return Call(kernel, sizes, tuple(self.operands))

    def add(self, step: Instruction, args: tuple[int, ...], attribute: object = None) -> int:
        """One more instruction."""
        if attribute is None:
            attribute = step.attribute
        self.code.append(Instruction(step.name, args, step.dtype, attribute))
        return len(self.code) - 1

    def copy(self, place: int) -> int:
        """An instruction of the original kernel and what it needs; reductions are read."""
        if place in self.made:
            return self.made[place]
        splitter, step = self.splitter, self.splitter.kernel.code[place]
        if step.name == "reduce":
            strides = dict(enumerate(splitter.dense(place)))
            found = self.load(register(step.dtype), splitter.results[place],
                              tuple(strides.get(a, 0) for a in self.order))  # fmt: skip
        else:
            args = tuple(self.copy(arg) for arg in step.args)
            named = step.name in ("load", "store")
            found = self.add(step, args, self._original(step.attribute) if named else None)
        self.made[place] = found
        return found

    def load(self, dtype: str, source: int, strides: tuple[int, ...]) -> int:
        """Load from a scratch array."""
        number = self._array(dtype, source, strides, [stride != 0 for stride in strides])
        return self.add(Instruction("load", (), dtype, number), ())

    def store(self, value: int, dtype: str, source: int, strides: tuple[int, ...]) -> None:
        """Store to a scratch array."""
        number = self._array(dtype, source, strides, [stride != 0 for stride in strides])
        self.add(Instruction("store", (), dtype, number), (value,))

    def _original(self, number: int) -> int:
        """An array of the original kernel."""
        if number not in self._numbers:
            splitter = self.splitter
            own, array = splitter.strides[number], splitter.kernel.arrays[number]
            split = own[splitter.axis] * (splitter.sizes[splitter.axis] // splitter.parts)
            strides = tuple(split if a < 0 else own[a] for a in self.order)
            moves = [array.axes[splitter.axis if a < 0 else a] != "0" for a in self.order]
            self._numbers[number] = self._array(array.dtype, number, strides, moves)
        return self._numbers[number]

    def _array(
        self, dtype: str, source: int, strides: tuple[int, ...], moves: list[bool]
    ) -> int:
        letters = ""
        for axis, (stride, moving) in enumerate(zip(strides, moves, strict=True)):
            dense = axis == self.lane and stride == 1
            letters += "0" if not moving else "1" if dense else "s"
        self.arrays.append(Array(dtype, letters))
        self.operands.append((source, strides))
        return len(self.arrays) - 1
