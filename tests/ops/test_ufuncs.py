"""NumPy's functions on tensors."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl.errors import GradientError
from nbdl.ops import ufuncs

A = np.array([1.0, 2.0])


def leaf() -> nbdl.Tensor:
    return nbdl.tensor([1.0, 4.0], dtype="float64", requires_grad=True)


@pytest.mark.parametrize(
    ("function", "gradient"),
    [
        (lambda x: np.sqrt(x), [0.5, 0.25]),
        (lambda x: A * x, [1, 2]),
        (lambda x: A - x, [-1, -1]),
        (lambda x: A @ x, [1, 2]),
        (lambda x: np.power(x, 2), [2, 8]),
        (lambda x: np.maximum(A, x), [0.5, 1]),
        (lambda x: np.absolute(-x), [1, 1]),
        (lambda x: np.float64(3) * x, [3, 3]),
    ],
)
def test_gradients_flow_through_numpys_functions(function, gradient) -> None:
    x = leaf()
    y = function(x)
    assert isinstance(y, nbdl.Tensor)
    np.testing.assert_allclose(y.detach(), function(x.detach().numpy()))
    y.sum().backward()
    assert x.grad.tolist() == gradient


def test_most_ufuncs_are_nbdls() -> None:
    mine = {ufunc.__name__ for ufunc in ufuncs._DOORS}
    assert {"add", "subtract", "multiply", "divide", "exp", "log", "sin", "tanh", "power",
            "greater", "logical_and", "matmul", "floor", "sign"} <= mine  # fmt: skip


def test_other_forms_give_arrays_and_never_lose_a_gradient() -> None:
    x = leaf().detach()
    total = A.copy()
    total += x
    assert type(total) is np.ndarray
    assert total.tolist() == [2, 6]
    assert np.add.reduce(x) == 5
    for ask in (lambda: np.add.reduce(leaf()), lambda: np.add(A, leaf(), out=A)):
        with pytest.raises(GradientError, match=r"no gradient would flow(.|\n)*x.detach\(\)"):
            ask()
