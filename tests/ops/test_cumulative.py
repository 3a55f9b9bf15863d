"""Running sums of large arrays, which go slice by slice, are NumPy's bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import dtypes


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16", "complex64"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((50, 200), 0), ((3, 50, 80), 1), ((3, 50, 80), 2), ((1, 99), 0), ((0, 9), 0)],
)
def test_running_sum_is_numpys(dtype: str, shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    expected = np.cumsum(x, axis=axis, dtype=dtypes.accumulator(x.dtype)).astype(dtype)
    for values in (x, np.asfortranarray(x)):
        np.testing.assert_array_equal(nbdl.cumsum(nbdl.tensor(values), axis).numpy(), expected)
