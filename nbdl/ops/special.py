"""Special functions: the error function and its relatives, sinc."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import exp, negative
from nbdl.ops.conversion import floats
from nbdl.ops.families import Elementwise, require_real
from nbdl.ops.selection import where
from nbdl.ops.trigonometry import cos, sin

__all__ = ["erf", "erfc", "erfinv", "sinc"]

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)

# erf(a) / a up to 0.46875, in a²: W. J. Cody, "Rational Chebyshev approximations for the error
# function", Mathematics of Computation 23, 1969; coefficients, highest power first, as in his
# routine CALERF (SPECFUN, netlib).
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
     3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
     2.84423683343917062e3),
)  # fmt: skip
# (1 + 2a) · exp(a²) · erfc(a) for a from 0.46875 on, as a polynomial in (a - 4) / (a + 4), highest
# power first. It is nearly constant, so adding up its terms loses no digits. The form is from
# M. M. Shepherd and J. G. Laframboise, Mathematics of Computation 36, 1981; the coefficients are
# a series of Chebyshev polynomials to degree 22, computed in 50 digits.
_TAIL = (
    4.546274302388075e-09, -1.1995660536195903e-08, -2.5924263055709462e-08, 1.1124906029442693e-07,
    8.432329780295016e-08, -8.312567909838846e-07, 2.877922532448128e-07, 5.7162308131011e-06,
    -1.1220161950171221e-05, -2.440304909208704e-05, 0.0001506215376139318, -0.00019925533227242284,
    -0.0007577733776340247, 0.005031969679629149, -0.016197734028168834, 0.03716751557660243,
    -0.0663303658160273, 0.09373283499552638, -0.10103906603608995, 0.06809705425478639,
    0.015379652102615477, -0.13962111684056344, 1.2329951186255526,
)  # fmt: skip
# Odd rational approximation of erf on [-4, 4] for single precision, as in Eigen and XLA.
_SINGLE = (
    (-2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
     -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2),
    (-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
     -1.42647390514189e-2),
)  # fmt: skip


def _ratio(coefficients: Any, t: Any) -> Any:
    top, bottom = coefficients
    p, q = t * top[0] + top[1], t * bottom[0] + bottom[1]
    for a, b in zip(top[2:], bottom[2:], strict=True):
        p, q = p * t + a, q * t + b
    return p / q


def _erfc_of_positive(xp: Any, a: Any) -> Any:
    """erfc of float64 numbers above 0.46875; smaller ones give what nobody reads."""
    b = xp.minimum(a, 28.0)  # where erfc is 0 already
    t = (b - 4.0) / (b + 4.0)
    p = t * _TAIL[0] + _TAIL[1]
    for c in _TAIL[2:]:
        p = p * t + c
    # exp(-b*b) loses digits for large b: split b in a part whose square is exact, and a small rest.
    coarse = xp.trunc(b * 2.0**20) / 2.0**20
    scale = xp.exp(-coarse * coarse) * xp.exp((coarse - b) * (b + coarse))
    return scale * (p / (1.0 + 2.0 * b))


def _erf64(xp: Any, x: Any) -> Any:
    a = xp.abs(x)
    near = x * _ratio(_NEAR, xp.square(xp.minimum(a, 0.5)))
    far = xp.copysign(1.0 - _erfc_of_positive(xp, a), x)
    return xp.where(xp.isnan(x), x, xp.where(a <= 0.46875, near, far))


def _erfc64(xp: Any, x: Any) -> Any:
    a = xp.abs(x)
    near = 1.0 - x * _ratio(_NEAR, xp.square(xp.minimum(a, 0.5)))
    tail = _erfc_of_positive(xp, a)
    far = xp.where(x < 0, 2.0 - tail, tail)
    return xp.where(xp.isnan(x), x, xp.where(a <= 0.46875, near, far))


def _erf32(xp: ModuleType, x: Any) -> Any:
    """erf of a float32 array in float32, to 8 ulp: ten times as fast as by float64."""
    x = xp.clip(x, x.dtype.type(-4), x.dtype.type(4))
    t = x * x
    top, bottom = ((x.dtype.type(c) for c in coefficients) for coefficients in _SINGLE)
    p = t * next(top) + next(top)
    for a in top:
        p *= t
        p += a
    q = t * next(bottom) + next(bottom)
    for b in bottom:
        q *= t
        q += b
    p *= x
    p /= q
    return xp.clip(p, x.dtype.type(-1), x.dtype.type(1))


def erf_values(xp: ModuleType, x: Any) -> Any:
    """erf of an array, in a new one of x's dtype; half precision is computed in float32."""
    if x.dtype == dtypes.float64:
        return _erf64(xp, x)
    return _erf32(xp, x.astype(xp.float32, copy=False)).astype(x.dtype, copy=False)


