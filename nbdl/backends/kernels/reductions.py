"""Sums, maxima and their like over the inner box."""

from __future__ import annotations

import math
from collections.abc import Callable

from nbdl.backends.kernels.arithmetic import limits, maximum, minimum
from nbdl.backends.kernels.checks import register
from nbdl.backends.kernels.ir import Code, Slot, Value, is_float, llvm_type, select
from nbdl.backends.kernels.program import Instruction

_COMBINE: dict[str, Callable[[Value, Value], Value]] = {
    "sum": lambda x, y: x + y,
    "max": maximum,
    "min": minimum,
    "any": lambda x, y: x | y,
    "all": lambda x, y: x & y,
}


_EXTREMES = maximum, minimum

PART = 128
"""After how many additions a sum is put aside and begun anew, so that its rounding errors grow
with the number of parts and not of terms."""


class Reducer:
    """What a reduction does, apart from where its running results are.

    Attributes:
        dtype: of the results.
        by_parts: whether it is a sum with rounding errors, to be made in parts.
    """

    def __init__(self, code: Code, step: Instruction) -> None:
        self.code, self.dtype = code, register(step.dtype)
        self.combine = _COMBINE[step.attribute]
        least, greatest = (0, 1) if self.dtype == "bool" else limits(self.dtype)
        neutral = {"sum": 0, "max": least, "min": greatest, "any": False, "all": True}
        self._neutral = neutral[step.attribute]
        self.by_parts = step.attribute == "sum" and is_float(self.dtype)

    def neutral(self, lanes: int) -> Value:
        """The result of nothing."""
        return self.code.constant(self._neutral, self.dtype, lanes)


class Accumulator(Reducer):
    """The running results of a reduction in variables, a number in each lane.

    Args:
        step: the reduction.
        lanes: of the vectors that will be added, widest first.
    """

    def __init__(self, code: Code, step: Instruction, lanes: list[int]) -> None:
        super().__init__(code, step)
        self._slots = self._new_slots(lanes)
        self._parts = self._new_slots(lanes) if self.by_parts else self._slots

    def _new_slots(self, lanes: list[int]) -> dict[int, Slot]:
        slots = {width: self.code.slot(self.dtype, width) for width in lanes}
        self._clear(slots)
        return slots

    def _clear(self, slots: dict[int, Slot]) -> None:
        for width, slot in slots.items():
            slot.set(self.neutral(width))

    def begin_part(self) -> None:
        """Begin a part of a sum."""
        if self.by_parts:
            self._clear(self._parts)

    def end_part(self) -> None:
        """Add the part to the whole."""
        if self.by_parts:
            for width, part in self._parts.items():
                self._slots[width].set(self._slots[width].get() + part.get())

    def add(self, value: Value, mask: Value | None) -> None:
        """Take in one more value, where ``mask`` is true."""
        slot = self._parts[value.lanes]
        before = slot.get()
        after = self.combine(before, value)
        slot.set(after if mask is None else select(mask, after, before))

    def result(self, across: bool) -> Value:
        """The result; ``across``: of all lanes together, by halves."""
        first, *others = self._slots.values()
        value = first.get()
        for slot in others:
            while value.lanes > slot.lanes:
                value = self.combine(*_halves(value))
            rest = slot.get()
            value = self.combine(value, _lane(rest, 0) if slot.lanes == 1 else rest)
        if across and value.lanes > 1 and self.combine in _EXTREMES and is_float(self.dtype):
            return self._extreme(value)
        while across and value.lanes:
            value = self.combine(*_halves(value))
        return value

    def _extreme(self, value: Value) -> Value:
        """The greatest or least of all lanes: NaN is asked for once and not at each halving."""
        code, greatest = self.code, self.combine is maximum
        mask = value.is_nan()
        bits = code.value(f"bitcast {mask.typed} to i{value.lanes}", "int64", 0)
        some = code.value(f"icmp ne i{value.lanes} {bits.text}, 0", "bool", 0)
        while value.lanes:
            x, y = _halves(value)
            value = select(x > y if greatest else x < y, x, y)
        return select(some, code.constant(math.nan, self.dtype), value)


def _lane(value: Value, lane: int) -> Value:
    return value.code.value(f"extractelement {value.typed}, i64 {lane}", value.dtype, 0)


def _halves(value: Value) -> tuple[Value, Value]:
    """The lower and the upper lanes."""
    code, half = value.code, value.lanes // 2
    if half == 1:
        return _lane(value, 0), _lane(value, 1)
    kind = llvm_type(value.dtype, value.lanes)
    parts = []
    for start in (0, half):
        lanes = ", ".join(f"i32 {i}" for i in range(start, start + half))
        text = f"shufflevector {value.typed}, {kind} poison, <{half} x i32> <{lanes}>"
        parts.append(code.value(text, value.dtype, half))
    return parts[0], parts[1]
