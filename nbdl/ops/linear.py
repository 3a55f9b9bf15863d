"""The linear map of a layer, with its bias, and the bilinear one."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.arithmetic import conj
from nbdl.ops.batching import everywhere
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.contraction import matmul, matrix_transpose
from nbdl.ops.conversion import promote_all
from nbdl.ops.families import Contraction, require_float
from nbdl.ops.movement import permute_dims, reshape
from nbdl.shapes import Spec

__all__ = ["bilinear", "linear"]


def _rows(x: Any) -> Any:
    """All leading axes as one."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class Linear(Contraction):
    """x Wᵀ, and + b when a third input is given."""

    onnx = "Gemm"
    saves = ("x", "w")
    compiled_from = 16384

    def forward(self, xp: Any, x: Any, w: Any, *b: Any) -> Any:
        dtype = x.dtype
        x, w, *bias = self.accumulate(xp, x, w, *b)
        # One product of all rows is faster than a stack of small ones.
        y = xp.matmul(x if x.ndim == 2 else _rows(x), w.T)
        if bias:
            y += bias[0]
        if x.ndim != 2:
            y = y.reshape(*x.shape[:-1], w.shape[0])
        return y.astype(dtype, copy=False)

    def infer(self, x: Spec, w: Spec, *b: Spec) -> Spec:
        _check_linear(x, w, b)
        return Spec((*x.shape[:-1], w.shape[0]), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, w: Tensor, *b: Tensor) -> tuple[Any, ...]:
        return (
            lambda: Linear()(dy, matrix_transpose(conj(w))),
            lambda: LinearWeightGrad()(dy, conj(x)),
            *(lambda: total(dy, tuple(range(dy.ndim - 1))) for _ in b),
        )

    def flops(self, x: Spec, w: Spec, *b: Spec) -> int:
        n = self.infer(x, w, *b).size
        return 2 * n * w.shape[1] + (n if b else 0)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        if not any(mine[1:]):
            return self(*inputs)
        x, w, *b = everywhere(world.count, inputs, mine)
        rows = reshape(x, (world.count, math.prod(x.shape[1:-1]), x.shape[-1]))
        y = reshape(matmul(rows, matrix_transpose(w)), (*x.shape[:-1], w.shape[1]))
        return y + reshape(b[0], (world.count, *(1,) * (y.ndim - 2), -1)) if b else y


class LinearWeightGrad(Contraction):
    """dyᵀ x over all leading axes."""

    saves = ("dy", "x")
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        dtype = x.dtype
        dy, x = self.accumulate(xp, dy, x)
        return xp.matmul(_rows(dy).T, _rows(x)).astype(dtype, copy=False)

    def infer(self, dy: Spec, x: Spec) -> Spec:
        if dy.shape[:-1] != x.shape[:-1]:
            raise ShapeError(f"linear's weight gradient: dy is {dy.shape}, x is {x.shape}")
        return Spec((dy.shape[-1], x.shape[-1]), x.dtype)

    def grad(self, ddw: Tensor, dw: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        return (
            lambda: Linear()(conj(x), ddw),
            lambda: Linear()(conj(dy), matrix_transpose(ddw)),
        )

    def flops(self, dy: Spec, x: Spec) -> int:
        return 2 * dy.size * x.shape[-1]

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        dy, x = (
            reshape(t, (world.count, math.prod(t.shape[1:-1]), t.shape[-1]))
            for t in everywhere(world.count, inputs, mine)
        )
        return matmul(matrix_transpose(dy), x)


def _check_linear(x: Spec, w: Spec, b: tuple[Spec, ...]) -> None:
    require_float("linear", "x", x.dtype)
    if w.ndim != 2:
        raise ShapeError(
            f"linear got weight of shape {w.shape}",
            hint="weight is (out_features, in_features)",
        )
    if not x.ndim or x.shape[-1] != w.shape[1]:
        got = x.shape[-1] if x.ndim else "none"
        raise ShapeError(
            f"linear got x of shape {x.shape}: its last size is {got}, but weight "
            f"{w.shape} takes in_features={w.shape[1]}",
            hint=f"in_features={got} for this input, or reshape x so that its last size is "
            f"{w.shape[1]}",
        )
    if b and b[0].shape != w.shape[:1]:
        raise ShapeError(
            f"linear got bias of shape {b[0].shape}, expected {w.shape[:1]}",
            hint="one number for each output feature",
        )


_linear = Linear()


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x · weightᵀ + bias.

    x: (..., in_features), weight: (out_features, in_features), bias: (out_features,) or None
    -> y: (..., out_features). A weight of shape (in_features,) gives y: (...). Raises
    ShapeError for sizes that do not fit, DtypeError for integers.
    """
    x, weight, *rest = promote_all(x, weight, *(() if bias is None else (bias,)))
    if weight.ndim == 1:
        y = matmul(x, weight)
        return y + rest[0] if rest else y
    kind = x.value.dtype.kind
    if weight.ndim != 2 or kind in "iub" or (rest and rest[0].shape != weight.shape[:1]):
        _check_linear(x.spec, weight.spec, tuple(b.spec for b in rest))
    return _linear(x, weight, *rest)


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Tensor:
    """y_o = x1ᵀ weight_o x2 + bias_o.

    x1: (..., in1), x2: (..., in2), weight: (out, in1, in2), bias: (out,) or None
    -> y: (..., out).
    """
    x1, x2, weight, *rest = promote_all(x1, x2, weight, *(() if bias is None else (bias,)))
    if (
        weight.ndim != 3
        or x1.shape[-1:] != weight.shape[1:2]
        or x2.shape[-1:] != weight.shape[2:]
        or x1.shape[:-1] != x2.shape[:-1]
    ):
        raise ShapeError(
            f"bilinear got x1 {x1.shape}, x2 {x2.shape}, weight {weight.shape}",
            hint="x1 is (..., in1), x2 (..., in2), weight (out, in1, in2)",
        )
    out, in1, in2 = weight.shape
    flat = reshape(permute_dims(weight, (1, 0, 2)), (in1, out * in2))
    left = reshape(matmul(x1, flat), (*x1.shape[:-1], out, in2))
    y = total(left * reshape(x2, (*x2.shape[:-1], 1, in2)), -1)
    return y + rest[0] if rest else y
