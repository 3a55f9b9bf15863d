"""Sizes of matrices, and what follows from them: norms, condition, rank, least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.broadcasting import sum
from nbdl.ops.comparison import greater
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.linalg_solving import inv_ex, pinv, tolerances
from nbdl.ops.linalg_spectra import eigvalsh, svdvals
from nbdl.ops.matrices import matrices, square
from nbdl.ops.movement import expand_dims, moveaxis, squeeze
from nbdl.ops.reduction import max, min
from nbdl.ops.rounding import abs
from nbdl.ops.selection import maximum, where
from nbdl.ops.statistics import vector_norm
from nbdl.shapes import normalize_axis

__all__ = ["matrix_norm", "norm", "cond", "matrix_rank", "lstsq"]

_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def matrix_norm(
    x: Any, /, *, ord: Any = "fro", axis: Sequence[int] = (-2, -1), keepdims: bool = False
) -> Tensor:
    """Size of matrices over two axes.

    x: (..., n, m) -> y: (...), real, or with sizes 1 at ``axis`` if ``keepdims``. ``ord``: "fro"
    the root of the sum of squares, "nuc" the sum of singular values, 2 and -2 the largest and
    smallest of them, 1 and -1 the largest and smallest sum of magnitudes of a column, inf and
    -inf of a row. Raises ArgumentError for another one, ShapeError.
    """
    x = matrices("matrix_norm", x)
    if not isinstance(axis, (tuple, list)) or len(axis) != 2:
        raise ArgumentError(f"matrix_norm: axis={axis!r} must be two axes")
    rows, columns = (normalize_axis(a, x.ndim) for a in axis)
    if rows == columns:
        raise ArgumentError(f"matrix_norm: axis={axis!r} names the same axis twice")
    if ord not in _ORDERS:
        raise unknown("ord of matrix_norm", repr(ord), [repr(o) for o in _ORDERS])
    if ord == "fro":
        return vector_norm(x, axis=(rows, columns), keepdims=keepdims)
    y = _matrix_norm(moveaxis(x, (rows, columns), (-2, -1)), ord)
    return expand_dims(y, tuple(sorted((rows, columns)))) if keepdims else y


def _matrix_norm(x: Tensor, ord: Any) -> Tensor:
    """Norm over the last two axes."""
    if ord == "nuc":
        return sum(svdvals(x), -1)
    extreme = max if ord in (1, 2, math.inf) else min
    if ord in (2, -2):
        return extreme(svdvals(x), -1)
    return extreme(sum(abs(x), -2 if ord in (1, -1) else -1), -1)


def norm(
    x: Any,
    /,
    ord: Any = None,
    axis: int | Sequence[int] | None = None,
    *,
    keepdims: bool = False,
    dtype: Any = None,
) -> Tensor:
    """Size of vectors or matrices, as NumPy's and PyTorch's ``linalg.norm``.

    x: (...) -> y: without ``axis``. One axis, or a vector: ``vector_norm``; two axes, or a
    matrix: ``matrix_norm``; neither ``ord`` nor ``axis``: the length of all elements.
    """
    x = floats(x) if dtype is None else cast(astensor(x), dtypes.as_dtype(dtype))
    if ord is None:
        return vector_norm(x, axis=axis, keepdims=keepdims)
    over_two = x.ndim == 2 if axis is None else isinstance(axis, (tuple, list)) and len(axis) == 2
    if over_two:
        pair = (-2, -1) if axis is None else axis
        return matrix_norm(x, ord=ord, axis=pair, keepdims=keepdims)  # type: ignore[arg-type]
    if isinstance(ord, str):
        raise ArgumentError(
            f"norm: ord={ord!r} is for matrices, x has shape {x.shape} and axis is {axis}",
            hint="two axes, or a number for ord",
        )
    return vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def cond(x: Any, /, p: Any = None) -> Tensor:
    """Condition number: how much errors may grow in a solution, norm(x) * norm(inv(x)).

    x: (..., n, n), or (..., n, m) for ``p`` None, 2 or -2 -> y: (...), real; inf where x is
    singular. ``p``: the ``ord`` of ``matrix_norm``; None is 2. Raises ShapeError.
    """
    x = matrices("cond", x)
    if p in (None, 2, -2):
        values = svdvals(x)
        large, small = max(values, -1), min(values, -1)
        return small / large if p == -2 else large / small
    x = square("cond", x)
    if 0 in x.shape[-2:]:
        return sum(abs(x), (-2, -1))
    y, info = inv_ex(x)
    size = matrix_norm(x, ord=p) * matrix_norm(y, ord=p)
    return where(info != 0, math.inf, size)


def matrix_rank(
    x: Any, /, *, rtol: Any = None, atol: Any = None, hermitian: bool = False
) -> Tensor:
    """How many singular values are larger than max(``atol``, ``rtol`` * the largest).

    x: (..., n, m) -> y: (...) int64. Defaults: see ``pinv``. ``hermitian``: x equals its
    adjoint, which is faster.
    """
    x = (square if hermitian else matrices)("matrix_rank", x).detach()
    sizes = abs(eigvalsh(x)) if hermitian else svdvals(x)
    low, part = (squeeze(t, -1) for t in tolerances(x, atol, rtol))
    if not sizes.shape[-1]:
        return sum(cast(sizes, dtypes.int64), -1)
    largest = max(sizes, -1, keepdims=True)
    return sum(cast(greater(sizes, maximum(low, part * largest)), dtypes.int64), -1)


class LstsqResult(NamedTuple):
    """The solution of ``lstsq`` and what else is known.

    Attributes:
        solution: (..., n, k), of the smallest length where several are equally good.
        residuals: (..., k), the squared distance of a @ solution from b.
        rank: (...), of a.
        singular_values: (..., min(m, n)), of a.
    """

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def lstsq(a: Any, b: Any, /, *, rtol: Any = None) -> LstsqResult:
    """The x for which a @ x is nearest to b; of several the shortest.

    a: (..., m, n), b: (..., m, k) or a vector (m,) -> solution: (..., n, k) or (..., n).
    ``rtol``: singular values up to rtol * the largest count as 0; default max(m, n) * eps.
    Differentiable while the rank stays. Raises ShapeError.
    """
    a, b = promote(matrices("lstsq", a, "a"), floats(b))
    vector = b.ndim == 1
    columns = expand_dims(b, -1) if vector else b
    if b.ndim == 0 or a.shape[-2] != columns.shape[-2]:
        raise ShapeError(f"lstsq: a {a.shape} and b {b.shape} need equally many rows")
    x = matmul(pinv(a, rtol=rtol), columns)
    off = abs(matmul(a, x) - columns)
    residuals, values = sum(off * off, -2), svdvals(a.detach())
    rank = matrix_rank(a, rtol=rtol)
    if vector:
        x, residuals = squeeze(x, -1), squeeze(residuals, -1)
    return LstsqResult(x, residuals, rank, values)