class Erf(Elementwise):
    """The error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x."""

    method = "erf"
    onnx = "Erf"
    kernel = "erf(x)"
    flops_per_element = 30
    saves = ("x",)
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        return erf_values(xp, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (exp(negative(x * x)) * _TWO_OVER_ROOT_PI)


class Erfc(Elementwise):
    """1 - erf(x), exact where that is small."""

    method = "erfc"
    kernel = "erfc(x)"
    flops_per_element = 30
    saves = ("x",)
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        return _erfc64(xp, x.astype(xp.float64)).astype(x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (exp(negative(x * x)) * -_TWO_OVER_ROOT_PI)


class Erfinv(Elementwise):
    """The inverse of erf."""

    method = "erfinv"
    flops_per_element = 100
    saves = ("y",)
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        # A first guess (S. Winitzki, 2008), then Halley's steps on the smaller tail.
        wide = x.astype(xp.float64)
        a = xp.abs(wide)
        inside = xp.minimum(a, 1.0 - 2.0**-53)
        log_term = xp.log1p(-inside * inside)
        b = 2.0 / (math.pi * 0.147) + log_term / 2.0
        y = xp.sqrt(xp.sqrt(b * b - log_term / 0.147) - b)
        y = xp.where(a < 1e-3, a / _TWO_OVER_ROOT_PI, y)
        for _ in range(3):
            error = xp.where(a < 0.5, _erf64(xp, y) - inside, (1.0 - inside) - _erfc64(xp, y))
            step = error / (_TWO_OVER_ROOT_PI * xp.exp(-y * y))
            y = y - step / (1.0 + y * step)
        y = xp.where(a == 1.0, xp.inf, xp.where(a > 1.0, xp.nan, y))
        return xp.copysign(y, wide).astype(x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (exp(y * y) / _TWO_OVER_ROOT_PI)


class Sinc(Elementwise):
    """sin(pi x) / (pi x), 1 at 0."""

    method = "sinc"
    kernel = "where(x == 0, 1, sin(x * 3.141592653589793) / (x * 3.141592653589793))"
    flops_per_element = 12
    saves = ("x",)
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        wide = x.astype(dtypes.accumulator(x.dtype), copy=False)
        return xp.sinc(wide).astype(x.dtype, copy=False)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # Near 0 the quotient cancels: the Taylor series there, which is differentiable too.
        small = (x * x) < 1e-3
        at = where(small, 1, x)
        a = at * math.pi
        exact = (cos(a) * a - sin(a)) / (a * at)
        p = x * math.pi
        q = p * p
        series = p * (-1 / 3 + q * (1 / 30 + q * (-1 / 840 + q * (1 / 45360)))) * math.pi
        return dy * where(small, series, exact)


def _reals(name: str, x: Any) -> Tensor:
    x = floats(x)
    require_real(name, x)
    return x


def erf(x: Any, /) -> Tensor:
    """The error function; float64 to 4 units of the last place, float32 to 8.

    x: (...) -> y: (...), a float dtype. Cody, Mathematics of Computation 23, 1969.
    """
    return _erf(_reals("erf", x))


def erfc(x: Any, /) -> Tensor:
    """1 - erf(x), without loss where that is small; float64 to 4 units of the last place.

    x: (...) -> y: (...), a float dtype. Shepherd and Laframboise, Math. of Computation 36, 1981.
    """
    return _erfc(_reals("erfc", x))


def erfinv(x: Any, /) -> Tensor:
    """The inverse of erf; ±inf at ±1, NaN outside.  x: (...) -> y: (...), a float dtype."""
    return _erfinv(_reals("erfinv", x))


def sinc(x: Any, /) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0.  x: (...) -> y: (...), a float dtype."""
    return _sinc(_reals("sinc", x))


_erf, _erfc, _erfinv, _sinc = Erf(), Erfc(), Erfinv(), Sinc()
