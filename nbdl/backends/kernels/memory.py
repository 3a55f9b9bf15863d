"""Where a kernel's arrays lie, and how vectors come and go."""

from __future__ import annotations

from itertools import count

from nbdl.backends.kernels.arithmetic import narrow, stored, widen
from nbdl.backends.kernels.ir import BITS, Code, Value, llvm_type, select, short_type
from nbdl.backends.kernels.program import Kernel

Key = tuple[int, int]  # an array, and the axis that a load_at takes out of its walk (-1: none)


class Memory:
    """The addresses of a kernel's arrays at the present place of its loops.

    Reads the numbers of ``args`` (see program.py) where it is made: in the function's first block.
    """

    def __init__(self, kernel: Kernel, code: Code, args: Value) -> None:
        self.kernel, self.code = kernel, code
        position = count()

        def argument(dtype: str = "int64") -> Value:
            at = code.value(f"getelementptr i64, {args.typed}, i64 {next(position)}", "ptr", 0)
            kind = llvm_type(dtype, 0)
            return code.value(f"load {kind}, ptr {at.text}, !invariant.load !0", dtype, 0)

        code.module.declared.setdefault("!0", "!0 = !{}")  # what !invariant.load refers to
        self.sizes = [argument() for _ in range(kernel.axes)]
        self._strides: list[dict[int, Value]] = []
        self._pointers: dict[Key, Value] = {}
        one = code.constant(1, "int64")
        for number, array in enumerate(kernel.arrays):
            self._pointers[number, -1] = argument("ptr")
            self._strides.append({
                axis: argument() if letter == "s" else one
                for axis, letter in enumerate(array.axes) if letter != "0"
            })  # fmt: skip
        self._lengths: dict[int, Value] = {}
        for place, step in enumerate(kernel.code):
            if step.name == "load_at":
                self._lengths[place] = argument()
                self._pointers[step.attribute] = self._pointers[step.attribute[0], -1]

    def enter(self, axis: int, index: Value) -> None:
        """Move all arrays along ``axis`` to ``index``."""
        for key, pointer in self._pointers.items():
            number, skipped = key
            stride = self._strides[number].get(axis)
            if stride is not None and skipped != axis:
                self._pointers[key] = self._at(number, pointer, index, stride)

    def mark(self) -> dict[Key, Value]:
        """The present place, to come back to."""
        return dict(self._pointers)

    def back(self, mark: dict[Key, Value]) -> None:
        """Come back to a place."""
        self._pointers = mark

    def load(
        self, number: int, width: int, mask: Value | None, further: Value | None = None
    ) -> Value:
        """The array's element here, or a vector of ``width`` of them along the lane axis.

        ``further``: how many elements after that place, in each lane if it is a vector.
        """
        pointer = self._pointers[number, -1]
        dtype = self.kernel.arrays[number].dtype
        letter = self.kernel.arrays[number].axes[self.kernel.lane]
        if further is not None and further.lanes:
            if letter != "0":
                further = further + self._offsets(number, width)
            return self._gather(dtype, pointer, further, mask)
        if further is not None:
            pointer = self._at(number, pointer, further, further.like(1))
        if letter == "0":
            return self._load_one(dtype, pointer)
        if letter == "1":
            return self._load_vector(dtype, pointer, width, mask)
        offsets = self._offsets(number, width)
        return self._gather(dtype, pointer, offsets, mask)

    def load_at(self, place: int, index: Value, width: int, mask: Value | None) -> Value:
        """The element whose index along one axis has been computed, by instruction ``place``."""
        number, axis = self.kernel.code[place].attribute
        pointer, dtype = self._pointers[number, axis], self.kernel.arrays[number].dtype
        stride = self._strides[number].get(axis)
        lanes = axis != self.kernel.lane and self.kernel.lane in self._strides[number]
        if stride is not None:
            index = self._clamp(index, self._lengths[place])
            if not index.lanes:
                pointer = self._at(number, pointer, index, stride)
        if stride is not None and index.lanes:
            offsets = index * stride
            if lanes:
                offsets = offsets + self._offsets(number, width)
            return self._gather(dtype, pointer, offsets, mask)
        if not lanes:
            return self._load_one(dtype, pointer)
        if self.kernel.arrays[number].axes[self.kernel.lane] == "1":
            return self._load_vector(dtype, pointer, width, mask)
        return self._gather(dtype, pointer, self._offsets(number, width), mask)

    def store(self, number: int, value: Value, width: int, mask: Value | None) -> None:
        """Put a value, or a vector of ``width`` of them, at the array's present place."""
        pointer, array = self._pointers[number, -1], self.kernel.arrays[number]
        letter = array.axes[self.kernel.lane]
        if letter != "0":
            value = value.spread(width)
        held = narrow(value, array.dtype)
        size = BITS[held.dtype] // 8
        if letter == "0" or (letter == "1" and mask is None):
            self.code.line(f"store {held.typed}, ptr {pointer.text}, align {size}")
            return
        mask = mask or self.code.constant(True, "bool", width)
        alignment = self.code.constant(size, "int32")
        if letter == "1":
            name = f"llvm.masked.store.{held.short}.p0"
            self.code.run(name, held, pointer, alignment, mask)
            return
        places = self._places(array.dtype, pointer, self._offsets(number, width))
        name = f"llvm.masked.scatter.{held.short}.{places.short}"
        self.code.run(name, held, places, alignment, mask)

    def _at(self, number: int, pointer: Value, index: Value, stride: Value) -> Value:
        kind = llvm_type(stored(self.kernel.arrays[number].dtype), 0)
        moved = index if stride.text == "1" else index * stride
        text = f"getelementptr {kind}, {pointer.typed}, {moved.typed}"
        return self.code.value(text, "ptr", 0)

    def _offsets(self, number: int, width: int) -> Value:
        """How far each lane's element is from the first one's."""
        stride = self._strides[number][self.kernel.lane]
        return self.code.iota("int64", width) * stride

    def _clamp(self, index: Value, size: Value) -> Value:
        last = (size - 1).spread(index.lanes)
        index = select(index > last, last, index)
        return select(index < 0, index.like(0), index)

    def _load_one(self, dtype: str, pointer: Value) -> Value:
        kind = stored(dtype)
        size = BITS[kind] // 8
        text = f"load {llvm_type(kind, 0)}, ptr {pointer.text}, align {size}"
        return widen(self.code.value(text, kind, 0), dtype)

    def _load_vector(
        self, dtype: str, pointer: Value, width: int, mask: Value | None
    ) -> Value:
        kind = stored(dtype)
        size, vector = BITS[kind] // 8, llvm_type(kind, width)
        if mask is None:
            text = f"load {vector}, ptr {pointer.text}, align {size}"
            return widen(self.code.value(text, kind, width), dtype)
        alignment = self.code.constant(size, "int32")
        nothing = self.code.constant(0, kind, width)
        name = f"llvm.masked.load.{short_type(kind, width)}.p0"
        held = self.code.call(name, nothing, pointer, alignment, mask, nothing)
        return widen(held, dtype)

    def _gather(self, dtype: str, pointer: Value, offsets: Value, mask: Value | None) -> Value:
        kind = stored(dtype)
        places = self._places(dtype, pointer, offsets)
        alignment = self.code.constant(BITS[kind] // 8, "int32")
        nothing = self.code.constant(0, kind, places.lanes)
        mask = mask or self.code.constant(True, "bool", places.lanes)
        name = f"llvm.masked.gather.{nothing.short}.{places.short}"
        held = self.code.call(name, nothing, places, alignment, mask, nothing)
        return widen(held, dtype)

    def _places(self, dtype: str, pointer: Value, offsets: Value) -> Value:
        kind = llvm_type(stored(dtype), 0)
        text = f"getelementptr {kind}, {pointer.typed}, {offsets.typed}"
        return self.code.value(text, "ptr", offsets.lanes)
