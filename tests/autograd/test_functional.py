"""vjp, jacobian, hessian, hvp and gradcheck against formulas."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import autograd
from nbdl.errors import GradientError, ShapeError

A = np.array([[2.0, 1.0], [0.5, 3.0], [1.0, -1.0]])
X = nbdl.tensor(np.array([0.3, -1.2]))


def cubes(x):
    return (x**3).sum()


def test_jacobian_of_a_linear_map_is_its_matrix() -> None:
    assert np.allclose(autograd.jacobian(lambda x: nbdl.asarray(A) @ x, X).numpy(), A)


def test_hessian_of_cubes_is_diagonal() -> None:
    expected = np.diag(6 * X.numpy())
    assert np.allclose(autograd.hessian(cubes, X).numpy(), expected)


def test_hvp_is_the_hessian_times_v() -> None:
    v = np.array([1.0, 2.0])
    assert np.allclose(autograd.hvp(cubes, X, v).numpy(), 6 * X.numpy() * v)


def test_vjp_gives_output_and_gradients() -> None:
    y, (a, b) = autograd.vjp(lambda x, y: (x * y).sum(), (X, X + 1))
    assert np.allclose(y.numpy(), (X.numpy() * (X.numpy() + 1)).sum())
    assert np.allclose(a.numpy(), X.numpy() + 1)
    assert np.allclose(b.numpy(), X.numpy())


def test_jacobian_of_a_constant_is_zero() -> None:
    assert not autograd.jacobian(lambda x: nbdl.ones(3), X).numpy().any()


def test_third_derivative() -> None:
    y = autograd.jacobian(lambda x: autograd.hessian(cubes, x, create_graph=True), X)
    assert np.allclose(y.numpy()[[0, 1], [0, 1], [0, 1]], 6)
    assert y.shape == (2, 2, 2)


def test_hessian_of_a_vector_is_refused() -> None:
    with pytest.raises(ShapeError, match="one result"):
        autograd.hessian(lambda x: x * 2, X)


def test_gradcheck_accepts_right_and_refuses_wrong_gradients() -> None:
    x = nbdl.tensor(X.numpy(), requires_grad=True)
    assert autograd.gradcheck(cubes, x)
    with pytest.raises(GradientError, match="finite differences give"):
        autograd.gradcheck(lambda x: x * x.detach(), x)
    with pytest.raises(GradientError, match="too coarse"):
        autograd.gradcheck(cubes, nbdl.tensor([1.0], requires_grad=True))
