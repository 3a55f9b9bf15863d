"""The checker itself: planted errors of every kind must be caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl.core import registry
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


def test_check_grad_holds_functions_against_differences() -> None:
    assert check_grad(lambda x: (x * x.exp()).sum(), X)
    with pytest.raises(GradientMismatch, match="finite differences give"):
        check_grad(lambda x: x * x.detach(), X)
