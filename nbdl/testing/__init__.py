"""Checks for operations and gradients; tests use it, nothing in nbdl does."""

from nbdl.testing.gradients import GradientMismatch, check_grad, numeric_gradients
from nbdl.testing.kernels import KERNEL_FUNCTIONS, evaluate_kernel, special_values
from nbdl.testing.operations import OperationFault, check_op

__all__ = [
    "KERNEL_FUNCTIONS",
    "GradientMismatch",
    "OperationFault",
    "check_grad",
    "check_op",
    "evaluate_kernel",
    "numeric_gradients",
    "special_values",
]
