"""Samples of arithmetic, powers, exponentials, trigonometry, rounding and special functions."""

from __future__ import annotations

import math

import numpy as np

from nbdl.ops import arithmetic, exponential, loss, powers, rounding, special, trigonometry
from tests.ops.sample import integers, normal, sample, uniform

_erf, _erfc = (np.vectorize(f, otypes=[np.float64]) for f in (math.erf, math.erfc))


def _binary(op, judge, x=None, y=None, **options):
    """Equal shapes, and the two kinds of broadcasting."""
    return [
        sample(op, normal(2, 3) if x is None else x(2, 3), normal(2, 3) if y is None else y(2, 3),
               judge=judge, **options),
        sample(op, normal(2, 1) if x is None else x(2, 1), normal(3) if y is None else y(3),
               judge=judge, **options),
    ]  # fmt: skip


def _positive(*shape):
    return uniform(0.3, 2.0, *shape)


def _inside(*shape):
    return uniform(-0.9, 0.9, *shape)


def _share(*shape):
    return uniform(0.1, 0.9, *shape)


def _binary_cross_entropy(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def _off_grid(*shape):
    """Away from whole numbers, where rounding jumps."""
    return integers(-3, 3, *shape) + uniform(0.1, 0.4, *shape)


def _two_sided_remainder(*shape):
    return np.where(normal(*shape) > 0, 1.7, -1.3)


ROWS = [
    *_binary(arithmetic.Add(), np.add),
    *_binary(arithmetic.Subtract(), np.subtract),
    *_binary(arithmetic.Multiply(), np.multiply),
    *_binary(arithmetic.Divide(), np.divide),
    sample(arithmetic.Add(), integers(-5, 5, 4), integers(-5, 5, 4), judge=np.add),
    sample(arithmetic.Negative(), normal(2, 3), judge=np.negative),
    sample(arithmetic.Exp(), normal(2, 3), judge=np.exp),
    sample(arithmetic.Log(), _positive(2, 3), judge=np.log),
    sample(arithmetic.Conj(), normal(2, 3), judge=np.conj),
    sample(arithmetic.Conj(), normal(3) + 1j * normal(3), judge=np.conj),
    sample(arithmetic.Real(), normal(3) + 1j * normal(3), judge=np.real),
    sample(arithmetic.Imag(), normal(3) + 1j * normal(3), judge=np.imag),
    *_binary(loss.BinaryCrossEntropy(), _binary_cross_entropy, _share, _share),
    *_binary(powers.Power(), np.power, _positive),
    sample(powers.Power(), normal(4), np.array([2.0, 3.0, 1.0, -1.0]), judge=np.power, order=0),
    sample(powers.Square(), normal(2, 3), judge=np.square),
    sample(powers.Sqrt(), _positive(2, 3), judge=np.sqrt),
    sample(powers.Rsqrt(), _positive(2, 3), judge=lambda x: 1 / np.sqrt(x)),
    sample(powers.Cbrt(), normal(2, 3), judge=np.cbrt),
    sample(powers.Reciprocal(), normal(2, 3) + 1, judge=np.reciprocal),
    *_binary(powers.Hypot(), np.hypot),
    sample(exponential.Log1p(), _positive(2, 3), judge=np.log1p),
    sample(exponential.Expm1(), normal(2, 3), judge=np.expm1),
    sample(exponential.Exp2(), normal(2, 3), judge=np.exp2),
    sample(exponential.Log2(), _positive(2, 3), judge=np.log2),
    sample(exponential.Log10(), _positive(2, 3), judge=np.log10),
    *_binary(exponential.Logaddexp(), np.logaddexp),
    *_binary(exponential.Xlogy(), lambda x, y: x * np.log(y), y=_positive),
    *_binary(exponential.Xlog1py(), lambda x, y: x * np.log1p(y), y=_positive),
    sample(trigonometry.Sin(), normal(2, 3), judge=np.sin),
    sample(trigonometry.Cos(), normal(2, 3), judge=np.cos),
    sample(trigonometry.Tan(), _inside(2, 3), judge=np.tan),
    sample(trigonometry.Asin(), _inside(2, 3), judge=np.arcsin),
    sample(trigonometry.Acos(), _inside(2, 3), judge=np.arccos),
    sample(trigonometry.Atan(), normal(2, 3), judge=np.arctan),
    sample(trigonometry.Sinh(), normal(2, 3), judge=np.sinh),
    sample(trigonometry.Cosh(), normal(2, 3), judge=np.cosh),
    sample(trigonometry.Tanh(), normal(2, 3), judge=np.tanh),
    sample(trigonometry.TanhGrad(), normal(2, 3), uniform(-0.9, 0.9, 2, 3),
           judge=lambda dy, y: dy / np.cosh(np.arctanh(y)) ** 2),
    sample(trigonometry.Asinh(), normal(2, 3), judge=np.arcsinh),
    sample(trigonometry.Acosh(), uniform(1.2, 3.0, 2, 3), judge=np.arccosh),
    sample(trigonometry.Atanh(), _inside(2, 3), judge=np.arctanh),
    *_binary(trigonometry.Atan2(), np.arctan2),
    sample(rounding.Abs(), normal(2, 3), judge=np.abs),
    sample(rounding.Sign(), normal(2, 3), judge=np.sign),
    *_binary(rounding.Copysign(), np.copysign),
    sample(rounding.Floor(), _off_grid(2, 3), judge=np.floor),
    sample(rounding.Ceil(), _off_grid(2, 3), judge=np.ceil),
    sample(rounding.Round(), _off_grid(2, 3), judge=np.round),
    sample(rounding.RoundTo(2), _off_grid(2, 3) / 100, judge=lambda x: np.round(x, 2), order=1),
    sample(rounding.RoundTo(-1), _off_grid(2, 3) * 10, judge=lambda x: np.round(x, -1), order=1),
    sample(rounding.Trunc(), _off_grid(2, 3), judge=np.trunc),
    *_binary(rounding.FloorDivide(), np.floor_divide, _off_grid, _two_sided_remainder),
    sample(rounding.FloorDivide(), integers(-9, 9, 6), np.array([1, 2, 3, -2, -3, 5]),
           judge=np.floor_divide),
    *_binary(rounding.Remainder(), np.remainder, _off_grid, _two_sided_remainder),
    *_binary(rounding.Fmod(), np.fmod, _off_grid, _two_sided_remainder),
    sample(rounding.Nextafter(), normal(4), normal(4), judge=None, halves=False),
    sample(special.Erf(), normal(2, 3), judge=_erf),
    sample(special.Erfc(), normal(2, 3), judge=_erfc),
    sample(special.Erfinv(), _inside(2, 3),
           judge=lambda x: np.array(_bisected(math.erf, x.reshape(-1))).reshape(x.shape)),
    sample(special.Sinc(), normal(2, 3), judge=np.sinc),
    sample(special.Sinc(), np.array([0.0, 1e-3, -2e-2, 0.03]), judge=np.sinc),
]  # fmt: skip


def _bisected(function, values):
    """The arguments for which a rising function gives ``values``."""
    found = []
    for v in values:
        low, high = -6.0, 6.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if function(middle) < v else (low, middle)
        found.append((low + high) / 2)
    return found
