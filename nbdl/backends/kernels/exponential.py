"""Exponentials and logarithms of vectors, float32 and float64, without branches.

The reductions of the argument are those of Cody and Waite, "Software Manual for the Elementary
Functions", 1980, and of FreeBSD's msun (for log's f and k, and float64's odd series). The
polynomials were fitted for this file: least squares at Chebyshev points with 40 digits, weighted
by the relative error and reweighted until it is level (Lawson's iteration). float32 results
are within 2 units in the last place, subnormal numbers, infinities and NaN included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nbdl.backends.kernels.arithmetic import convert
from nbdl.backends.kernels.ir import BITS, Value, intrinsic, select


@dataclass(frozen=True)
class _Format:
    """What differs between float32 and float64."""

    integer: str  # of as many bits
    fraction: int  # bits of the fraction
    magic: float  # 1.5 · 2^fraction: what is added to it is rounded to an integer
    ln2: tuple[float, float]  # a part with few bits, and the rest
    range: tuple[float, float]  # exp is 0 below and infinite above
    deep: float  # expm1 is -1 below, and 1 - 2 exp(x) is 1
    exp: tuple[float, ...]  # (exp(r) - 1 - r) / r² for |r| <= ln(2) / 2
    root: int  # the bits of sqrt(1/2)
    tiny: float  # the least normal number


_FORMATS = {
    "float32": _Format(
        integer="int32", fraction=23, magic=12582912.0,
        ln2=(0.693145751953125, 1.4286068203094173e-06), range=(-104.0, 89.0), deep=-19.0,
        exp=(0.5, 0.16666666, 0.04166636, 0.00833339, 0.001394072, 0.00019845885),
        root=0x3F3504F3, tiny=2.0**-126,
    ),
    "float64": _Format(
        integer="int64", fraction=52, magic=6755399441055744.0,
        ln2=(6.93147180369123816490e-1, 1.90821492927058770002e-10), range=(-746.0, 710.0),
        deep=-40.0,
        exp=(0.5, 0.16666666666666646, 0.04166666666666714, 0.00833333333334674,
             0.0013888888888739152, 0.00019841269809554383, 2.480158752537495e-05,
             2.7557354764969247e-06, 2.7557143590435706e-07, 2.5033076595065032e-08,
             2.094711699334017e-09, 1.9986445533935867e-10),
        root=0x3FE6A09E667F3BCD, tiny=2.0**-1022,
    ),
}  # fmt: skip

_LOG32 = (0.33333313, -0.2500001, 0.20002124, -0.16668005, 0.14219452, -0.124053404, 0.118886985,
          -0.11677515, 0.067477256)  # fmt: skip
_LOG64 = (0.6666666666666735, 0.39999999999412933, 0.2857142874280864, 0.2222219852708173,
          0.1818356685253736, 0.15313982992008224, 0.1479665177922925)  # fmt: skip

_TANH = {  # (tanh(x) - x) / x³ in x² for |x| <= 0.55
    "float32": (-0.33333316, 0.13332586, -0.05385231, 0.021071678, -0.0062742387),
    "float64": (-0.33333333333333276, 0.1333333333332283, -0.05396825396160711,
                0.021869488325619576, -0.008863231637174812, 0.003592082511364311,
                -0.0014554829094357582, 0.000588203183300517, -0.0002327803329728625,
                8.247197549440501e-05, -1.8983458772358533e-05),
}  # fmt: skip


def fma(x: Value, y: Value, z: Value) -> Value:
    """x · y + z, rounded once where the processor can do that fast."""
    return intrinsic("fmuladd", x, y, z)


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x² + …, by Horner's rule."""
    total = x.like(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, x.like(coefficient))
    return total


def _reduced(x: Value) -> tuple[Value, Value]:
    """Integer k and r with x = k ln(2) + r, |r| <= ln(2) / 2."""
    form = _FORMATS[x.dtype]
    shifted = fma(x, x.like(1 / math.log(2)), x.like(form.magic))
    k = shifted - form.magic
    r = fma(k, x.like(-form.ln2[0]), x)
    return _integer(shifted), fma(k, x.like(-form.ln2[1]), r)


def _integer(shifted: Value) -> Value:
    """The integer that was rounded by adding the magic number."""
    form = _FORMATS[shifted.dtype]
    return shifted.bits(form.integer) - shifted.like(form.magic).bits(form.integer)


def _power(k: Value, dtype: str) -> Value:
    """2 to the integer k, which must be that of a normal number."""
    form = _FORMATS[dtype]
    bias = (1 << (BITS[dtype] - form.fraction - 2)) - 1
    return ((k + bias) << form.fraction).bits(dtype)


def scale(x: Value, k: Value) -> Value:
    """x · 2^k, also where that is subnormal or infinite, for |x| near 1."""
    half = k >> 1
    return x * _power(half, x.dtype) * _power(k - half, x.dtype)


def _exp_series(r: Value) -> Value:
    """exp(r)."""
    return fma(r * r, polynomial(r, _FORMATS[r.dtype].exp), r) + 1.0


def exp(x: Value) -> Value:
    """e to the power x."""
    least, greatest = _FORMATS[x.dtype].range
    x = select(x > greatest, greatest, x)
    k, r = _reduced(select(x < least, least, x))
    return scale(_exp_series(r), k)


