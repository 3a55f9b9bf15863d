"""Complex numbers made of parts, and their parts."""

from __future__ import annotations

import math
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError, ShapeError
from nbdl.ops.arithmetic import imag, real
from nbdl.ops.concatenation import stack
from nbdl.ops.conversion import astensor, floats, promote
from nbdl.ops.families import Elementwise
from nbdl.ops.rounding import abs, sign
from nbdl.ops.selection import where
from nbdl.ops.trigonometry import atan2, cos, sin

__all__ = ["angle", "complex", "polar", "sgn", "view_as_complex", "view_as_real"]


class Complex(Elementwise):
    """x + i y of two real tensors."""

    flops_per_element = 0
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        z = xp.empty(xp.broadcast_shapes(x.shape, y.shape), self.result_dtype(x.dtype))
        z.real, z.imag = x, y
        return z

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.complex128 if dtype == dtypes.float64 else dtypes.complex64

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: real(dz), lambda: imag(dz)


_complex = Complex()


def complex(real: Any, imag: Any, /) -> Tensor:
    """real + i · imag.  Two float32 (float64) tensors, broadcasting -> complex64 (complex128)."""
    x, y = promote(floats(real), floats(imag))
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise DtypeError(f"complex needs float32 or float64 parts, got {x.dtype}")
    return _complex(x, y)


def polar(abs: Any, angle: Any, /) -> Tensor:
    """abs · exp(i · angle).  Two real tensors, broadcasting -> a complex one."""
    r, phi = promote(floats(abs), floats(angle))
    return complex(r * cos(phi), r * sin(phi))


def angle(x: Any, /) -> Tensor:
    """The angle of complex numbers in the plane, from -pi to pi; 0 or pi for real ones.

    x: (...) -> y: (...), a real dtype. The derivative of a real number's angle is 0.
    """
    x = floats(x)
    if x.dtype.kind == "c":
        return atan2(imag(x), real(x))
    # The derivative is 0, also where the angle jumps: of a function that is flat.
    return where(x < 0, math.pi, where(x == x, 0, x))


def sgn(x: Any, /) -> Tensor:
    """x / abs(x), 0 at 0: the sign, of complex numbers too.  x: (...) -> y: (...)."""
    x = astensor(x)
    if x.dtype.kind != "c":
        return sign(x)
    size = abs(x)
    return where(size == 0, 0, x / where(size == 0, 1, size))


def view_as_real(x: Any, /) -> Tensor:
    """Real and imaginary parts along a new last axis.  x: (...) complex -> y: (..., 2)."""
    x = astensor(x)
    if x.dtype.kind != "c":
        raise DtypeError(f"view_as_real needs a complex tensor, got {x.dtype}")
    return stack([real(x), imag(x)], axis=-1)


def view_as_complex(x: Any, /) -> Tensor:
    """Complex numbers of pairs along the last axis.  x: (..., 2) -> y: (...) complex."""
    x = astensor(x)
    if not x.ndim or x.shape[-1] != 2:
        raise ShapeError(f"view_as_complex needs a last axis of size 2, got shape {x.shape}")
    return complex(x[..., 0], x[..., 1])


METHODS = {"angle": angle, "sgn": sgn}
