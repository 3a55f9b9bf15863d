"""Whole numbers in loops: indices of which bounds are known, so that much need not be computed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nbdl.compiler.expressions import Code, Register


@dataclass(frozen=True)
class Number:
    """An int64 of a kernel: a register times a factor, plus a number.

    Attributes:
        register: that of what is not known; None: it is known.
        factor, shift: what is done to it.
        least, most: bounds of the result, both included.
    """

    register: Register | None
    factor: int
    shift: int
    least: int
    most: int


Condition = bool | Register
"""Whether something is so: known, or in a register."""


def known(number: int) -> Number:
    """A number that does not change."""
    return Number(None, 0, number, number, number)


class Integers:
    """Arithmetic on numbers: what bounds decide is decided, the rest becomes instructions."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def axis(self, number: int, size: int) -> Number:
        """The index along an axis of the kernel."""
        if size <= 1:
            return known(0)
        index = self._code.emit("axis", dtype="int64", attribute=number)
        return Number(index, 1, 0, 0, size - 1)

    def register(self, x: Number, dtype: str = "int64") -> Register:
        """The register of a number."""
        if x.register is None:
            return self._code.constant(x.shift, dtype)
        made = self._scaled(x.register, x.factor)
        if x.shift:
            made = self._two("add", made, self._code.constant(x.shift, "int64"))
        return self._code.cast(made, dtype)

    def _scaled(self, x: Register, factor: int) -> Register:
        return x if factor == 1 else self._two("multiply", x, self._code.constant(factor, "int64"))

    def _two(self, name: str, x: Register, y: Register, dtype: str = "int64") -> Register:
        return self._code.emit(name, x[0], y[0], dtype=dtype)

    def _made(self, name: str, x: Number, y: Number, least: int, most: int) -> Number:
        if least == most:
            return known(least)
        made = self._two(name, self.register(x), self.register(y))
        return Number(made, 1, 0, least, most)

    def add(self, x: Number, y: Number) -> Number:
        """x + y."""
        least, most = x.least + y.least, x.most + y.most
        if x.register is None or y.register is None:
            moving, other = (y, x) if x.register is None else (x, y)
            shift = moving.shift + other.shift
            return Number(moving.register, moving.factor, shift, least, most)
        parts = self._scaled(x.register, x.factor), self._scaled(y.register, y.factor)
        return Number(self._two("add", *parts), 1, x.shift + y.shift, least, most)

    def subtract(self, x: Number, y: Number) -> Number:
        """x - y."""
        return self.add(x, Number(y.register, -y.factor, -y.shift, -y.most, -y.least))

    def multiply(self, x: Number, factor: int) -> Number:
        """x · factor, which is not negative."""
        if factor == 0:
            return known(0)
        numbers = x.factor, x.shift, x.least, x.most
        return Number(x.register, *(number * factor for number in numbers))

    def floor_divide(self, x: Number, divisor: int) -> Number:
        """x // divisor, which is positive."""
        least, most = x.least // divisor, x.most // divisor
        if x.factor % divisor == 0:
            factor, shift = x.factor // divisor, x.shift // divisor
            return Number(x.register, factor, shift, least, most)
        return self._made("floor_divide", x, known(divisor), least, most)

    def remainder(self, x: Number, divisor: int) -> Number:
        """x % divisor, which is positive."""
        if x.factor % divisor == 0:
            return known(x.shift % divisor)
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

    def within(self, x: Number, least: int, most: int) -> Number:
        """x, of which is known from elsewhere that least <= x <= most."""
        return replace(x, least=max(x.least, least), most=min(x.most, most))

    def between(self, x: Number, least: int, most: int) -> Condition:
        """Whether least <= x <= most."""
        result: Condition = x.most >= least and x.least <= most
        if result and x.least < least:
            result = self._at_most(known(least), x)
        if result and x.most > most:
            result = self.both(result, self._at_most(x, known(most)))
        return result

    def _at_most(self, x: Number, y: Number) -> Register:
        return self._two("less_equal", self.register(x), self.register(y), "bool")

    def both(self, a: Condition, b: Condition) -> Condition:
        """Whether both are so."""
        if isinstance(a, bool) or isinstance(b, bool):
            return (b if a else False) if isinstance(a, bool) else (a if b else False)
        return self._two("and", a, b, "bool")

    def where(self, condition: Register, x: Number, y: Number) -> Number:
        """x where the condition holds, else y."""
        places = condition[0], self.register(x)[0], self.register(y)[0]
        least, most = min(x.least, y.least), max(x.most, y.most)
        return Number(self._code.emit("where", *places, dtype="int64"), 1, 0, least, most)
