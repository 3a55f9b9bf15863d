"""Magnitude, sign, rounding and whole-number division."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import conj, negative
from nbdl.ops.conversion import astensor, cast, floats, promote, widened
from nbdl.ops.creation import zeros_like
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import wide
from nbdl.ops.selection import where

__all__ = [
    "abs",
    "sign",
    "copysign",
    "floor",
    "ceil",
    "round",
    "trunc",
    "frac",
    "floor_divide",
    "remainder",
    "fmod",
    "nextafter",
    "lerp",
]


class Abs(Elementwise):
    """Absolute value; of a complex number its length."""

    method = ("abs", "absolute", "__abs__")
    onnx = "Abs"
    kernel = "abs(x)"
    saves = ("x",)
    kinds = "biufc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.abs(x)

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.real_of(dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * sign(x)


class Sign(Elementwise):
    """-1, 0 or 1; of a complex number x / abs(x)."""

    method = "sign"
    onnx = "Sign"
    kernel = "sign(x)"
    saves = ("x",)
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sign(x) if x.dtype.kind != "b" else x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        if x.dtype.kind != "c":
            return zeros_like(dy)
        size = abs(x)
        unit = sign(x)
        along = (dy * conj(unit) + conj(dy) * unit) * 0.5
        return where(size == 0, 0, (dy - along * unit) / size)


class Copysign(Elementwise):
    """The magnitude of x with the sign of y."""

    kernel = "copysign(x, y)"
    saves = ("z", "x")
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.copysign(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: dz * (sign(x) * sign(z)), lambda: zeros_like(dz)


class _Step(Elementwise, abstract=True):
    """A function that is constant between jumps: its gradient is 0."""

    kinds = "biuf"

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return zeros_like(dy)


class Floor(_Step):
    """The largest whole number that is not larger."""

    method = "floor"
    onnx = "Floor"
    kernel = "floor(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.floor(x)


class Ceil(_Step):
    """The smallest whole number that is not smaller."""

    method = "ceil"
    onnx = "Ceil"
    kernel = "ceil(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.ceil(x)


class Round(_Step):
    """The nearest whole number, the even one at a tie."""

    method = ("round", "__round__")
    onnx = "Round"
    kernel = "rint(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.rint(x)


@dataclass(frozen=True)
class RoundTo(_Step):
    """The nearest number with so many decimals, the even one at a tie."""

    decimals: int

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.round(wide(x), self.decimals).astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor:
        v, power = widened(x), 10.0 ** builtins.abs(self.decimals)
        y = _round(v * power) / power if self.decimals > 0 else _round(v / power) * power
        return cast(y, x.dtype)


class Trunc(_Step):
    """The nearest whole number towards 0."""

    method = ("trunc", "__trunc__")
    kernel = "trunc(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.trunc(x)


class FloorDivide(Elementwise):
    """floor(x / y); no gradient, as in PyTorch."""

    method = ("floor_divide", "__floordiv__")
    kernel = "x // y"
    differentiable = False
    kinds = "iuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.floor_divide(x, y)


class Remainder(Elementwise):
    """x - y * floor(x / y): Python's %, with the sign of y."""

    method = ("remainder", "__mod__")
    kernel = "x % y"
    onnx = "Mod"
    flops_per_element = 4
    saves = ("x", "y")
    kinds = "iuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.remainder(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return dz, lambda: negative(dz * floor_divide(x, y))


class Fmod(Elementwise):
    """x - y * trunc(x / y): C's fmod, with the sign of x."""

    method = "fmod"
    kernel = "fmod(x, y)"
    flops_per_element = 4
    saves = ("x", "y")
    kinds = "iuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.fmod(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return dz, lambda: negative(dz * trunc(x / y))


class Nextafter(Elementwise):
    """The next representable number after x on the way to y."""

    differentiable = False
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.nextafter(x, y)


def abs(x: Any, /) -> Tensor:
    """Absolute value (the derivative at 0 is 0); of a complex number its length.

    x: (...) -> y: (...), same dtype, the real one for complex numbers.
    """
    return _abs(astensor(x))


def sign(x: Any, /) -> Tensor:
    """-1, 0 or 1, NaN for NaN; x / abs(x) for complex numbers.  x: (...) -> y: (...)."""
    return _sign(astensor(x))


def copysign(x: Any, y: Any, /) -> Tensor:
    """The magnitude of x with the sign of y (-0 counts).  x, y: broadcasting -> z: floats."""
    x, y = promote(x, y)
    return _copysign(floats(x), floats(y))


def floor(x: Any, /) -> Tensor:
    """The largest whole number <= x; gradient 0.  x: (...) -> y: (...), same dtype."""
    return _whole(_floor, x)


def ceil(x: Any, /) -> Tensor:
    """The smallest whole number >= x; gradient 0.  x: (...) -> y: (...), same dtype."""
    return _whole(_ceil, x)


def round(x: Any, /, decimals: int = 0) -> Tensor:
    """The nearest number with ``decimals`` decimals, even at a tie; gradient 0.

    x: (...) -> y: (...), same dtype.
    """
    return _whole(RoundTo(decimals) if decimals else _round, x)


def trunc(x: Any, /) -> Tensor:
    """The nearest whole number towards 0; gradient 0.  x: (...) -> y: (...), same dtype."""
    return _whole(_trunc, x)


def _whole(op: Elementwise, x: Any) -> Tensor:
    """Integers are whole already."""
    x = astensor(x)
    return x if x.value.dtype.kind in "iu" else op(x)


def frac(x: Any, /) -> Tensor:
    """x - trunc(x), with the sign of x; gradient 1.  x: (...) -> y: (...), same dtype."""
    x = astensor(x)
    return x - trunc(x)


def floor_divide(x: Any, y: Any, /) -> Tensor:
    """floor(x / y), Python's //; without gradient.  x, y: broadcasting -> z: common dtype."""
    x, y = promote(x, y)
    return _floor_divide(x, y)


def remainder(x: Any, y: Any, /) -> Tensor:
    """Python's %: x - y * floor(x / y), with the sign of y.  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    return _remainder(x, y)


def fmod(x: Any, y: Any, /) -> Tensor:
    """C's fmod: x - y * trunc(x / y), with the sign of x.  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    return _fmod(x, y)


def nextafter(x: Any, y: Any, /) -> Tensor:
    """The next representable number after x towards y.  x, y: broadcasting -> z: floats."""
    x, y = promote(x, y)
    return _nextafter(floats(x), floats(y))


def lerp(x: Any, y: Any, weight: Any, /) -> Tensor:
    """x + weight * (y - x), exact at both ends.  x, y, weight: broadcasting -> z."""
    x, y = promote(x, y)
    x, weight = promote(x, weight)
    return where(abs(weight) < 0.5, x + weight * (y - x), y - (y - x) * (1 - weight))


def _rfloordiv(y: Tensor, x: Any) -> Tensor:
    return floor_divide(x, y)


def _rmod(y: Tensor, x: Any) -> Tensor:
    return remainder(x, y)


_abs, _sign, _copysign = Abs(), Sign(), Copysign()
_floor, _ceil, _trunc, _round = Floor(), Ceil(), Trunc(), Round()
_floor_divide, _remainder, _fmod, _nextafter = FloorDivide(), Remainder(), Fmod(), Nextafter()

METHODS = {
    "__rfloordiv__": _rfloordiv,
    "__rmod__": _rmod,
    "frac": frac,
    "lerp": lerp,
    "copysign": copysign,
}
