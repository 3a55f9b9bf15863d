"""Vector maths: float32 on all its exponents within 2 units in the last place, float64 within 3."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.special

from nbdl.backends.kernels.functions import FUNCTIONS
from nbdl.testing.kernels import KERNEL_FUNCTIONS
from tests.backends.kernels.reference import Builder, execute


def _sigmoid(x: np.ndarray) -> np.ndarray:
    power = np.exp(-np.abs(x))
    return np.where(x < 0, power, 1) / (1 + power)


IN_FLOAT64 = {
    **{name: function for name, function in KERNEL_FUNCTIONS.items() if name in FUNCTIONS},
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "sigmoid": _sigmoid,
}
TWO = {"atan2", "hypot", "pow"}


def compute(name: str, *xs: np.ndarray) -> np.ndarray:
    dtype = str(xs[0].dtype)
    k = Builder(1, 0, "outer")
    k.store(k(name, *(k.load(k.array(dtype, "1")) for _ in xs)), "1")
    out = np.zeros_like(xs[0])
    execute(k.kernel(), out.shape, [*xs, out])
    return out


def all_exponents(seed: int = 0) -> np.ndarray:
    """Mantissas of each of the 256 exponents and both signs, the least and greatest among them."""
    rng = np.random.default_rng(seed)
    bits = np.arange(256, dtype=np.uint32)[:, None] << 23
    bits = bits | rng.integers(0, 2**23, (256, 150), dtype=np.uint32)
    bits[:, 0] &= 0xFF800000
    bits[:, 1] = (bits[:, 1] & 0xFF800000) | 1
    bits[:, 2] |= 0x7FFFFF
    both = np.concatenate([bits.reshape(-1), bits.reshape(-1) | np.uint32(0x80000000)])
    ordinary = [rng.uniform(-r, r, 30000).astype(np.float32) for r in (1.5, 20, 110)]
    return np.concatenate([both.view(np.float32), *ordinary])


def worst(got: np.ndarray, exact: np.ndarray) -> float:
    """The greatest error in units in the last place; infinite where the kind of number differs."""
    with np.errstate(all="ignore"):
        expected = exact.astype(np.float32)
        unit = np.spacing(np.maximum(np.abs(expected), np.float32(2.0**-126))).astype(np.float64)
        error = np.abs(got.astype(np.float64) - exact) / unit
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    error = np.where(np.isfinite(expected), error, np.where(same, 0, np.inf))
    return float(np.where(np.isnan(error), np.inf, error).max())


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - TWO))
def test_float32_is_right_on_all_exponents(name):
    x = all_exponents()
    with np.errstate(all="ignore"):
        exact = IN_FLOAT64[name](x.astype(np.float64))
    got = compute(name, x)
    assert worst(got, exact) <= 2
    number = ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(exact)[number])


@pytest.mark.parametrize("name", sorted(TWO))
def test_functions_of_two_numbers(name):
    rng = np.random.default_rng(0)
    specials = [0.0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e-45, 1e30]
    grid = np.meshgrid(np.array(specials, "f4"), np.array(specials, "f4"))
    x, y = (
        np.concatenate([all_exponents(seed)[rng.permutation(90000)], part.reshape(-1)])
        for seed, part in enumerate(grid)
    )
    x[:20000], y[:30000] = np.abs(x[:20000]), rng.uniform(-9, 9, 30000)
    y[:10000] = np.rint(y[:10000])
    with np.errstate(all="ignore"):
        exact = IN_FLOAT64[name](x.astype(np.float64), y.astype(np.float64))
    got = compute(name, x, y)
    assert worst(got, exact) <= 2
    number = ~np.isnan(exact)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(exact)[number])


EXACT = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
}


@pytest.mark.parametrize("name", sorted(EXACT))
def test_float64_on_a_sample_of_exponents(name):
    rng = np.random.default_rng(0)
    bits = np.arange(1, 2047, 9, dtype=np.uint64) << 52 | rng.integers(0, 2**52, 228, np.uint64)
    x = np.concatenate([bits.view(np.float64), -bits.view(np.float64), rng.uniform(-9, 9, 200)])
    with np.errstate(all="ignore"):
        near = IN_FLOAT64[name](x)
    keep = np.isfinite(near) & (near != 0) & (np.abs(x) < 1e4)
    x, near = x[keep], near[keep]
    unit = np.spacing(np.maximum(np.abs(near), 2.0**-1022))
    with mpmath.workprec(200):
        for value, got, one in zip(x, compute(name, x), unit, strict=True):
            error = abs(mpmath.mpf(float(got)) - EXACT[name](mpmath.mpf(float(value))))
            assert error <= 3 * mpmath.mpf(float(one)), value


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_float64_specials_are_those_of_numpy(name):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1, -1, 0.5, 800, -800])
    xs = np.meshgrid(x, x) if name in TWO else [x]
    xs = [np.ascontiguousarray(part.reshape(-1)) for part in xs]
    with np.errstate(all="ignore"):
        expected = IN_FLOAT64[name](*xs)
    np.testing.assert_allclose(compute(name, *xs), expected, rtol=1e-15, atol=5e-324)


def test_angles_far_away_are_right_beside_near_ones():
    x = np.array([1.0, 1e6, 3e38, 2.0, np.inf, np.nan, 32768.0, 32769.0], np.float32)
    for name in ("sin", "cos", "tan"):
        with np.errstate(all="ignore"):
            exact = IN_FLOAT64[name](x.astype(np.float64))
        assert worst(compute(name, x), exact) <= 2


def test_tanh_ends_at_one():
    """1 + tanh(x) and 1 - tanh(x)² are 0 there, however large what they are multiplied with."""
    x = np.array([9.2, 20, 1e30, np.inf], np.float32)
    for dtype in ("float32", "float64"):
        wide = (x * 3).astype(dtype)
        assert (compute("tanh", wide) == 1).all()
        assert (compute("tanh", -wide) == -1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - TWO))
def test_values_at_the_ends_are_exact(name, dtype):
    x = np.array([0.0, np.inf, -np.inf], dtype)
    with np.errstate(all="ignore"):
        exact = IN_FLOAT64[name](x.astype(np.float64)).astype(dtype)
    np.testing.assert_array_equal(compute(name, x), exact)
