"""Trigonometric and other functions of vectors of float32.

Angles are reduced as Cody and Waite do, with pi/2 in three parts, up to 2^15; if a lane is beyond,
C's library computes the lanes. What is rarely used is computed in float64 and rounded. The
polynomials come from the same fit as those of exponential.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from nbdl.backends.kernels.arithmetic import any_lane, convert, each_lane
from nbdl.backends.kernels.exponential import (
    exp,
    exp_negative,
    expm1,
    fma,
    log,
    log1p,
    polynomial,
)
from nbdl.backends.kernels.ir import Value, intrinsic, select

_HALF_PI = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
_HALF_PI_WIDE = (1.5707963267341256, 6.077100506506192e-11)  # the first with 33 bits
_FAR = 2.0**15
_MAGIC = 12582912.0

_SIN = (-0.16666667, 0.008333329, -0.00019839233, 2.7173667e-06)
_COS = (0.041666668, -0.0013888883, 2.4799372e-05, -2.7198627e-07)
_TAN = (0.33333352, 0.13332559, 0.05407201, 0.021218251, 0.0110050915, -0.00012924017, 0.004486112)
_ASIN = (0.1666666, 0.075005166, 0.044514474, 0.03182974, 0.014350758, 0.037645806)
_ATAN = (-0.333333, 0.19998549, -0.14264241, 0.10952185, -0.08403449, 0.057957564, -0.031177817,
         0.01091459, -0.0017936183)  # fmt: skip
_ERF = (0.12837917, -0.37612626, 0.112835854, -0.026853811, 0.0051883277, -0.00080101937,
        7.853861e-05)  # of erf(x) / x - 1 in x², up to 1  # fmt: skip
_ERFC_LOG = (0.00032057325, 1.1271716, 0.63801223, 0.103218205, -0.021889646, 0.0029601147,
             -0.00018760486)  # of -log(erfc(x)) from 1 to 4  # fmt: skip
_ERFC = (1.2329952, -0.13962106, 0.01537981, 0.068094544, -0.101044275, 0.093767904, -0.06626258,
         0.036991995, -0.01657331, 0.005274422)  # fmt: skip


def _fabs(x: Value) -> Value:
    return intrinsic("fabs", x)


def _odd(x: Value, coefficients: Sequence[float]) -> Value:
    """x + x³ p(x²), and -0 stays -0."""
    z = x * x
    return select(x.equal(0.0), x, fma(x * z, polynomial(z, coefficients), x))


def _angle(x: Value) -> tuple[Value, Value]:
    """Integer k and r with x = k pi/2 + r."""
    shifted = fma(x, x.like(2 / math.pi), x.like(_MAGIC))
    k = shifted - _MAGIC
    for part in _HALF_PI:
        x = fma(k, x.like(-part), x)
    return shifted.bits("int32"), x


def _turn(value: Value, sign: Value) -> Value:
    """``value`` with its sign turned where bit 1 of an integer is set."""
    return (value.bits("int32") ^ ((sign & 2) << 30)).bits("float32")


def _near(name: str, near: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """A function that is right up to _FAR; beyond, C's library takes over."""

    def call(x: Value) -> Value:
        code = x.code
        result = code.slot(x.dtype, x.lanes)
        result.set(near(x))
        far = _fabs(x) > _FAR
        with code.when(any_lane(far)):
            result.set(select(far, each_lane(name + "f", x), result.get()))
        return result.get()

    return call


def _waves(r: Value) -> tuple[Value, Value]:
    """sin(r) and cos(r) for |r| <= pi/4."""
    z = r * r
    return _odd(r, _SIN), fma(z * z, polynomial(z, _COS), fma(z, z.like(-0.5), z.like(1.0)))


def _sin(x: Value) -> Value:
    k, r = _angle(x)
    sine, cosine = _waves(r)
    result = _turn(select((k & 1).differs(0), cosine, sine), k)
    return select(x.equal(0.0), x, result)


def _cos(x: Value) -> Value:
    k, r = _angle(x)
    sine, cosine = _waves(r)
    return _turn(select((k & 1).differs(0), sine, cosine), k + 1)


def _tan(x: Value) -> Value:
    """In float64, because the quotient would add its rounding to that of the angle."""
    wide = _wide(x)
    k = intrinsic("rint", wide * (2 / math.pi))
    for part in _HALF_PI_WIDE:
        wide = fma(k, wide.like(-part), wide)
    tangent = fma(wide * wide * wide, polynomial(wide * wide, _TAN), wide)
    odd = intrinsic("trunc", k * 0.5).differs(k * 0.5)
    result = _back(select(odd, -1.0 / tangent, tangent))
    return select(x.equal(0.0), x, result)


def _arc(a: Value) -> tuple[Value, Value]:
    """Whether a >= 0 is great, and then asin(sqrt((1 - a) / 2)), else asin(a)."""
    great = a > 0.5
    z = select(great, (1.0 - a) * 0.5, a * a)
    s = select(great, intrinsic("sqrt", z), a)
    return great, fma(s * z, polynomial(z, _ASIN), s)


def _asin(x: Value) -> Value:
    great, arc = _arc(_fabs(x))
    return intrinsic("copysign", select(great, math.pi / 2 - arc * 2.0, arc), x)


def _acos(x: Value) -> Value:
    great, arc = _arc(_fabs(x))
    outer = select(x < 0.0, math.pi - arc * 2.0, arc * 2.0)
    return select(great, outer, math.pi / 2 - intrinsic("copysign", arc, x))


def _arctangent(t: Value) -> Value:
    """atan(t) for 0 <= t <= 1."""
    z = t * t
    return fma(t * z, polynomial(z, _ATAN), t)


