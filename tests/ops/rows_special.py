"""Samples of the gamma, Bessel and normal families; the judge is mpmath, in 30 digits."""

from __future__ import annotations

import mpmath
import numpy as np

from nbdl.ops import bessel, gamma, gaussian
from tests.ops.sample import sample, uniform


def _exact(function):
    """An mpmath function of numbers, on arrays."""

    def judge(*arrays):
        with mpmath.workdps(30):
            value = np.vectorize(lambda *v: float(mpmath.re(function(*v))), otypes=[np.float64])
            return value(*arrays)

    return judge


def _positive(*shape):
    return uniform(0.3, 4.0, *shape)


def _any(*shape):
    x = uniform(-3.0, 3.0, *shape)
    return np.where(np.abs(x) < 0.1, 0.3, x)


def _of(op, function, x=_any, **options):
    return sample(op, x(2, 3), judge=_exact(function), **options)


ROWS = [
    _of(gamma.Lgamma(), lambda x: mpmath.log(abs(mpmath.gamma(x))), _positive),
    sample(gamma.Lgamma(), np.array([-0.5, -1.3, -2.7, 1.0, 30.0]),
           judge=_exact(lambda x: mpmath.log(abs(mpmath.gamma(x))))),
    _of(gamma.Digamma(), mpmath.digamma, _positive),
    sample(gamma.Digamma(), np.array([-0.5, -1.3, -2.7, 1.5, 30.0]), judge=_exact(mpmath.digamma)),
    *[_of(gamma.Polygamma(n), lambda x, n=n: mpmath.polygamma(n, x), _positive, halves=False)
      for n in (1, 2, 3)],
    sample(gamma.Zeta(), uniform(1.5, 4.0, 2, 3), _positive(2, 3), order=0, halves=False,
           judge=_exact(mpmath.zeta)),
    sample(gamma.Igamma(), _positive(2, 3), _positive(2, 3), order=0,
           judge=_exact(lambda a, x: mpmath.gammainc(a, 0, x, regularized=True))),
    sample(gamma.Igammac(), _positive(2, 3), _positive(2, 3), order=0,
           judge=_exact(lambda a, x: mpmath.gammainc(a, x, mpmath.inf, regularized=True))),
    _of(bessel.I0(), lambda x: mpmath.besseli(0, x)),
    _of(bessel.I1(), lambda x: mpmath.besseli(1, x)),
    _of(bessel.I0e(), lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x)),
    _of(bessel.I1e(), lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x)),
    _of(bessel.BesselJ0(), lambda x: mpmath.besselj(0, x)),
    _of(bessel.BesselJ1(), lambda x: mpmath.besselj(1, x)),
    _of(bessel.BesselY0(), lambda x: mpmath.bessely(0, x), _positive),
    _of(bessel.BesselY1(), lambda x: mpmath.bessely(1, x), _positive),
    _of(bessel.ModifiedBesselK0(), lambda x: mpmath.besselk(0, x), _positive),
    _of(bessel.ModifiedBesselK1(), lambda x: mpmath.besselk(1, x), _positive),
    _of(bessel.ScaledModifiedBesselK0(), lambda x: mpmath.exp(x) * mpmath.besselk(0, x), _positive),
    _of(bessel.ScaledModifiedBesselK1(), lambda x: mpmath.exp(x) * mpmath.besselk(1, x), _positive),
    _of(gaussian.Ndtr(), mpmath.ncdf),
    _of(gaussian.LogNdtr(), lambda x: mpmath.log(mpmath.ncdf(x))),
    sample(gaussian.LogNdtr(), np.array([-30.0, -10.0, 5.0]), halves=False,
           judge=_exact(lambda x: mpmath.log(mpmath.ncdf(x)))),
    _of(gaussian.Ndtri(), lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1),
        lambda *shape: uniform(0.1, 0.9, *shape)),
    _of(gaussian.Erfcx(), lambda x: mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(x),
        lambda *shape: uniform(-1.0, 3.0, *shape)),
]  # fmt: skip
