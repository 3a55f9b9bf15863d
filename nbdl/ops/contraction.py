"""Matrix products."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.arithmetic import conj
from nbdl.ops.broadcasting import sum_to
from nbdl.ops.conversion import promote
from nbdl.ops.families import Contraction
from nbdl.ops.movement import permute_dims, reshape
from nbdl.shapes import Spec, broadcast_shapes

__all__ = ["matmul", "matrix_transpose"]


class Matmul(Contraction):
    """Matrix product of two stacks of matrices; the stacks broadcast."""

    method = ("matmul", "__matmul__")
    onnx = "MatMul"
    saves = ("x", "y")
    stacks = True
    compiled_from = 32768

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        a, b = self.accumulate(xp, x, y)
        return xp.matmul(a, b).astype(x.dtype, copy=False)

    def infer(self, x: Spec, y: Spec) -> Spec:
        if x.shape[-1] != y.shape[-2]:
            raise ShapeError(
                f"matmul of x {x.shape} and y {y.shape}: x's last size {x.shape[-1]} must equal "
                f"y's second last {y.shape[-2]}",
                hint="transpose one of them, or check the size of the layer before",
            )
        stack = broadcast_shapes(x.shape[:-2], y.shape[:-2], what="the stacks of matrices")
        return Spec((*stack, x.shape[-2], y.shape[-1]), x.dtype)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return (
            lambda: sum_to(matmul(dz, conj(matrix_transpose(y))), x.shape),
            lambda: sum_to(matmul(conj(matrix_transpose(x)), dz), y.shape),
        )

    def flops(self, x: Spec, y: Spec) -> int:
        return 2 * self.infer(x, y).size * x.shape[-1]


_matmul = Matmul()


def matmul(x: Any, y: Any, /) -> Tensor:
    """Matrix product (array API's matmul).

    x: (..., n, k), y: (..., k, m) -> z: (..., n, m); the leading axes broadcast. A vector
    (k,) counts as a row on the left and as a column on the right, and its axis is dropped.
    Raises ShapeError when the inner sizes differ.
    """
    x, y = promote(x, y)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(
            f"matmul of x {x.shape} and y {y.shape}: a number is not a matrix", hint="x * y"
        )
    left, right = x.ndim == 1, y.ndim == 1
    if left:
        x = reshape(x, (1, *x.shape))
    if right:
        y = reshape(y, (*y.shape, 1))
    z = _matmul(x, y)
    if left or right:
        shape = z.shape[:-2] + (() if left else z.shape[-2:-1]) + (() if right else z.shape[-1:])
        z = reshape(z, shape)
    return z


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged.  x: (..., n, m) -> y: (..., m, n)."""
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose needs at least 2 axes, got shape {x.shape}")
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _rmatmul(y: Tensor, x: Any) -> Tensor:
    return matmul(x, y)


METHODS = {"__rmatmul__": _rmatmul, "mT": property(matrix_transpose)}
