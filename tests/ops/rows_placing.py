"""Samples of what combines elements by index, replaces NaN, builds complex numbers, divides."""

from __future__ import annotations

import math

import numpy as np

from nbdl.ops import complex_numbers, integers, scatter_reduction, without_nan
from tests.ops.sample import distinct, normal, sample
from tests.ops.sample import integers as whole

_index = np.array([[0, 1, 1, 2], [2, 2, 0, 0]])


def _combined(function):
    """Element by element, along axis 1."""

    def judge(x, index, source):
        y = x.copy()
        for i, j in np.ndindex(index.shape):
            y[i, index[i, j]] = function(y[i, index[i, j]], source[i, j])
        return y

    return judge


def _pair(rule, function, **options):
    return sample(rule(1), distinct(2, 3), _index, distinct(2, 4) + 0.05,
                  judge=_combined(function), **options)  # fmt: skip


ROWS = [
    _pair(scatter_reduction.ScatterMax, max),
    _pair(scatter_reduction.ScatterMin, min),
    sample(scatter_reduction.ScatterProd(1), normal(2, 3), _index, normal(2, 4),
           judge=_combined(lambda a, b: a * b)),
    sample(scatter_reduction.ScatterProd(1), np.array([[0.0, 2.0, 3.0]]), np.array([[0, 1, 1]]),
           np.array([[4.0, 0.0, 5.0]]), judge=_combined(lambda a, b: a * b), order=1),
    sample(without_nan.NanToNum(0.5, 7.0, -7.0), normal(2, 3),
           judge=lambda x: np.nan_to_num(x, nan=0.5, posinf=7.0, neginf=-7.0)),
    sample(without_nan.NanToNum(0.0, 1.0, -1.0), np.array([math.nan, math.inf, -math.inf, 2.0]),
           judge=lambda x: np.nan_to_num(x, nan=0.0, posinf=1.0, neginf=-1.0), order=0),
    sample(complex_numbers.Complex(), normal(2, 3), normal(2, 3), halves=False, order=0,
           judge=lambda x, y: x + 1j * y),
    sample(integers.Gcd(), whole(-20, 20, 2, 3), whole(-20, 20, 3), judge=np.gcd),
    sample(integers.Lcm(), whole(-20, 20, 2, 3), whole(-20, 20, 3), judge=np.lcm),
    sample(integers.Heaviside(), np.array([-1.0, 0.0, 2.0, math.nan]), normal(4),
           judge=np.heaviside),
]  # fmt: skip
