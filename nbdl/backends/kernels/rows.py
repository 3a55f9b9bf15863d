"""Reductions over rows whose results lie in lanes, row after row as memory has them.

A sum over the rows of a matrix could go down 64 columns at a time, but then each row is another
page of memory. Here a row is walked along, for a tile of columns, and the running results of the
tile are kept in memory, which is the processor's nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nbdl.backends.kernels import levels
from nbdl.backends.kernels.ir import BITS, Code, Value, llvm_type
from nbdl.backends.kernels.loops import Loops
from nbdl.backends.kernels.machine import vector_widths
from nbdl.backends.kernels.program import Instruction, Kernel
from nbdl.backends.kernels.reductions import PART, Reducer

TILE = 2048
"""Lanes whose running results are kept at a time."""


class Rows(Loops):
    """Writes a kernel of one stage of reductions with ``lanes="outer"``."""

    @staticmethod
    def suit(kernel: Kernel) -> bool:
        """Whether a kernel can be written so."""
        depends, stage = levels.dependencies(kernel), levels.stages(kernel)
        reduces = [place for place, step in enumerate(kernel.code) if step.name == "reduce"]
        late = any(
            stage[place] > 0 and levels.is_full(kernel, depends[place])
            for place in range(len(kernel.code))
        )
        in_lanes = all(kernel.lane in depends[place] for place in reduces)
        single = all(stage[place] == 1 for place in reduces)
        return kernel.lanes == "outer" and bool(reduces) and in_lanes and single and not late

    def _lane_points(self, start: Value, stop: Value) -> None:
        """Tile after tile of the lane axis."""
        with self.code.loop(start, stop, TILE) as first, self._scope():
            last = self.code.call("llvm.smin.i64", stop, first + TILE, stop)
            self._tile(first, last)

    def _tile(self, first: Value, last: Value) -> None:
        """The loops over the inner box, along each row the tile; then what follows from them."""
        kernel = self.kernel
        reduces, stores = self._roots(0)
        tiles = {place: Tile(self.code, kernel.code[place], last - first) for place in reduces}
        roots = [kernel.code[place].args[0] for place in reduces] + stores
        wanted = levels.needed(kernel, roots, self.depends, also=kernel.lane)

        def along() -> None:
            for place in wanted:
                if kernel.lane in self.depends[place]:
                    self._evaluate(place)
            for place, tile in tiles.items():
                value = self.values[kernel.code[place].args[0]].spread(self.width)
                tile.add(self.indexes[kernel.lane] - first, value)

        def afterwards() -> None:
            self._compute(lambda axes: kernel.lane in axes)
            for place, tile in tiles.items():
                self.values[place] = tile.result(self.indexes[kernel.lane] - first, self.width)
            self._later(1)
            self._outer_stores(0)
            self._outer_stores(1)

        with self._scope():
            self._walk(kernel.outer, wanted, list(tiles.values()),
                       lambda: self._chunks(kernel.lane, first, last, along))  # fmt: skip
        self._chunks(kernel.lane, first, last, afterwards)

    def _walk(
        self, axis: int, wanted: list[int], tiles: list[Tile], row: Callable[[], None]
    ) -> None:
        """The loops over the inner axes from ``axis`` on, the last one in parts."""
        if axis == self.kernel.axes:
            row()
            return
        zero, size = self.code.constant(0, "int64"), self.memory.sizes[axis]
        if axis < self.kernel.axes - 1 or not any(tile.by_parts for tile in tiles):
            self._step(axis, (zero, size), wanted, tiles, row)
            return
        with self.code.loop(zero, size, PART) as start:
            stop = self.code.call("llvm.smin.i64", size, start + PART, size)
            self._step(axis, (start, stop), wanted, tiles, row)
            for tile in tiles:
                tile.end_part()

    def _step(
        self, axis: int, span: tuple[Value, Value], wanted: list[int], tiles: list[Tile],
        row: Callable[[], None],
    ) -> None:  # fmt: skip
        with self.code.loop(*span) as index, self._scope():
            self._enter(axis, index)
            for place in wanted:
                depends = self.depends[place]
                if self.kernel.lane not in depends and max(depends) == axis:
                    self._evaluate(place)
            self._walk(axis + 1, wanted, tiles, row)


class Tile(Reducer):
    """The running results of a reduction for a tile of lanes.

    Args:
        step: the reduction.
        used: how many lanes there are.
    """

    def __init__(self, code: Code, step: Instruction, used: Value) -> None:
        super().__init__(code, step)
        self._used = used
        self._align = max(BITS[self.dtype] // 8, 1)
        self._whole = code.room(self.dtype, TILE)
        self._part = code.room(self.dtype, TILE) if self.by_parts else self._whole
        with self._everywhere() as (offset, width):
            for room in (self._whole, self._part):
                self._put(room, offset, self.neutral(width))

    @contextmanager
    def _everywhere(self) -> Iterator[tuple[Value, int]]:
        """A loop over all lanes that are used, in wide vectors."""
        width = vector_widths()[0][0]
        with self.code.loop(self.code.constant(0, "int64"), self._used, width) as offset:
            yield offset, width

    def _place(self, room: Value, offset: Value) -> Value:
        kind = llvm_type("uint8" if self.dtype == "bool" else self.dtype, 0)
        return self.code.value(f"getelementptr {kind}, {room.typed}, {offset.typed}", "ptr", 0)

    def _get(self, room: Value, offset: Value, width: int) -> Value:
        place, kind = self._place(room, offset), llvm_type(self.dtype, width)
        text = f"load {kind}, {place.typed}, align {self._align}"
        return self.code.value(text, self.dtype, width)

    def _put(self, room: Value, offset: Value, value: Value) -> None:
        place = self._place(room, offset)
        self.code.line(f"store {value.typed}, {place.typed}, align {self._align}")

    def add(self, offset: Value, value: Value) -> None:
        """Take in one more value in some lanes."""
        before = self._get(self._part, offset, value.lanes)
        self._put(self._part, offset, self.combine(before, value))

    def end_part(self) -> None:
        """Add the part of a sum to the whole, and begin anew."""
        if self.by_parts:
            with self._everywhere() as (offset, width):
                both = [self._get(room, offset, width) for room in (self._whole, self._part)]
                self._put(self._whole, offset, self.combine(*both))
                self._put(self._part, offset, self.neutral(width))

    def result(self, offset: Value, width: int) -> Value:
        """The results in some lanes."""
        return self._get(self._whole, offset, width)
