"""Samples of the quantiles of the gamma distribution; the judge searches with mpmath."""

from __future__ import annotations

import mpmath
import numpy as np

from nbdl.ops import quantiles
from tests.ops.sample import sample, uniform


def _quantile(a, u):
    with mpmath.workdps(30):
        def excess(x):
            return mpmath.gammainc(a, 0, x, regularized=True) - u

        return float(mpmath.findroot(excess, (1e-9, 60), solver="anderson", tol=1e-25))


_a, _u = uniform(0.5, 4.0, 2, 3), uniform(0.1, 0.9, 2, 3)
ROWS = [
    sample(quantiles.GammaQuantile(), _a, _u, order=1, halves=False, slack=4,
           judge=np.vectorize(_quantile, otypes=[np.float64])),
    # The slope is judged as the gradient of the quantile above.
    sample(quantiles.GammaQuantileSlope(), _a, _u, order=0, halves=False, judge=None),
]  # fmt: skip
