"""Random numbers and rows added by index, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import dtypes
from nbdl.backends.kernels.program import WIDTH
from nbdl.backends.kernels.runtime import Walk, parallel_address, tasks_for
from nbdl.backends.kernels.special import (
    PHILOX_BLOCK,
    philox_uniform,
    scatter_add_rows,
)
from nbdl.ops.random import RandomUniform


def philox_args(key: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.array([key.ctypes.data, target.ctypes.data, target.size], np.int64)


def scatter_args(dst: np.ndarray, idx: np.ndarray, src: np.ndarray) -> np.ndarray:
    sizes = [dst.shape[0], src.shape[0], src.shape[1]]
    strides = [dst.strides[0] // dst.itemsize, src.strides[0] // src.itemsize]
    return np.array([*sizes, *(a.ctypes.data for a in (dst, idx, src)), *strides], np.int64)


def execute(address: int, args: np.ndarray, blocks: int, threads: int) -> None:
    batch = tasks_for(address, args, blocks, threads)
    assert Walk([(parallel_address(), batch.ctypes.data, 0, 0, 0)], [batch])() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 5000])
@pytest.mark.parametrize("key", [(0, 0), (12345678901234567890, 2**64 - 1)])
def test_uniform_numbers_have_the_bits_of_the_operation(dtype, size, key):
    key = np.array(key, np.uint64)
    expected = RandomUniform((size,), dtypes.as_dtype(dtype)).forward(np, key)
    room = np.full(size + 3, 7, dtype)
    for threads in (1, 2):
        args = philox_args(key, room[:size])
        execute(philox_uniform(dtype), args, -(-size // PHILOX_BLOCK), threads)
        np.testing.assert_array_equal(room[:size], expected)
        assert (room[size:] == 7).all()
        room[:size] = 7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [1, 15, 16, 64, 65, 200])
def test_rows_are_added_by_index_and_strange_indexes_passed_over(dtype, columns):
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(10, columns + 5)).astype(dtype)
    dst, src = whole[:, :columns], rng.normal(size=(40, columns)).astype(dtype)
    idx = rng.integers(0, 10, 40)
    idx[[3, 7, 8, 9]] = -1, 10, 2**62, -(2**63)
    expected = whole.copy()
    good = (idx >= 0) & (idx < 10)
    np.add.at(expected[:, :columns], idx[good], src[good])
    args = scatter_args(dst, idx, src)
    execute(scatter_add_rows(dtype), args, -(-columns // WIDTH), threads=2)
    np.testing.assert_array_equal(whole, expected)


def test_int32_indexes():
    dst, src = np.zeros((3, 4), "f4"), np.ones((2, 4), "f4")
    execute(scatter_add_rows(index="int32"), scatter_args(dst, np.array([2, 2], "i4"), src), 1, 1)
    assert dst.tolist() == [[0] * 4, [0] * 4, [2] * 4]
