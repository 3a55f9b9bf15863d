"""Products of matrices: powers, exponential, chains, cross products."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops import linalg_arrays
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat, stack, unbind
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, promote, promote_all
from nbdl.ops.creation import zeros_like
from nbdl.ops.cumulative import cumprod
from nbdl.ops.linalg_solving import inv
from nbdl.ops.matrices import Matrices, adjoint, identity, square
from nbdl.ops.movement import expand_dims, reshape
from nbdl.shapes import Spec, broadcast_shapes, normalize_axis

__all__ = [
    "matrix_power",
    "matrix_exp",
    "multi_dot",
    "cross",
    "vander",
]


class MatrixExp(Matrices):
    """The exponential series of square matrices.

    Its derivative is a corner of the exponential of a matrix of blocks (N. J. Higham, "Functions
    of Matrices", 2008, section 3.1).
    """

    work = 60.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        return linalg_arrays.expm(xp, x)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        n, back = x.shape[-1], adjoint(x)
        top, bottom = concat((back, dy), axis=-1), concat((zeros_like(back), back), axis=-1)
        return MatrixExp()(concat((top, bottom), axis=-2))[..., :n, n:]


def matrix_exp(x: Any, /) -> Tensor:
    """Exponentials of square matrices: 1 + x + x @ x / 2 + ....  x: (..., n, n) -> y: same."""
    return MatrixExp()(square("matrix_exp", x))


def matrix_power(x: Any, n: int, /) -> Tensor:
    """x multiplied by itself ``n`` times; a negative n takes the inverse's power.

    x: (..., k, k) -> y: (..., k, k), a float dtype. Raises LinAlgError for a negative power of
    a singular matrix, ArgumentError, ShapeError.
    """
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentError(f"matrix_power: n={n!r} must be an integer") from None
    x = square("matrix_power", x)
    if n < 0:
        x, n = inv(x), -n
    if n == 0:
        return broadcast_to(identity(x.shape[-1], x), x.shape)
    result = None
    while n:
        if n % 2:
            result = x if result is None else matmul(result, x)
        n //= 2
        x = matmul(x, x) if n else x
    return astensor(result)


def multi_dot(arrays: Sequence[Any], /) -> Tensor:
    """The product of several matrices in the cheapest order; the ends may be vectors.

    arrays: (n, a), (a, b), ..., (z, m) -> y: (n, m), without an axis for each vector. The order
    is found by dynamic programming (Cormen et al., Introduction to Algorithms, section 15.2).
    Raises ArgumentError for less than two, ShapeError.
    """
    xs = list(promote_all(*arrays))
    if len(xs) < 2:
        raise ArgumentError(f"multi_dot needs at least 2 tensors, got {len(xs)}")
    for i, x in enumerate(xs):
        allowed = (1, 2) if i in (0, len(xs) - 1) else (2,)
        if x.ndim not in allowed:
            raise ShapeError(
                f"multi_dot: tensor {i} must be a matrix"
                + (" or a vector" if 1 in allowed else "")
                + f", got shape {x.shape}"
            )
    first, last = xs[0].ndim == 1, xs[-1].ndim == 1
    if first:
        xs[0] = expand_dims(xs[0], 0)
    if last:
        xs[-1] = expand_dims(xs[-1], -1)
    y = _chain(xs, _best_cuts([xs[0].shape[0], *(x.shape[1] for x in xs)]), 0, len(xs) - 1)
    shape = (() if first else y.shape[:1]) + (() if last else y.shape[1:])
    return reshape(y, shape)


def _best_cuts(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each run of matrices, the i-th being (sizes[i], sizes[i + 1])."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cuts


def _chain(xs: list[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return xs[i]
    k = cuts[i, j]
    return matmul(_chain(xs, cuts, i, k), _chain(xs, cuts, k + 1, j))


def cross(x: Any, y: Any, /, *, axis: int = -1) -> Tensor:
    """The vector perpendicular to two vectors of three elements along ``axis``.

    x, y: broadcasting, 3 along the axis -> z: their common shape. Raises ShapeError.
    """
    x, y = promote(x, y)
    if not x.ndim or not y.ndim:
        raise ShapeError(f"cross needs vectors of 3 elements, got x {x.shape} and y {y.shape}")
    shape = broadcast_shapes(x.shape, y.shape, what="cross: x and y")
    place = normalize_axis(axis, len(shape))
    back = place - len(shape)
    sizes = [t.shape[back] if t.ndim >= -back else 1 for t in (x, y)]
    if sizes != [3, 3]:
        raise ShapeError(
            f"cross needs 3 elements along axis {axis}, got x {x.shape} and y {y.shape}"
        )
    (a, b, c), (d, e, f) = unbind(x, back), unbind(y, back)
    return stack((b * f - c * e, c * d - a * f, a * e - b * d), place)


def vander(x: Any, /, *, N: int | None = None) -> Tensor:
    """Powers of numbers as rows: 1, x, x², ... (PyTorch's order).

    x: (..., n) -> y: (..., n, N), N = n unless given. Raises ArgumentError for a negative N.
    """
    x = astensor(x)
    if x.ndim == 0:
        raise ShapeError("vander needs at least 1 axis, got shape ()")
    count = x.shape[-1] if N is None else operator.index(N)
    if count < 0:
        raise ArgumentError(f"vander: N={N} must not be negative")
    column = expand_dims(x, -1)
    ones = zeros_like(column) + 1
    powers = cumprod(broadcast_to(column, (*x.shape, max(count - 1, 0))), -1)
    return concat((ones, powers), axis=-1)[..., :count]