def exp_negative(x: Value) -> Value:
    """exp of what is not positive and not so far below 0 that the result is subnormal."""
    k, r = _reduced(x)
    return _exp_series(r) * _power(k, x.dtype)


def exp2(x: Value) -> Value:
    """2 to the power x."""
    form = _FORMATS[x.dtype]
    limit = 1.5 * 2 ** (BITS[x.dtype] - form.fraction - 2)
    x = select(x > limit, limit, x)
    x = select(x < -limit, -limit, x)
    shifted = x + form.magic
    r = (x - (shifted - form.magic)) * math.log(2)
    return scale(_exp_series(r), _integer(shifted))


def expm1(x: Value) -> Value:
    """exp(x) - 1, precise near 0."""
    form = _FORMATS[x.dtype]
    clipped = select(x > form.range[1], form.range[1], x)
    k, r = _reduced(select(clipped < form.deep, form.deep, clipped))
    half = _power(k - 1, x.dtype)  # 2^k would be infinite at the end of the range
    series = fma(r * r, polynomial(r, form.exp), r)
    result = fma(half, series, half - 0.5) * 2.0
    return select(intrinsic("fabs", x) < 2.0 ** -(form.fraction + 3), x, result)


def tanh(x: Value) -> Value:
    """The hyperbolic tangent: a polynomial, or from where it is 1/2 on 1 less what it lacks."""
    a = intrinsic("fabs", x)
    z = a * a
    near = fma(a * z, polynomial(z, _TANH[x.dtype]), a)
    deep = _FORMATS[x.dtype].deep
    twice = a * -2.0
    power = exp_negative(select(twice < deep, deep, twice))
    far = 1.0 - power * 2.0 / (power + 1.0)
    return intrinsic("copysign", select(a < 0.55, near, far), x)


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x)), precise on both sides."""
    least = _FORMATS[x.dtype].range[0]
    below = -intrinsic("fabs", x)
    k, r = _reduced(select(below < least, least, below))
    power = scale(_exp_series(r), k)
    ratio = power / (power + 1.0)
    return select(x < 0.0, fma(-power, ratio, power), 1.0 - ratio)


def _split(x: Value) -> tuple[Value, Value]:
    """k (floating) and f with x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for x > 0."""
    form = _FORMATS[x.dtype]
    small = x < form.tiny
    up = float(2**form.fraction)
    bits = select(small, x * up, x).bits(form.integer) - form.root
    k = convert(bits >> form.fraction, "sitofp", x.dtype)
    k = k - select(small, x.like(form.fraction), x.like(0.0))
    f = ((bits & ((1 << form.fraction) - 1)) + form.root).bits(x.dtype) - 1.0
    return k, f


def _log_series(f: Value) -> Value:
    """log(1 + f) - f."""
    square = f * f
    if f.dtype == "float32":
        return fma(square * f, polynomial(f, _LOG32), square * -0.5)
    s = f / (f + 2.0)
    z = s * s
    half = square * 0.5
    return s * (half + z * polynomial(z, _LOG64)) - half


def _finish(x: Value, result: Value) -> Value:
    """A logarithm of x, right also where x is not positive, infinite or NaN."""
    result = select(x < math.inf, result, x)
    result = select(x < 0.0, math.nan, result)
    return select(x.equal(0.0), -math.inf, result)


def log(x: Value) -> Value:
    """The natural logarithm."""
    k, f = _split(x)
    high, low = _FORMATS[x.dtype].ln2
    rest = fma(k, x.like(low), _log_series(f))
    return _finish(x, fma(k, x.like(high), f + rest))


def log1p(x: Value) -> Value:
    """log(1 + x), precise near 0."""
    u = x + 1.0
    lost = (x - (u - 1.0)) / u  # what rounding u took away
    k, f = _split(u)
    high, low = _FORMATS[x.dtype].ln2
    rest = fma(k, x.like(low), _log_series(f)) + lost
    result = fma(k, x.like(high), f + rest)
    result = select(intrinsic("fabs", x) < 2.0 ** -(_FORMATS[x.dtype].fraction + 3), x, result)
    return _finish(u, result)


def _log_to(x: Value, per_e: tuple[float, float], per_2: tuple[float, float]) -> Value:
    """A logarithm to another base; both factors in two parts."""
    k, f = _split(x)
    rest = _log_series(f)
    low = fma(k, x.like(per_2[1]), fma(rest, x.like(per_e[0]), f * per_e[1]))
    return _finish(x, fma(k, x.like(per_2[0]), fma(f, x.like(per_e[0]), low)))


def log2(x: Value) -> Value:
    """The logarithm to base 2."""
    parts = {"float32": (1.4426950216293335, 1.9259629911266175e-08),
             "float64": (1.4426950408889634, 2.0355273740931033e-17)}  # fmt: skip
    return _log_to(x, parts[x.dtype], (1.0, 0.0))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    per_e = {"float32": (0.4342944920063019, -1.0103050052231683e-08),
             "float64": (0.4342944819032518, 1.098319650216765e-17)}  # fmt: skip
    per_2 = {"float32": (0.301025390625, 4.605038981195214e-06),
             "float64": (0.30102999566361177, 3.694239077158931e-13)}  # fmt: skip
    return _log_to(x, per_e[x.dtype], per_2[x.dtype])
