"""Tensors as text."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl

ARRAYS = [
    3.14159, [1.5, 2.0], [1.0, 2.0], [1e-8, 1.0], [1e10, 1.0], [0.1, 0.25], [np.nan, np.inf, 1.5],
    [], [1.0, 2000.0], [1e5, 0.5], [-1.0, 2.5], [[0.0, 1.0], [2.0, 3.0]],
    [0.5, 0.0], 1e-5, [[1.5, 2.25], [-3.0, 400.0]],
]  # fmt: skip


@pytest.mark.judge
@pytest.mark.parametrize("values", ARRAYS, ids=str)
def test_floats_read_as_pytorchs_do(values) -> None:
    import torch

    array = np.array(values, np.float32)
    assert repr(nbdl.tensor(array)) == repr(torch.tensor(array))


def test_other_dtypes_and_long_tensors() -> None:
    assert repr(nbdl.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(nbdl.tensor([1.5], dtype="float64")) == "tensor([1.5000], dtype=float64)"
    assert repr(nbdl.tensor([1.5], dtype="bfloat16")) == "tensor([1.5000], dtype=bfloat16)"
    assert repr(nbdl.tensor([1 + 2j])) == "tensor([1.+2.j], dtype=complex64)"
    assert repr(nbdl.arange(1000)) == "tensor([  0,   1,   2, ..., 997, 998, 999])"
    assert repr(nbdl.tensor([0.5], requires_grad=True)) == "tensor([0.5000], requires_grad=True)"


def test_a_tensor_without_axes_is_formatted_as_its_number() -> None:
    x = nbdl.tensor(2.5, requires_grad=True)
    assert f"{x}, {x:.3f}, {x * 2:>6}" == "2.5, 2.500,    5.0"
    assert f"{nbdl.tensor(7)} {nbdl.tensor(7):03d} {nbdl.tensor([1.5]):.1f}" == "7 007 1.5"
    assert f"{nbdl.tensor([1, 2])}" == "tensor([1, 2])"
    assert f"{nbdl.empty_spec(())}" == "tensor([], dtype=float32, no data)"
