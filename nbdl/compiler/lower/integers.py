"""Whole numbers in loops: indices of which bounds are known, so that much need not be computed."""

from __future__ import annotations

from dataclasses import dataclass

from nbdl.compiler.expressions import Code, Register


@dataclass(frozen=True)
class Number:
    """An int64 of a kernel.

    Attributes:
        register: where it is computed; None: it is known.
        least, most: its bounds, both included.
    """

    register: Register | None
    least: int
    most: int


Condition = bool | Register
"""Whether something is so: known, or in a register."""


def known(number: int) -> Number:
    """A number that does not change."""
    return Number(None, number, number)


class Integers:
    """Arithmetic on numbers: what bounds decide is decided, the rest becomes instructions."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def axis(self, number: int, size: int) -> Number:
        """The index along an axis of the kernel."""
        if size <= 1:
            return known(0)
        return Number(self._code.emit("axis", dtype="int64", attribute=number), 0, size - 1)

    def register(self, x: Number, dtype: str = "int64") -> Register:
        """The register of a number."""
        if x.register is None:
            return self._code.constant(x.least, dtype)
        return self._code.cast(x.register, dtype)

    def _made(self, name: str, x: Number, y: Number, least: int, most: int) -> Number:
        if least == most:
            return known(least)
        places = self.register(x)[0], self.register(y)[0]
        return Number(self._code.emit(name, *places, dtype="int64"), least, most)

    def add(self, x: Number, y: Number) -> Number:
        """x + y."""
        return self._made("add", x, y, x.least + y.least, x.most + y.most)

    def subtract(self, x: Number, y: Number) -> Number:
        """x - y."""
        return self._made("subtract", x, y, x.least - y.most, x.most - y.least)

    def multiply(self, x: Number, factor: int) -> Number:
        """x · factor, which is not negative."""
        if factor == 1:
            return x
        return self._made("multiply", x, known(factor), x.least * factor, x.most * factor)

    def floor_divide(self, x: Number, divisor: int) -> Number:
        """x // divisor, which is positive."""
        if divisor == 1:
            return x
        bounds = x.least // divisor, x.most // divisor
        return self._made("floor_divide", x, known(divisor), *bounds)

    def remainder(self, x: Number, divisor: int) -> Number:
        """x % divisor, which is positive."""
        bounds = (0, divisor - 1)
        if x.least // divisor == x.most // divisor:
            bounds = (x.least % divisor, x.most % divisor)
        return self._made("remainder", x, known(divisor), *bounds)

    def maximum(self, x: Number, y: Number) -> Number:
        """The greater one."""
        if x.least >= y.most or y.least >= x.most:
            return x if x.least >= y.most else y
        return self._made("maximum", x, y, max(x.least, y.least), max(x.most, y.most))

    def minimum(self, x: Number, y: Number) -> Number:
        """The lesser one."""
        if x.most <= y.least or y.most <= x.least:
            return x if x.most <= y.least else y
        return self._made("minimum", x, y, min(x.least, y.least), min(x.most, y.most))

    def between(self, x: Number, least: int, most: int) -> Condition:
        """Whether least <= x <= most."""
        result: Condition = x.most >= least and x.least <= most
        if result and x.least < least:
            result = self._at_most(known(least), x)
        if result and x.most > most:
            result = self.both(result, self._at_most(x, known(most)))
        return result

    def _at_most(self, x: Number, y: Number) -> Register:
        places = self.register(x)[0], self.register(y)[0]
        return self._code.emit("less_equal", *places, dtype="bool")

    def both(self, a: Condition, b: Condition) -> Condition:
        """Whether both are so."""
        if isinstance(a, bool) or isinstance(b, bool):
            return (b if a else False) if isinstance(a, bool) else (a if b else False)
        return self._code.emit("and", a[0], b[0], dtype="bool")

    def where(self, condition: Register, x: Number, y: Number) -> Number:
        """x where the condition holds, else y."""
        places = condition[0], self.register(x)[0], self.register(y)[0]
        least, most = min(x.least, y.least), max(x.most, y.most)
        return Number(self._code.emit("where", *places, dtype="int64"), least, most)
