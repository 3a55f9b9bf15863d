"""Quick ways to choose and to cut off give what NumPy's plain ones give."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import dtypes
from nbdl.ops.numerics import chosen, clipped


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int8", "complex64"])
def test_chosen_is_where(size: int, dtype: str) -> None:
    random = np.random.default_rng(0)
    x, y = (random.integers(-9, 9, (4, size)).astype(dtype) for _ in "xy")
    if x.dtype.kind == "f":
        x[0, :3], y[1, :3] = [np.nan, np.inf, -0.0], [np.nan, -np.inf, -0.0]
    for mask in (random.random((4, size)) > 0.5, random.random(size) > 0.5):
        for a, b in ((x, y), (x, y[:, :1]), (x[0], y), (x, x.dtype.type(0)), (x.dtype.type(1), y)):
            result = chosen(np, mask, a, b)
            expected = np.where(mask, a, b)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)
    wider = random.random((2, 4, size)) > 0.5
    np.testing.assert_array_equal(chosen(np, wider, x, y), np.where(wider, x, y))


@pytest.mark.parametrize("size", [5, 5000])
def test_clipped_keeps_nan_and_dtype(size: int) -> None:
    for dtype in (np.dtype("float32"), np.dtype("float64"), dtypes.bfloat16, np.dtype("int64")):
        x = np.linspace(-5, 5, size).astype(dtype)
        assert clipped(np, x, -2, 3).dtype == dtype
        np.testing.assert_array_equal(
            clipped(np, x, -2, 3).astype(float), x.astype(float).clip(-2, 3)
        )
    x = np.full(size, np.nan, np.float32)
    assert np.isnan(clipped(np, x, 0, np.inf)).all()