def atan(x: Value) -> Value:
    """The angle whose tangent is x."""
    a = _fabs(x)
    steep = a > 1.0
    arc = _arctangent(select(steep, 1.0 / a, a))
    return intrinsic("copysign", select(steep, _HALF_PI[0] - (arc - _HALF_PI[1]), arc), x)


def atan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y)."""
    y64, x64 = _wide(_fabs(y)), _wide(_fabs(x))
    steep = y64 > x64
    low, high = select(steep, x64, y64), select(steep, y64, x64)
    same = low.equal(high)  # also 0 / 0 and inf / inf
    ratio = select(same, select(low.equal(0.0), low, low.like(1.0)), low / high)
    arc = polynomial(ratio * ratio, _ATAN64) * ratio
    arc = select(steep, math.pi / 2 - arc, arc)
    arc = select(x.bits("int32") < 0, math.pi - arc, arc)
    arc = select(x.is_nan() | y.is_nan(), math.nan, arc)
    return intrinsic("copysign", _back(arc), y)


_ATAN64 = (1.0, *_ATAN)


def _wide(x: Value) -> Value:
    return convert(x, "fpext", "float64")


def _back(x: Value) -> Value:
    return convert(x, "fptrunc", "float32")


def _bounded(x: Value) -> Value:
    """|x|, where it is beyond float32's logarithms 200: the result is infinite all the same."""
    a = _fabs(x)
    return select(a > 200.0, 200.0, a)


def _sinh(x: Value) -> Value:
    t = expm1(_bounded(x))
    return intrinsic("copysign", (t + t / (t + 1.0)) * 0.5, x)


def _cosh(x: Value) -> Value:
    power = exp(_bounded(x))
    return (power + 1.0 / power) * 0.5


def _asinh(x: Value) -> Value:
    a = _fabs(x)
    square = a * a
    result = log1p(a + square / (intrinsic("sqrt", square + 1.0) + 1.0))
    return intrinsic("copysign", select(a < math.inf, result, a), x)


def _acosh(x: Value) -> Value:
    above = x - 1.0
    result = log1p(above + intrinsic("sqrt", above * (x + 1.0)))
    return select(x < 1.0, math.nan, result)


def _atanh(x: Value) -> Value:
    a = _fabs(x)
    return intrinsic("copysign", log1p((a + a) / (1.0 - a)) * 0.5, x)


def _hypot(x: Value, y: Value) -> Value:
    result = intrinsic("sqrt", x * x + y * y)
    endless = _fabs(x).equal(math.inf) | _fabs(y).equal(math.inf)
    return select(endless, math.inf, result)  # even beside NaN


def _pow(x: Value, y: Value) -> Value:
    a = _fabs(x)
    result = exp(y * log(a))
    whole = intrinsic("trunc", y).equal(y)
    half = y * 0.5
    odd = whole & intrinsic("trunc", half).differs(half)
    negative = x.bits("int64") < 0
    result = select(negative & odd, -result, result)
    finite = (a > 0.0) & (a < math.inf)
    result = select(negative & finite & ~whole, math.nan, result)
    result = select(a.equal(1.0) & _fabs(y).equal(math.inf), 1.0, result)
    return select(x.equal(1.0) | y.equal(0.0), 1.0, result)


def _erfc(x: Value) -> Value:
    """exp(-x²) (1 + 2|x|) exp(x²) erfc(|x|) / (1 + 2|x|), the middle a polynomial."""
    a = _fabs(x)
    a = select(a > 11.0, 11.0, a)
    q = (a - 4.0) / (a + 4.0)
    tail = exp_negative(-(a * a)) * polynomial(q, _ERFC) / (a + a + 1.0)
    tail = select(x < 0.0, 2.0 - tail, tail)
    near = 1.0 - x * (1.0 + polynomial(x * x, _ERF))
    return select(_fabs(x) < 0.5, near, tail)


def _cube_root(x: Value, start: Value) -> Value:
    """Two of Halley's steps from a start that is right to five bits."""
    for _ in range(2):
        cube = start * start * start
        start = start * (x + x + cube) / (x + cube + cube)
    return start


def cbrt(x: Value) -> Value:
    """The cube root; the start by a third of the exponent, as FreeBSD's msun does."""
    a = _fabs(x)
    small = a < 2.0**-126
    scaled = select(small, a * 2.0**24, a)
    word = scaled.bits("uint32") / 3
    start = (word + select(small, word.like(642849266), word.like(709958130))).bits("float32")
    root = _back(_cube_root(_wide(a), _wide(start)))
    root = select((a > 0.0) & (a < math.inf), root, a)
    return intrinsic("copysign", root, x)


def erf(x: Value) -> Value:
    """The error function: a polynomial up to 1, 1 - exp(polynomial) beyond."""
    a = _fabs(x)
    near = fma(x, polynomial(x * x, _ERF), x)
    clipped = select(a > 4.0, 4.0, a)
    far = 1.0 - exp_negative(-polynomial(clipped, _ERFC_LOG))
    return select(a < 1.0, near, intrinsic("copysign", far, x))


def _in_double(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda *args: _back(function(*map(_wide, args)))


FLOAT32: dict[str, Callable[..., Value]] = {
    "sin": _near("sin", _sin),
    "cos": _near("cos", _cos),
    "tan": _near("tan", _tan),
    "atan": atan,
    "atan2": atan2,
    "erf": erf,
    "cbrt": cbrt,
    "asin": _in_double(_asin),
    "acos": _in_double(_acos),
    "sinh": _in_double(_sinh),
    "cosh": _in_double(_cosh),
    "asinh": _in_double(_asinh),
    "acosh": _in_double(_acosh),
    "atanh": _in_double(_atanh),
    "hypot": _in_double(_hypot),
    "pow": _in_double(_pow),
    "erfc": _in_double(_erfc),
}
