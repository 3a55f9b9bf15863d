"""Bessel functions of real numbers. Values are SciPy's (on a GPU CuPy's).

Derivatives: F. W. J. Olver et al., NIST Handbook of Mathematical Functions, 10.6 and 10.29.
"""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import negative
from nbdl.ops.gamma import Tabulated, real
from nbdl.ops.rounding import sign
from nbdl.ops.selection import where
from nbdl.ops.special import sinc

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]


def _over(y: Tensor, x: Tensor) -> Tensor:
    """y / x where y is odd and y'(0) = 1/2, which is the quotient's limit at 0."""
    zero = x == 0
    return where(zero, 0.5, y / where(zero, 1, x))


class I0(Tabulated):
    """Modified, first kind, order 0."""

    source = "i0"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * i1(x)


class I1(Tabulated):
    """Modified, first kind, order 1."""

    source = "i1"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (i0(x) - _over(y, x))


class I0e(Tabulated):
    """exp(-abs(x)) i0(x)."""

    source = "i0e"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (i1e(x) - sign(x) * y)


class I1e(Tabulated):
    """exp(-abs(x)) i1(x)."""

    source = "i1e"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (i0e(x) - sign(x) * y - _over(y, x))


class BesselJ0(Tabulated):
    """First kind, order 0."""

    source = "j0"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * bessel_j1(x))


class BesselJ1(Tabulated):
    """First kind, order 1."""

    source = "j1"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (bessel_j0(x) - _over(y, x))


class BesselY0(Tabulated):
    """Second kind, order 0."""

    source = "y0"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * bessel_y1(x))


class BesselY1(Tabulated):
    """Second kind, order 1."""

    source = "y1"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (bessel_y0(x) - y / x)


class ModifiedBesselK0(Tabulated):
    """Modified, second kind, order 0."""

    source = "k0"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * modified_bessel_k1(x))


class ModifiedBesselK1(Tabulated):
    """Modified, second kind, order 1."""

    source = "k1"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * (modified_bessel_k0(x) + y / x))


class ScaledModifiedBesselK0(Tabulated):
    """exp(x) k0(x)."""

    source = "k0e"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (y - scaled_modified_bessel_k1(x))


class ScaledModifiedBesselK1(Tabulated):
    """exp(x) k1(x)."""

    source = "k1e"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (y - scaled_modified_bessel_k0(x) - y / x)


_i0, _i1, _i0e, _i1e = I0(), I1(), I0e(), I1e()
_j0, _j1, _y0, _y1 = BesselJ0(), BesselJ1(), BesselY0(), BesselY1()
_k0, _k1, _k0e, _k1e = (
    ModifiedBesselK0(), ModifiedBesselK1(), ScaledModifiedBesselK0(), ScaledModifiedBesselK1(),
)  # fmt: skip


def i0(x: Any, /) -> Tensor:
    """The modified Bessel function of the first kind, order 0.  x: (...) -> y: (...), floats."""
    return _i0(real("i0", x))


def i1(x: Any, /) -> Tensor:
    """The modified Bessel function of the first kind, order 1.  x: (...) -> y: (...), floats."""
    return _i1(real("i1", x))


def i0e(x: Any, /) -> Tensor:
    """exp(-abs(x)) i0(x), which does not overflow.  x: (...) -> y: (...), floats."""
    return _i0e(real("i0e", x))


def i1e(x: Any, /) -> Tensor:
    """exp(-abs(x)) i1(x), which does not overflow.  x: (...) -> y: (...), floats."""
    return _i1e(real("i1e", x))


def bessel_j0(x: Any, /) -> Tensor:
    """The Bessel function of the first kind, order 0.  x: (...) -> y: (...), floats."""
    return _j0(real("bessel_j0", x))


def bessel_j1(x: Any, /) -> Tensor:
    """The Bessel function of the first kind, order 1.  x: (...) -> y: (...), floats."""
    return _j1(real("bessel_j1", x))


def bessel_y0(x: Any, /) -> Tensor:
    """The Bessel function of the second kind, order 0; -inf at 0, NaN below."""
    return _y0(real("bessel_y0", x))


def bessel_y1(x: Any, /) -> Tensor:
    """The Bessel function of the second kind, order 1; -inf at 0, NaN below."""
    return _y1(real("bessel_y1", x))


def modified_bessel_k0(x: Any, /) -> Tensor:
    """The modified Bessel function of the second kind, order 0; inf at 0, NaN below."""
    return _k0(real("modified_bessel_k0", x))


def modified_bessel_k1(x: Any, /) -> Tensor:
    """The modified Bessel function of the second kind, order 1; inf at 0, NaN below."""
    return _k1(real("modified_bessel_k1", x))


def scaled_modified_bessel_k0(x: Any, /) -> Tensor:
    """exp(x) modified_bessel_k0(x), which does not underflow."""
    return _k0e(real("scaled_modified_bessel_k0", x))


def scaled_modified_bessel_k1(x: Any, /) -> Tensor:
    """exp(x) modified_bessel_k1(x), which does not underflow."""
    return _k1e(real("scaled_modified_bessel_k1", x))


def spherical_bessel_j0(x: Any, /) -> Tensor:
    """sin(x) / x, 1 at 0: the spherical Bessel function of the first kind, order 0."""
    return sinc(real("spherical_bessel_j0", x) / math.pi)
