"""Mixed precision: products in half precision, sums and losses in float32.

P. Micikevicius and others, "Mixed Precision Training", ICLR 2018 (arXiv 1710.03740). ``KINDS`` is
the whole rule: what it does not name runs in the dtype of its inputs, the widest if they differ.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nbdl import dtypes
from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.conversion import cast

__all__ = ["autocast"]

LOW, WIDE = "low", "wide"

KINDS: dict[str, str] = {
    **dict.fromkeys(
        ("Matmul", "Linear", "Convolution", "ConvolutionInput", "AttentionWeights", "RNNLayer",
         "GRULayer", "LSTMLayer"),
        LOW,
    ),
    **dict.fromkeys(
        ("Sum", "Mean", "Prod", "Var", "Std", "VectorNorm", "LogSumExp", "Cumsum", "Cumprod",
         "LogCumsumExp", "Softmax", "LogSoftmax", "CrossEntropy", "BinaryCrossEntropy", "CTC",
         "PickClass", "Standardize", "Exp", "Exp2", "Expm1", "Log", "Log1p", "Log2", "Log10",
         "Power", "Square", "Rsqrt", "Reciprocal", "Softplus", "LogSigmoid", "Tan", "Asin", "Acos",
         "Sinh", "Cosh", "Erfinv"),
        WIDE,
    ),
}  # fmt: skip
"""Operations by name: those whose floats become half precision, and those whose half precision
becomes float32. float64 and complex numbers are left alone."""


class autocast:
    """``with nbdl.autocast("bfloat16"):`` computes products in half precision; a decorator too.

    Matrix products, linear layers, convolutions, attention and recurrent layers run in ``dtype``;
    sums, means, losses, softmax, norms, exponentials and logarithms in float32; everything else as
    its inputs are (``nbdl.ops.autocast.KINDS``). Parameters stay float32, and so do their
    gradients. It is for the forward pass and the loss: call ``backward`` outside.

    Args:
        dtype: ``"bfloat16"`` or ``"float16"``; the gradients of the latter want a ``GradScaler``.
        enabled: False computes as the tensors are, inside another block too.

    Raises ArgumentError for a dtype that is no half precision.
    """

    def __init__(self, dtype: Any = "bfloat16", enabled: bool = True) -> None:
        self.dtype = dtypes.as_dtype(dtype)
        if self.dtype not in dtypes.HALVES:
            raise ArgumentError(f"autocast got dtype={self.dtype}", hint="bfloat16 or float16")
        self.enabled = bool(enabled)
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        state = modes.local.state
        self._before.append(state.cast)
        state.cast = functools.partial(_casted, self.dtype) if self.enabled else None
        return self

    def __exit__(self, *_: object) -> None:
        modes.local.state.cast = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def active_dtype() -> Any:
    """The half precision of this thread's block, or None outside of one."""
    cast_inputs = modes.local.state.cast
    return None if cast_inputs is None else cast_inputs.args[0]


def _casted(low: Any, op: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs in the dtype that the operation is to run in."""
    kind = KINDS.get(type(op).__name__)
    if kind is None:
        return inputs
    if kind == LOW:
        if any(x.dtype == dtypes.float64 or x.dtype in dtypes.COMPLEX for x in inputs):
            return inputs
        return tuple(cast(x, low) if x.dtype in _FLOATS else x for x in inputs)
    return tuple(cast(x, dtypes.float32) if x.dtype in dtypes.HALVES else x for x in inputs)


_FLOATS = (dtypes.float32, *dtypes.HALVES)
