"""Special functions in units of the last place, against Python's own (float64)."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl


def worst_ulps(function, exact, points: np.ndarray) -> float:
    found = function(nbdl.asarray(points)).numpy()
    right = np.array([exact(float(x)) for x in points])
    kind = points.dtype.type
    unit = np.spacing(np.abs(right).astype(kind)).astype(np.float64)
    return float((np.abs(found.astype(np.float64) - right) / unit).max())


POINTS = np.concatenate([
    np.linspace(-6, 6, 20_001),
    np.linspace(0.46, 0.48, 501),  # where one approximation takes over from the other
    np.linspace(3.99, 4.01, 501),
    np.geomspace(1e-300, 1, 301),
])  # fmt: skip


def test_erf_to_four_ulp() -> None:
    assert worst_ulps(nbdl.erf, math.erf, POINTS) <= 4


def test_erfc_to_a_few_ulp_down_to_its_smallest_values() -> None:
    points = np.linspace(-6, 26, 20_001)  # erfc(26) is 6e-296
    assert worst_ulps(nbdl.erfc, math.erfc, points) <= 6


def test_float32() -> None:
    points = POINTS[POINTS != 1e-300].astype(np.float32)
    points = points[(points == 0) | (np.abs(points) > 1e-37)]
    assert worst_ulps(nbdl.erf, math.erf, points) <= 8
    assert np.abs(nbdl.erf(nbdl.asarray(points)).numpy()).max() == 1
    assert worst_ulps(nbdl.erfc, math.erfc, points) <= 0.51


def test_erfinv_undoes_erf() -> None:
    x = np.linspace(-0.999999, 0.999999, 10_001)
    back = nbdl.erf(nbdl.erfinv(nbdl.asarray(x))).numpy()
    assert np.abs(back - x).max() < 4e-16
    tiny = np.geomspace(1e-300, 1e-3, 50)
    assert np.allclose(nbdl.erfinv(nbdl.asarray(tiny)).numpy(), tiny * math.sqrt(math.pi) / 2,
                       rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (nbdl.erf, [math.inf, -math.inf, 0.0], [1, -1, 0]),
        (nbdl.erfc, [math.inf, -math.inf, 0.0], [0, 2, 1]),
        (nbdl.erfinv, [1.0, -1.0, 0.0], [math.inf, -math.inf, 0]),
        (nbdl.sinc, [0.0, 1.0], [1, 3.8981718e-17]),
    ],
)
def test_ends(function, x, expected) -> None:
    assert np.allclose(function(nbdl.tensor(np.array(x))).numpy(), expected)
    assert np.isnan(function(nbdl.tensor(math.nan)).item())
    assert np.isnan(nbdl.erfinv(nbdl.tensor(1.5)).item())


def test_minus_zero_stays_minus_zero() -> None:
    for function in (nbdl.erf, nbdl.erfinv):
        assert np.signbit(function(nbdl.tensor(-0.0)).item())
