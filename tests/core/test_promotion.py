"""Which dtype two operands combine to."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl

TABLE = [
    ("bool", "bool", "bool"), ("bool", "int8", "int8"), ("int8", "uint8", "int16"),
    ("int32", "int64", "int64"), ("uint8", "uint16", "uint16"), ("int64", "float16", "float16"),
    ("int64", "bfloat16", "bfloat16"), ("uint8", "float32", "float32"),
    ("float16", "bfloat16", "float32"), ("float16", "float32", "float32"),
    ("bfloat16", "float32", "float32"), ("float32", "float64", "float64"),
    ("float32", "complex64", "complex64"), ("float64", "complex64", "complex128"),
    ("int64", "complex64", "complex64"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "expected"), TABLE)
def test_two_tensors(a: str, b: str, expected: str) -> None:
    x, y = nbdl.ones(2, dtype=a), nbdl.ones(2, dtype=b)
    assert (x * y).dtype.name == expected
    assert (y * x).dtype.name == expected
    assert nbdl.concat([x, y]).dtype.name == expected
    assert nbdl.where(nbdl.tensor([True, False]), x, y).dtype.name == expected


SCALARS = [
    ("int8", 3, "int8"), ("float16", 3, "float16"), ("bfloat16", 0.5, "bfloat16"),
    ("float32", 0.5, "float32"), ("int64", 0.5, "float32"), ("bool", 2, "int64"),
    ("float64", 0.5, "float64"), ("float32", 1j, "complex64"), ("float64", 1j, "complex128"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "scalar", "expected"), SCALARS)
def test_python_numbers_are_weak(a: str, scalar: complex, expected: str) -> None:
    x = nbdl.ones(2, dtype=a)
    assert (x * scalar).dtype.name == expected
    assert (scalar * x).dtype.name == expected


def test_numpy_arrays_keep_their_dtype() -> None:
    assert (nbdl.ones(2) * np.ones(2)).dtype == nbdl.float64
    assert (np.ones(2) * nbdl.ones(2)).dtype == nbdl.float64
    assert nbdl.tensor(np.ones(2)).dtype == nbdl.float64
    assert nbdl.tensor([1.0]).dtype == nbdl.float32
    assert nbdl.tensor([1]).dtype == nbdl.int64


def test_integers_become_floats_where_the_result_is_one() -> None:
    i = nbdl.arange(1, 4)
    for y in (i / 2, i / i, i.exp(), i.mean(), nbdl.sqrt(i), i.std()):
        assert y.dtype == nbdl.float32
    assert (i // 2).dtype == nbdl.int64
    assert i.sum().dtype == nbdl.int64
    assert nbdl.ones(3, dtype="bool").sum().item() == 3


def test_the_default_float_can_be_changed() -> None:
    nbdl.set_default_float("float64")
    try:
        assert nbdl.ones(2).dtype == nbdl.float64
        assert nbdl.tensor([1.5]).dtype == nbdl.float64
        assert nbdl.arange(3).exp().dtype == nbdl.float64
    finally:
        nbdl.set_default_float("float32")
