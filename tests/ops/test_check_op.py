"""The checker itself: planted errors of every kind must be caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl.core import Op, registry
from nbdl.ops.families import Elementwise
from nbdl.shapes import Spec
from nbdl.testing import GradientMismatch, OperationFault, check_grad, check_op

X, Y = np.array([[0.4, 1.2, -0.7]]), np.array([[1.1], [-0.3]])


@pytest.fixture(autouse=True)
def _registry_as_before():
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def product(**changes: Any) -> Any:
    """x * y with something changed."""

    class Product(Elementwise):
        kernel = "x * y"
        saves = ("x", "y")

        def forward(self, xp: Any, x: Any, y: Any) -> Any:
            return x * y

        def grad(self, dz: Any, z: Any, x: Any, y: Any) -> Any:
            return dz * y, dz * x

    return dataclass(frozen=True)(type("Planted", (Product,), changes))()


def check(op: Any) -> None:
    check_op(op, (X, Y), np.multiply)


def test_the_right_operation_passes() -> None:
    check(product())


def test_a_wrong_forward_is_caught() -> None:
    with pytest.raises(OperationFault, match="the judge gives"):
        check(product(forward=lambda self, xp, x, y: x * y + 1e-6))


def test_a_wrong_gradient_is_caught() -> None:
    def grad(self: Any, dz: Any, z: Any, x: Any, y: Any) -> Any:
        return dz * y, dz * x * 1.01

    with pytest.raises(GradientMismatch, match="gradient of input 1"):
        check(product(grad=grad))


def test_a_wrong_second_gradient_is_caught() -> None:
    def grad(self: Any, dz: Any, z: Any, x: Any, y: Any) -> Any:
        return dz * y.detach(), dz * x

    with pytest.raises(GradientMismatch, match="second gradient"):
        check(product(grad=grad))


def test_a_missing_sum_over_broadcast_axes_is_caught() -> None:
    with pytest.raises(nbdl.errors.GradientError, match="gave shape"):
        check(product(broadcasts=False))


def test_a_missing_gradient_is_caught() -> None:
    with pytest.raises(GradientMismatch):
        check(product(grad=lambda self, dz, z, x, y: (dz * y, None)))


def test_saves_that_leave_out_what_grad_reads_are_caught() -> None:
    with pytest.raises(OperationFault, match="saves"):
        check(product(saves=("x",)))


def test_saves_that_leave_out_what_grad_looks_at_are_caught() -> None:
    def grad(self: Any, dz: Any, z: Any, x: Any, y: Any) -> Any:
        return dz * float(y.numpy().sum()), dz * x

    with pytest.raises(nbdl.errors.TraceError):
        check(product(grad=grad, saves=("x",)))


def test_a_wrong_shape_rule_is_caught() -> None:
    def infer(self: Any, x: Spec, y: Spec) -> Spec:
        return Spec(x.shape, x.dtype)

    with pytest.raises(OperationFault, match="infers shape"):
        check(product(infer=infer))


def test_a_wrong_dtype_rule_is_caught() -> None:
    with pytest.raises(OperationFault, match="infers dtype"):
        check(product(result_dtype=lambda self, dtype: np.dtype(np.float32)))


def test_a_wrong_kernel_is_caught() -> None:
    with pytest.raises(OperationFault, match="kernel"):
        check(product(kernel="x * y + 1e-9"))


def test_a_kernel_that_is_wrong_for_nan_only_is_caught() -> None:
    with pytest.raises(OperationFault, match="kernel"):
        check(product(kernel="where(x > 0, x * y, where(x <= 0, x * y, 0))"))


def test_a_kernel_that_loses_the_sign_of_zero_is_caught() -> None:
    with pytest.raises(OperationFault, match="kernel"):
        check(product(kernel="x * y + 0.0"))


def test_half_precision_that_leaves_its_dtype_is_caught() -> None:
    with pytest.raises(OperationFault, match="infers dtype"):
        check(product(forward=lambda self, xp, x, y: x * y * np.float64(1), kernel=None))


def test_a_result_that_depends_on_the_memory_layout_is_caught() -> None:
    def forward(self: Any, xp: Any, x: Any, y: Any) -> Any:
        return x * y if x.flags.c_contiguous else x * y + 1

    with pytest.raises(OperationFault, match="not contiguous"):
        check(product(forward=forward))


def square_and_mean(**changes: Any) -> Any:
    """(x², its mean) with something changed."""

    class SquareAndMean(Op):
        saves = ("x",)
        byproducts = (1,)

        def forward(self, xp: Any, x: Any) -> Any:
            return x * x, (x * x).mean()

        def infer(self, x: Spec) -> tuple[Spec, Spec]:
            return x, Spec((), x.dtype)

        def grad(self, dy: Any, y: Any, x: Any) -> Any:
            return dy[0] * 2 * x

        def flops(self, x: Spec) -> int:
            return 2 * x.size

    return dataclass(frozen=True)(type("Planted", (SquareAndMean,), changes))()


def check_two(op: Any) -> None:
    check_op(op, (X,), lambda x: (x**2, (x**2).mean()))


def test_an_operation_with_a_byproduct_passes() -> None:
    check_two(square_and_mean())


def test_an_output_without_its_gradient_that_is_not_called_a_byproduct_is_caught() -> None:
    with pytest.raises(GradientMismatch, match="gradient of input 0"):
        check_two(square_and_mean(byproducts=()))


def test_a_wrong_gradient_beside_a_byproduct_is_caught() -> None:
    def grad(self: Any, dy: Any, y: Any, x: Any) -> Any:
        return dy[0] * 2.01 * x

    with pytest.raises(GradientMismatch, match="gradient of input 0"):
        check_two(square_and_mean(grad=grad))


def test_a_second_gradient_lost_beside_a_byproduct_is_caught() -> None:
    def grad(self: Any, dy: Any, y: Any, x: Any) -> Any:
        return dy[0] * 2 * x.detach()

    with pytest.raises(GradientMismatch, match="second gradient"):
        check_two(square_and_mean(grad=grad))


@pytest.mark.parametrize("places", [(2,), (0, 1)])
def test_byproducts_that_no_operation_can_have_are_caught(places: Any) -> None:
    with pytest.raises(OperationFault, match="by-products"):
        check_two(square_and_mean(byproducts=places))


def test_check_grad_holds_functions_against_differences() -> None:
    assert check_grad(lambda x: (x * x.exp()).sum(), X)
    with pytest.raises(GradientMismatch, match="finite differences give"):
        check_grad(lambda x: x * x.detach(), X)
