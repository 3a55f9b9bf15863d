"""vjp, jacobian, hessian, hvp and gradcheck against formulas."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import autograd
from nbdl.errors import ArgumentError, GradientError, ShapeError

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
    y = autograd.jacobian(lambda x: autograd.hessian(cubes, x), X)
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


def swirl(x):
    return nbdl.stack([x[0] * x[1], x[0].sin(), (x * x).sum()])


def test_jacobians_of_both_modes_agree_with_each_other_and_the_formula() -> None:
    a, b = X.numpy()
    expected = np.array([[b, a], [np.cos(a), 0], [2 * a, 2 * b]])
    for mode in ("reverse", "forward"):
        np.testing.assert_allclose(autograd.jacobian(swirl, X, mode=mode).numpy(), expected)
    with pytest.raises(ArgumentError, match="mode"):
        autograd.jacobian(swirl, X, mode="sideways")


def test_jacobians_by_several_arguments_of_several_outputs() -> None:
    def function(a, b):
        return {"outer": a[:, None] * b, "sum": (a * 2).sum()}

    b = nbdl.tensor(np.array([1.0, 2.0, 3.0]))
    for transform in (autograd.jacrev, autograd.jacfwd):
        found = transform(function, argnums=(0, 1))(X, b)
        by_a, by_b = found["outer"]
        assert by_a.shape == (2, 3, 2)
        assert by_b.shape == (2, 3, 3)
        np.testing.assert_allclose(by_a.numpy(), np.einsum("ij,k->ikj", np.eye(2), b.numpy()))
        np.testing.assert_allclose(found["sum"][0].numpy(), [2, 2])
        assert not found["sum"][1].numpy().any()


def test_jacobian_in_chunks() -> None:
    whole = autograd.jacrev(swirl)(X).numpy()
    assert np.array_equal(autograd.jacrev(swirl, chunk_size=2)(X).numpy(), whole)


def test_gradient_of_structures_with_value_and_aux() -> None:
    def function(p, x):
        return (p["w"] * x).sum() + p["b"][0] ** 2, x * 2

    p = {"w": X, "b": [nbdl.tensor(3.0)]}
    (value, aux), g = autograd.value_and_gradient(function, has_aux=True)(p, X)
    assert np.allclose(value.item(), (X.numpy() ** 2).sum() + 9)
    assert np.allclose(aux.numpy(), 2 * X.numpy())
    assert np.allclose(g["w"].numpy(), X.numpy())
    assert g["b"][0].item() == 6
    both = autograd.gradient(lambda a, b: (a * b).sum(), argnums=(0, 1))(X, X + 1)
    assert np.allclose(both[0].numpy(), X.numpy() + 1)


def test_derivatives_of_every_order() -> None:
    function = nbdl.sin
    for order in range(1, 5):
        function = autograd.gradient(function)
        x = nbdl.tensor(0.7, dtype="float64")
        assert np.allclose(function(x).item(), np.sin(0.7 + order * np.pi / 2))


def test_forward_over_forward_and_reverse_over_forward() -> None:
    def along(x):
        return autograd.jvp(lambda t: (t**3).sum(), x, nbdl.ones(2, dtype="float64"))[1]

    second = autograd.jvp(along, X, nbdl.ones(2, dtype="float64"))[1]
    assert np.allclose(second.item(), (6 * X.numpy()).sum())
    assert np.allclose(autograd.gradient(along)(X).numpy(), 6 * X.numpy())


def test_perturbations_of_two_levels_are_not_confused() -> None:
    # d/dx (x · d/dy (x + y)) = 1: Siskind and Pearlmutter, "Perturbation confusion", 2005.
    one = nbdl.tensor(1.0)

    def inner(x):
        return x * autograd.jvp(lambda y: x + y, one, one)[1]

    assert autograd.jvp(inner, one, one)[1].item() == 1


def test_jvp_of_structures_and_of_what_does_not_change() -> None:
    _, dy = autograd.jvp(lambda p, x: {"y": p[0] * x, "c": nbdl.ones(1)}, ((X,), X), ((X,), X))
    assert np.allclose(dy["y"].numpy(), 2 * X.numpy() ** 2)
    assert not dy["c"].numpy().any()
    assert np.allclose(autograd.jvp(lambda x: x.detach() * x, X, X)[1].numpy(), X.numpy() ** 2)


def test_jvp_refuses_tangents_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"shape \(2,\) has a tangent of shape \(3,\)"):
        autograd.jvp(nbdl.sin, X, nbdl.ones(3))
    with pytest.raises(ArgumentError, match="1 primals, but 2 tangents"):
        autograd.jvp(nbdl.sin, (X,), (X, X))


def test_gradient_refuses_what_is_no_number() -> None:
    with pytest.raises(ShapeError, match="returns a number, got shape"):
        autograd.gradient(lambda x: x * 2)(X)
    with pytest.raises(GradientError, match="got tuple"):
        autograd.gradient(lambda x: (x.sum(), x))(X)
    with pytest.raises(ArgumentError, match="argnums=1"):
        autograd.gradient(cubes, argnums=1)(X)


def test_a_custom_function_with_a_rule_of_its_own_for_forward_mode() -> None:
    class Twice(autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, dy):
            return dy * ctx.factor, None

        @staticmethod
        def jvp(ctx, dx, _):
            return dx * 100  # not the derivative: to see that it is this rule that is used

    assert np.allclose(autograd.jvp(lambda x: Twice.apply(x, 2), X, X)[1].numpy(), 100 * X.numpy())
