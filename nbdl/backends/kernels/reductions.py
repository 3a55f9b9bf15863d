"""Sums, maxima and their like over the inner box."""

from __future__ import annotations

from collections.abc import Callable

from nbdl.backends.kernels.arithmetic import limits, maximum, minimum
from nbdl.backends.kernels.checks import register
from nbdl.backends.kernels.ir import Code, Value, llvm_type, select
from nbdl.backends.kernels.program import Instruction

_COMBINE: dict[str, Callable[[Value, Value], Value]] = {
    "sum": lambda x, y: x + y,
    "max": maximum,
    "min": minimum,
    "any": lambda x, y: x | y,
    "all": lambda x, y: x & y,
}


class Accumulator:
    """The running result of a reduction, a number in each lane of each kind of vector.

    Args:
        step: the reduction.
        lanes: of the vectors that will be added, widest first.
    """

    def __init__(self, code: Code, step: Instruction, lanes: list[int]) -> None:
        dtype = register(step.dtype)
        self._combine = _COMBINE[step.attribute]
        least, greatest = (0, 1) if dtype == "bool" else limits(dtype)
        neutral = {"sum": 0, "max": least, "min": greatest, "any": False, "all": True}
        self._slots = {width: code.slot(dtype, width) for width in lanes}
        for width, slot in self._slots.items():
            slot.set(code.constant(neutral[step.attribute], dtype, width))

    def add(self, value: Value, mask: Value | None) -> None:
        """Take in one more value, where ``mask`` is true."""
        slot = self._slots[value.lanes]
        before = slot.get()
        after = self._combine(before, value)
        slot.set(after if mask is None else select(mask, after, before))

    def result(self, across: bool) -> Value:
        """The result; ``across``: of all lanes together, by halves."""
        first, *others = self._slots.values()
        value = first.get()
        for slot in others:
            while value.lanes > slot.lanes:
                value = self._combine(*_halves(value))
            rest = slot.get()
            value = self._combine(value, _lane(rest, 0) if slot.lanes == 1 else rest)
        while across and value.lanes:
            value = self._combine(*_halves(value))
        return value


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
