"""Triangles and diagonals of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.broadcasting import broadcast_to, sum
from nbdl.ops.conversion import astensor
from nbdl.ops.families import Movement
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.padding import Pad
from nbdl.ops.ranges import arange
from nbdl.ops.selection import where
from nbdl.shapes import Shape, Spec, normalize_axis

__all__ = ["tril", "triu", "diagonal", "diag", "diag_embed", "trace"]


def _distance(x: Tensor) -> Tensor:
    """How far each element of a matrix is right of the main diagonal: (n, m)."""
    rows, columns = (arange(n, device=x.device) for n in x.shape[-2:])
    return columns - reshape(rows, (-1, 1))


@dataclass(frozen=True)
class Triangle(Movement, abstract=True):
    """Zeros on one side of the ``k``-th diagonal of matrices."""

    k: int = 0
    onnx = "Trilu"
    stacks = True
    compiled_from = 16384

    def infer(self, x: Spec) -> Spec:
        return _matrix(self.name, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return type(self)(self.k)(dy)


class Tril(Triangle):
    """Zeros above a diagonal of matrices."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.tril(x, self.k)

    def decompose(self, x: Tensor) -> Tensor:
        return where(_distance(x) <= self.k, x, 0)


class Triu(Triangle):
    """Zeros below a diagonal of matrices."""

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.triu(x, self.k)

    def decompose(self, x: Tensor) -> Tensor:
        return where(_distance(x) >= self.k, x, 0)


def _matrix(name: str, x: Spec) -> Spec:
    if x.ndim < 2:
        raise ShapeError(f"{name} needs at least 2 axes (matrices), got shape {x.shape}")
    return x


def _diagonal_places(shape: Shape, offset: int) -> tuple[slice, slice, int]:
    """First row and column, and length, of a diagonal of an (n, m) matrix."""
    n, m = shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    length = max(min(n - row, m - column), 0)
    return slice(row, row + length), slice(column, column + length), length


@dataclass(frozen=True)
class Diagonal(Movement):
    """A diagonal of the last two axes."""

    offset: int = 0
    stacks = True

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.diagonal(x, self.offset, -2, -1)

    def decompose(self, x: Tensor) -> Tensor:
        *stack, n, m = x.shape
        rows, columns, length = _diagonal_places(x.shape, self.offset)
        first = rows.start * m + columns.start
        flat = reshape(x, (*stack, n * m))
        return flat[..., first : first + max(length * (m + 1) - m, 0) : m + 1]

    def infer(self, x: Spec) -> Spec:
        _matrix("diagonal", x)
        return Spec((*x.shape[:-2], _diagonal_places(x.shape, self.offset)[2]), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return DiagonalFill(self.offset, x.shape[-2:])(dy)


@dataclass(frozen=True)
class DiagonalFill(Movement):
    """Matrices of a given size that are zero but for one diagonal."""

    offset: int
    size: tuple[int, ...]
    stacks = True

    def forward(self, xp: Any, x: Any) -> Any:
        y = xp.zeros((*x.shape[:-1], *self.size), x.dtype)
        rows, columns, length = _diagonal_places(self.size, self.offset)
        places = xp.arange(length)
        y[..., places + rows.start, places + columns.start] = x
        return y

    def decompose(self, x: Tensor) -> Tensor:
        rows, _, length = _diagonal_places(self.size, self.offset)
        border = ((0, 0),) * (x.ndim - 1)
        column = Pad((*border, (rows.start, self.size[0] - rows.start - length)))(x)
        y = broadcast_to(reshape(column, (*column.shape, 1)), (*x.shape[:-1], *self.size))
        return where(_distance(y) == self.offset, y, 0)

    def infer(self, x: Spec) -> Spec:
        return Spec((*x.shape[:-1], *self.size), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Diagonal(self.offset)(dy)


def tril(x: Any, /, *, k: int = 0) -> Tensor:
    """Zeros above diagonal ``k``.  x: (..., n, m) -> y: (..., n, m)."""
    op, x = Tril(k), astensor(x)
    op.infer(x.spec)
    return op(x)


def triu(x: Any, /, *, k: int = 0) -> Tensor:
    """Zeros below diagonal ``k``.  x: (..., n, m) -> y: (..., n, m)."""
    op, x = Triu(k), astensor(x)
    op.infer(x.spec)
    return op(x)


def diagonal(x: Any, /, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Tensor:
    """A diagonal of two axes, as the last axis.  x: (..., n, m) -> y: (..., min(n, m))."""
    x = astensor(x)
    a, b = normalize_axis(axis1, x.ndim, "axis1"), normalize_axis(axis2, x.ndim, "axis2")
    if x.ndim < 2 or a == b:
        raise ShapeError(f"diagonal needs two different axes of shape {x.shape}, got {a} and {b}")
    rest = [i for i in range(x.ndim) if i not in (a, b)]
    if (a, b) != (x.ndim - 2, x.ndim - 1):
        x = permute_dims(x, (*rest, a, b))
    return Diagonal(offset)(x)


def diag_embed(x: Any, /, offset: int = 0) -> Tensor:
    """Square matrices with x on a diagonal.  x: (..., n) -> y: (..., n+|k|, n+|k|)."""
    x = astensor(x)
    if x.ndim == 0:
        raise ShapeError("diag_embed needs at least one axis, got shape ()")
    n = x.shape[-1] + abs(offset)
    return DiagonalFill(offset, (n, n))(x)


def diag(x: Any, /, k: int = 0) -> Tensor:
    """A matrix's diagonal, or a matrix with a vector on its diagonal.

    x: (n, m) -> y: (min(n, m),); x: (n,) -> y: (n, n). Raises ShapeError for other ranks.
    """
    x = astensor(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"diag needs 1 or 2 axes, got shape {x.shape}")
    return diagonal(x, k) if x.ndim == 2 else diag_embed(x, k)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Sum of a diagonal of the last two axes.  x: (..., n, m) -> y: (...)."""
    x = astensor(x)
    if x.ndim < 2:
        raise ShapeError(f"trace needs at least 2 axes (matrices), got shape {x.shape}")
    return sum(diagonal(x, offset), axis=-1, dtype=dtype)


METHODS = {"tril": tril, "triu": triu, "diagonal": diagonal, "diag": diag, "trace": trace}
