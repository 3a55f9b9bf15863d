"""Sums of large arrays: every order of axes and memory, as exact as float32 allows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nbdl.ops.sums import sum_of


def arrays() -> list[np.ndarray]:
    """The same numbers in several orders in memory."""
    x = np.random.default_rng(0).standard_normal((6, 40, 7, 60)).astype(np.float32) + 1
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return [x, last, np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2], x[:, ::-1]]


AXES = [axes for n in range(1, 5) for axes in itertools.combinations(range(4), n)]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("place", range(5))
def test_any_axes_in_any_memory(axes: tuple[int, ...], place: int) -> None:
    x = arrays()[place]
    exact = x.astype(np.float64)
    for times, whole in ((None, exact), (x, exact * exact)):
        y = sum_of(np, x, axes, times=times)
        expected = whole.sum(axis=axes)
        assert y.dtype == np.float32
        # Rounding errors of n additions add up like the steps of a random walk.
        bound = np.sqrt(x.size / y.size) * 2.0**-23 * np.abs(whole).sum(axis=axes)
        assert np.all(np.abs(y - expected) <= bound)
        kept = sum_of(np, x, axes, True, times)
        np.testing.assert_array_equal(kept, np.expand_dims(y, axes))


def test_a_long_row_keeps_its_digits() -> None:
    x = np.full(3_000_001, 0.1, np.float32)
    exact = float(np.float32(0.1)) * x.size
    assert abs(float(sum_of(np, x, (0,))) - exact) < 1e-5 * exact
    assert abs(float(sum_of(np, x, (0,), times=np.ones_like(x))) - exact) < 1e-5 * exact


def test_nan_and_infinity_reach_only_their_own_sums() -> None:
    x = np.ones((100, 100), np.float32)
    x[3, 4], x[5, 6] = np.nan, np.inf
    rows = sum_of(np, x, (1,))
    assert np.isnan(rows[3])
    assert np.isposinf(rows[5])
    assert np.isfinite(np.delete(rows, [3, 5])).all()


def test_no_elements_and_other_dtypes_are_numpys() -> None:
    assert sum_of(np, np.ones((0, 3), np.float32), (0,)).tolist() == [0, 0, 0]
    assert sum_of(np, np.ones((200, 100), np.int64), (0, 1)) == 20_000
    assert sum_of(np, np.ones((200, 100), np.complex64), (0, 1)) == 20_000
