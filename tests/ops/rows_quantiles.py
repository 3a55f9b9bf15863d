"""Samples of the quantiles of the gamma distribution; the judge searches with mpmath."""

from __future__ import annotations

import mpmath
import numpy as np

from nbdl.ops import quantiles
from tests.ops.sample import sample, uniform


def _quantile(a, u):
    """By halving an interval: 80 times leave 1e-22 of it."""
    low, high = mpmath.mpf(0), mpmath.mpf(60)
    with mpmath.workdps(30):
        for _ in range(80):
            middle = (low + high) / 2
            below = mpmath.gammainc(a, 0, middle, regularized=True) < u
            low, high = (middle, high) if below else (low, middle)
    return float(low)


_a, _u = uniform(0.5, 4.0, 2, 3), uniform(0.1, 0.9, 2, 3)
ROWS = [
    sample(quantiles.GammaQuantile(), _a, _u, order=1, halves=False, slack=4,
           judge=np.vectorize(_quantile, otypes=[np.float64])),
    # The slope is judged as the gradient of the quantile above.
    sample(quantiles.GammaQuantileSlope(), _a, _u, order=0, halves=False, judge=None),
]  # fmt: skip
