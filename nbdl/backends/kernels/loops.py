"""A kernel's loops, point by point of the outer box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nbdl.backends.kernels import levels
from nbdl.backends.kernels.arithmetic import ARITHMETIC, cast
from nbdl.backends.kernels.functions import FUNCTIONS
from nbdl.backends.kernels.ir import Code, Slot, Value, select
from nbdl.backends.kernels.machine import vector_widths
from nbdl.backends.kernels.memory import Memory
from nbdl.backends.kernels.program import WIDTH, Instruction, Kernel
from nbdl.backends.kernels.reductions import PART, Accumulator

_FUNCTIONS = {**ARITHMETIC, **FUNCTIONS}


class Loops:
    """Writes one kernel.

    ``values`` holds what has been computed and is still in reach at the present place, ``width``
    the lanes of its vectors and ``mask`` those of them that are no further than the end.
    """

    def __init__(self, kernel: Kernel, code: Code) -> None:
        self.kernel, self.code, self.width = kernel, code, 0
        self.depends = levels.dependencies(kernel)
        self.stage = levels.stages(kernel)
        self.values: dict[int, Value] = {}
        self.indexes: dict[int, Value] = {}
        self.mask: Value | None = None
        self.memory = Memory(kernel, code, code.arguments[0])

    def write(self) -> None:
        """The whole function body."""
        code, kernel = self.code, self.kernel
        _, begin, end = code.arguments
        with code.when(begin < end):
            self._compute(lambda axes: not axes)
            last = kernel.outer - 1
            count = self.memory.sizes[last]
            if kernel.lanes == "outer":
                count = (count + (WIDTH - 1)) / WIDTH
            if last == 0:
                self._row(begin, end)
            else:
                self._rows(begin, end, count)

    def _rows(self, begin: Value, end: Value, count: Value) -> None:
        """The outer axes but the last, counted on by carrying; of each row its last axis."""
        code, above = self.code, self.kernel.outer - 1
        position, column = code.slot("int64"), code.slot("int64")
        counters = [code.slot("int64") for _ in range(above)]
        position.set(begin)
        column.set(begin % count)
        rest = begin / count
        for axis in reversed(range(above)):
            size = self.memory.sizes[axis]
            counters[axis].set(rest % size if axis else rest)
            rest = rest / size if axis else rest
        with code.while_(lambda: position.get() < end):
            start, here = column.get(), position.get()
            left, room = end - here, count - start
            stop = start + code.call("llvm.smin.i64", left, left, room)
            with self._scope():
                for axis in range(above):
                    self._enter(axis, counters[axis].get())
                self._compute(lambda axes: bool(axes) and max(axes) < above)
                self._row(start, stop)
            position.set(here + (stop - start))
            column.set(code.constant(0, "int64"))
            self._carry(counters)

    def _carry(self, counters: list[Slot]) -> None:
        carry = self.code.constant(1, "int64")
        for axis in reversed(range(len(counters))):
            moved = counters[axis].get() + carry
            if axis == 0:
                counters[axis].set(moved)
                return
            full = moved.equal(self.memory.sizes[axis])
            counters[axis].set(select(full, moved.like(0), moved))
            carry = select(full, carry.like(1), carry.like(0))

    def _row(self, start: Value, stop: Value) -> None:
        """Points of the last outer axis: one after the other, or blocks of lanes."""
        axis = self.kernel.outer - 1
        if self.kernel.lanes == "outer":
            size = self.memory.sizes[axis]
            stop = self.code.call("llvm.smin.i64", stop, stop * WIDTH, size)
            self._lane_points(start * WIDTH, stop)
            return
        with self.code.loop(start, stop) as index, self._scope():
            self._enter(axis, index)
            self._point()

    def _lane_points(self, start: Value, stop: Value) -> None:
        """Points of the last outer axis in lanes."""
        self._chunks(self.kernel.outer - 1, start, stop, self._point)

    def _chunks(self, axis: int, start: Value, stop: Value, body: Callable[[], None]) -> None:
        """The lane axis in vectors: wide ones, then narrower ones, the last kind under a mask."""
        code = self.code
        for width, masked in vector_widths():
            whole = stop if masked else start + ((stop - start) / width) * width
            with code.loop(start, whole, width) as index, self._scope():
                self.width = width
                if masked:
                    left = (stop - index).spread(width)
                    self.mask = code.iota("int64", width) < left
                self._enter(axis, index)
                body()
            start = whole

    def _point(self) -> None:
        """What belongs to one point (or vector of points) of the outer box."""
        last = self.kernel.outer - 1
        self._compute(lambda axes: last in axes)
        self._outer_stores(0)
        final = max(self.stage, default=0)
        for stage in range(final + 1):
            if self.kernel.inner:
                self._stage(stage)
                self._later(stage + 1)
                self._outer_stores(stage + 1)

    def _stage(self, stage: int) -> None:
        """One loop over the inner box: the reductions and full stores of this stage."""
        kernel = self.kernel
        reduces, stores = self._roots(stage)
        if not reduces and not stores:
            return
        across = kernel.lanes == "inner"
        widths = [width for width, _ in vector_widths()] if across else []
        accumulators = {
            place: Accumulator(self.code, kernel.code[place], widths or [self._lanes(place)])
            for place in reduces
        }
        roots = [kernel.code[place].args[0] for place in reduces] + stores
        wanted = levels.needed(kernel, roots, self.depends)
        with self._scope():
            self._nest(kernel.outer, wanted, accumulators)
        for place, accumulator in accumulators.items():
            self.values[place] = accumulator.result(across)

    def _roots(self, stage: int) -> tuple[list[int], list[int]]:
        """The reductions and the full stores of a stage."""
        code = self.kernel.code
        full = [levels.is_full(self.kernel, axes) for axes in self.depends]
        reduces = [
            place for place, step in enumerate(code)
            if step.name == "reduce" and self.stage[place] == stage + 1
        ]  # fmt: skip
        stores = [
            place for place, step in enumerate(code)
            if step.name == "store" and self.stage[place] == stage and full[place]
        ]  # fmt: skip
        return reduces, stores

    def _lanes(self, place: int) -> int:
        """Of a value."""
        return self.width if self.kernel.lane in self.depends[place] else 0

    def _accumulate(self, accumulators: dict[int, Accumulator]) -> None:
        across = self.kernel.lanes == "inner"
        for place, accumulator in accumulators.items():
            value = self.values[self.kernel.code[place].args[0]]
            lanes = self.width if across else self._lanes(place)
            accumulator.add(value.spread(lanes), self.mask if across else None)

    def _nest(self, axis: int, wanted: list[int], accumulators: dict[int, Accumulator]) -> None:
        """The loops over the inner axes from ``axis`` on; each value in the loop it changes in."""
        zero, size = self.code.constant(0, "int64"), self.memory.sizes[axis]
        if axis < self.kernel.axes - 1:
            with self.code.loop(zero, size) as index, self._scope():
                self._enter(axis, index)
                self._inside(axis, wanted)
                self._nest(axis + 1, wanted, accumulators)
            return
        if not any(accumulator.by_parts for accumulator in accumulators.values()):
            self._last(zero, size, wanted, accumulators)
            return
        step = PART * (WIDTH if axis == self.kernel.lane else 1)
        with self.code.loop(zero, size, step) as start, self._scope():
            for accumulator in accumulators.values():
                accumulator.begin_part()
            stop = self.code.call("llvm.smin.i64", size, start + step, size)
            self._last(start, stop, wanted, accumulators)
            for accumulator in accumulators.values():
                accumulator.end_part()

    def _last(
        self, start: Value, stop: Value, wanted: list[int], accumulators: dict[int, Accumulator]
    ) -> None:
        """The loop over the last inner axis, or a part of it."""
        axis = self.kernel.axes - 1

        def body() -> None:
            self._inside(axis, wanted)
            self._accumulate(accumulators)

        if axis == self.kernel.lane:
            self._chunks(axis, start, stop, body)
            return
        with self.code.loop(start, stop) as index, self._scope():
            self._enter(axis, index)
            body()

    def _inside(self, axis: int, wanted: list[int]) -> None:
        """The wanted values that change along ``axis`` and no axis further in."""
        for place in wanted:
            if max(self.depends[place]) == axis:
                self._evaluate(place)

    def _compute(self, here: Callable[[frozenset[int]], bool]) -> None:
        """The outer values of stage 0 whose axes say that they belong here; no stores."""
        for place, step in enumerate(self.kernel.code):
            axes = self.depends[place]
            early = self.stage[place] == 0 and not levels.is_full(self.kernel, axes)
            if early and step.name != "store" and here(axes):
                self._evaluate(place)

    def _later(self, stage: int) -> None:
        """The outer values that became ready with ``stage``."""
        for place, step in enumerate(self.kernel.code):
            outer = not levels.is_full(self.kernel, self.depends[place])
            if outer and self.stage[place] == stage and step.name not in ("store", "reduce"):
                self._evaluate(place)

    def _outer_stores(self, stage: int) -> None:
        for place, step in enumerate(self.kernel.code):
            outer = not levels.is_full(self.kernel, self.depends[place])
            if step.name == "store" and outer and self.stage[place] == stage:
                self._evaluate(place)

    def _evaluate(self, place: int) -> None:
        """Write one instruction."""
        step = self.kernel.code[place]
        args = [self.values[arg] for arg in step.args]
        if step.name == "store":
            self.memory.store(step.attribute, args[0], self.width, self.mask)
            return
        if step.name == "load_at":
            self.values[place] = self.memory.load_at(place, args[0], self.width, self.mask)
        else:
            self.values[place] = self._result(step, args)

    def _result(self, step: Instruction, args: list[Value]) -> Value:
        if step.name == "load":
            return self.memory.load(step.attribute, self.width, self.mask, *args)
        if step.name == "constant":
            kind = "float32" if step.dtype in ("float16", "bfloat16") else step.dtype
            return self.code.constant(step.attribute, kind)
        if step.name == "axis":
            return self._index(step.attribute)
        if step.name == "cast":
            return cast(args[0], step.dtype)
        lanes = max(arg.lanes for arg in args)
        return _FUNCTIONS[step.name](*(arg.spread(lanes) for arg in args))

    def _index(self, axis: int) -> Value:
        index = self.indexes[axis]
        if axis != self.kernel.lane:
            return index
        return index.spread(self.width) + self.code.iota("int64", self.width)

    def _enter(self, axis: int, index: Value) -> None:
        """The present place along ``axis`` from here on."""
        self.indexes[axis] = index
        self.memory.enter(axis, index)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is computed inside is out of reach afterwards."""
        before = dict(self.values), dict(self.indexes), self.width, self.mask, self.memory.mark()
        yield
        self.values, self.indexes, self.width, self.mask, marked = before
        self.memory.back(marked)
