"""Powers and roots."""

from __future__ import annotations

from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.arithmetic import conj, log, negative
from nbdl.ops.conversion import astensor, floats, promote
from nbdl.ops.families import Elementwise
from nbdl.ops.selection import where

__all__ = ["pow", "square", "sqrt", "rsqrt", "cbrt", "reciprocal", "hypot", "float_power"]


class Power(Elementwise):
    """x to the power y."""

    method = ("pow", "__pow__")
    onnx = "Pow"
    kernel = "pow(x, y)"
    flops_per_element = 20
    saves = ("z", "x", "y")

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.power(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        def base() -> Tensor:
            return where(y == 0, 0, dz * conj(y * _power(x, y - 1)))

        def exponent() -> Tensor:
            at_zero = x == 0 if y.dtype.kind == "c" else (x == 0) & (y >= 0)
            return where(at_zero, 0, dz * conj(z * log(x)))

        return base, exponent


class Square(Elementwise):
    """x * x."""

    method = "square"
    kernel = "x * x"
    saves = ("x",)
    kinds = "iufc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.multiply(x, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(x * 2)


class Sqrt(Elementwise):
    """Square root."""

    method = "sqrt"
    onnx = "Sqrt"
    kernel = "sqrt(x)"
    saves = ("y",)
    kinds = "fc"
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sqrt(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(y * 2)


class Rsqrt(Elementwise):
    """1 / sqrt(x)."""

    method = "rsqrt"
    kernel = "1 / sqrt(x)"
    flops_per_element = 2
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.reciprocal(xp.sqrt(x))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(y * y * y) * -0.5


class Cbrt(Elementwise):
    """Cube root, of negative numbers too."""

    kernel = "cbrt(x)"
    flops_per_element = 10
    saves = ("y",)
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cbrt(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / (y * y * 3)


class Reciprocal(Elementwise):
    """1 / x."""

    method = "reciprocal"
    onnx = "Reciprocal"
    kernel = "1 / x"
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.reciprocal(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * conj(y * y))


class Hypot(Elementwise):
    """sqrt(x*x + y*y) without overflow on the way."""

    method = "hypot"
    kernel = "hypot(x, y)"
    flops_per_element = 10
    saves = ("z", "x", "y")
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.hypot(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: dz * (x / z), lambda: dz * (y / z)


def pow(x: Any, y: Any, /) -> Tensor:
    """x to the power y, elementwise; the number may be on either side.

    x, y: broadcasting -> z: their common shape and dtype. An integer to a negative Python
    integer raises ArgumentError: its result is no integer.
    """
    if isinstance(x, Tensor) and isinstance(y, (int, float)):
        if y == 2 and x.value.dtype.kind != "b":
            return _square(x)
        if y < 0 and x.value.dtype.kind in "iu" and isinstance(y, int):
            raise ArgumentError(
                f"pow: an integer tensor ({x.dtype}) cannot be raised to y={y}, a negative power",
                hint="make it a float first: x.to('float32')",
            )
    x, y = promote(x, y)
    if x.dtype == dtypes.bool:
        x, y = x.to(dtypes.int64), y.to(dtypes.int64)
    return _power(x, y)


def float_power(x: Any, y: Any, /) -> Tensor:
    """x to the power y in float64 (complex128).  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    wide = dtypes.complex128 if x.dtype.kind == "c" else dtypes.float64
    return _power(x.to(wide), y.to(wide))


def square(x: Any, /) -> Tensor:
    """x * x.  x: (...) -> y: (...), same dtype."""
    return _square(astensor(x))


def sqrt(x: Any, /) -> Tensor:
    """Square root; NaN below 0.  x: (...) -> y: (...), a float dtype."""
    return _sqrt(floats(x))


def rsqrt(x: Any, /) -> Tensor:
    """1 / sqrt(x).  x: (...) -> y: (...), a float dtype."""
    return _rsqrt(floats(x))


def cbrt(x: Any, /) -> Tensor:
    """Cube root, of negative numbers too.  x: (...) -> y: (...), a float dtype."""
    return _cbrt(floats(x))


def reciprocal(x: Any, /) -> Tensor:
    """1 / x.  x: (...) -> y: (...), a float dtype."""
    return _reciprocal(floats(x))


def hypot(x: Any, y: Any, /) -> Tensor:
    """sqrt(x*x + y*y) without overflow on the way.  x, y: broadcasting -> z: a float dtype."""
    x, y = promote(x, y)
    return _hypot(floats(x), floats(y))


def _rpow(y: Tensor, x: Any) -> Tensor:
    return pow(x, y)


_power, _square, _sqrt, _rsqrt, _cbrt = Power(), Square(), Sqrt(), Rsqrt(), Cbrt()
_reciprocal, _hypot = Reciprocal(), Hypot()

METHODS = {"__rpow__": _rpow}
