"""Algorithms on stacks of matrices that NumPy and CuPy have not, written for both.

Only arrays here, no tensors: what ``forward`` of the operations of linear algebra calls.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl import backends

_BLOCK = 32
"""Columns or rows that are eliminated one by one; beyond, matrix products do the work."""


def conjugate_transpose(xp: Any, a: Any) -> Any:
    """The last two axes exchanged, complex numbers conjugated."""
    return xp.conj(xp.swapaxes(a, -1, -2))


def solve_triangle(xp: Any, a: Any, b: Any, upper: bool) -> Any:
    """X with A X = B for triangular A; the other triangle of A must be 0.

    a: (..., n, n), b: (..., n, k) -> x: (..., n, k). Blockwise substitution: the triangle is
    halved until it is small, so that nearly all work is matrix products.
    """
    n = a.shape[-1]
    if n <= _BLOCK:
        return xp.linalg.solve(a, b)
    half = n // 2
    first, last = slice(None, half), slice(half, None)
    if upper:
        first, last = last, first
    x = solve_triangle(xp, a[..., first, first], b[..., first, :], upper)
    rest = b[..., last, :] - a[..., last, first] @ x
    y = solve_triangle(xp, a[..., last, last], rest, upper)
    return xp.concatenate((y, x) if upper else (x, y), axis=-2)


def routine(name: str, dtype: Any) -> Any:
    """LAPACK's routine for single matrices of a dtype, as SciPy gives it."""
    letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[np.dtype(dtype).char]
    return getattr(backends.lapack(), letter + name)


def lu(xp: Any, a: Any) -> tuple[Any, Any]:
    """Triangular factors in one matrix, and which row was exchanged with which.

    a: (..., m, n) -> packed: (..., m, n), U with L below its diagonal (L's ones left out);
    pivots: (..., min(m, n)) int32, counted from 1. On the CPU they are LAPACK's.
    """
    if xp is not np:
        return eliminated(xp, a)
    factor = routine("getrf", a.dtype)
    packed, pivots = np.empty_like(a), np.empty((*a.shape[:-2], min(a.shape[-2:])), np.int32)
    for index in np.ndindex(a.shape[:-2]) if a.size else ():
        packed[index], exchanged, _ = factor(a[index])
        pivots[index] = exchanged + 1
    return packed, pivots


def eliminated(xp: Any, a: Any) -> tuple[Any, Any]:
    """What ``lu`` gives, for a library that has no factors of stacks of matrices.

    Partial pivoting, block by block (Golub and Van Loan, Matrix Computations, section 3.2.11).
    """
    m, n = a.shape[-2:]
    k = min(m, n)
    packed = a.reshape(math.prod(a.shape[:-2]), m, n).copy()
    pivots = xp.zeros((packed.shape[0], k), dtype=xp.int32)
    for start in range(0, k, _BLOCK):
        stop = min(start + _BLOCK, k)
        for j in range(start, stop):
            _eliminate(xp, packed, pivots, j, stop)
        if stop < n:
            here = slice(start, stop)
            square = packed[:, here, here]
            lower = xp.tril(square, -1) + xp.eye(stop - start, dtype=a.dtype)
            packed[:, here, stop:] = solve_triangle(xp, lower, packed[:, here, stop:], False)
            packed[:, stop:, stop:] -= packed[:, stop:, here] @ packed[:, here, stop:]
    return packed.reshape(a.shape), pivots.reshape(*a.shape[:-2], k)


def _eliminate(xp: Any, packed: Any, pivots: Any, j: int, stop: int) -> None:
    """Bring the largest of column ``j`` up and clear the column up to ``stop``."""
    column = packed[:, j:, j]
    size = xp.abs(column.real) + xp.abs(column.imag) if packed.dtype.kind == "c" else xp.abs(column)
    places = size.argmax(axis=1) + j
    pivots[:, j] = places + 1
    which = xp.arange(packed.shape[0])
    up = packed[which, places]
    packed[which, places] = packed[:, j]
    packed[:, j] = up
    pivot = up[:, j : j + 1]
    packed[:, j + 1 :, j] /= xp.where(pivot == 0, 1, pivot)
    packed[:, j + 1 :, j + 1 : stop] -= (
        packed[:, j + 1 :, j : j + 1] * packed[:, j : j + 1, j + 1 : stop]
    )


def permutation(xp: Any, pivots: Any, m: int) -> Any:
    """The order of rows that exchanges lead to: (P^T A)[i] = A[order[i]].

    pivots: (..., k), counted from 1 -> order: (..., m) int64.
    """
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = xp.zeros((flat.shape[0], m), dtype=xp.int64) + xp.arange(m)
    which = xp.arange(flat.shape[0])
    for j in range(flat.shape[1]):
        places = flat[:, j] - 1
        up = order[which, places]
        order[which, places] = order[:, j]
        order[:, j] = up
    return order.reshape(*pivots.shape[:-1], m)


_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
    40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
"""Coefficients of the Padé approximant of exp of degree 13."""

_REACH = 5.371920351148152
"""The 1-norm up to which it is as exact as double precision."""


def expm(xp: Any, a: Any) -> Any:
    """The exponential of square matrices, computed in double precision.

    Padé approximant of degree 13 with scaling and squaring (Higham, "The scaling and squaring
    method for the matrix exponential revisited", 2005).
    """
    wide = a.astype(xp.complex128 if a.dtype.kind == "c" else xp.float64)
    norm = xp.abs(wide).sum(axis=-2).max(axis=-1, initial=0)
    finite = xp.where(xp.isfinite(norm), norm, 0)
    squarings = xp.ceil(xp.log2(xp.maximum(finite / _REACH, 1))).astype(xp.int64)[..., None, None]
    x = _pade(xp, wide * 0.5 ** squarings.astype(xp.float64))
    for i in range(int(squarings.max(initial=0))):
        x = xp.where(i < squarings, x @ x, x)
    return x.astype(a.dtype)


def _pade(xp: Any, a: Any) -> Any:
    b = _PADE
    one = xp.eye(a.shape[-1], dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2

    def half(c: tuple[float, ...]) -> Any:
        """The powers of a that are even: c[0] + c[1] a2 + ... + c[6] a12."""
        high = a6 @ (c[6] * a6 + c[5] * a4 + c[4] * a2)
        return high + c[3] * a6 + c[2] * a4 + c[1] * a2 + c[0] * one

    even, odd = half(b[0::2]), a @ half(b[1::2])
    return xp.linalg.solve(even - odd, even + odd)


def pseudo_inverse(xp: Any, a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The Moore-Penrose inverse; singular values up to max(atol, rtol * the largest) count as 0.

    atol, rtol: shapes that broadcast to (..., 1).
    """
    if hermitian:
        values, vectors = xp.linalg.eigh(a)
        size, left, right = xp.abs(values), vectors, conjugate_transpose(xp, vectors)
    else:
        left, values, right = xp.linalg.svd(a, full_matrices=False)
        size = values
    cutoff = xp.maximum(atol, rtol * size.max(axis=-1, keepdims=True, initial=0))
    there = size > cutoff
    inverse = xp.where(there, 1 / xp.where(there, values, 1), 0).astype(values.dtype)
    scaled = conjugate_transpose(xp, right) * inverse[..., None, :]
    return scaled @ conjugate_transpose(xp, left)


def cofactors(xp: Any, a: Any) -> Any:
    """The matrix of cofactors, det(A) A^-T where A can be inverted, and its limit elsewhere.

    From A = U S V^H: the cofactors of a product are the product of the cofactors.
    """
    u, s, vh = xp.linalg.svd(a)
    phase = xp.linalg.det(u @ vh)[..., None, None]
    return (phase * xp.conj(u)) * others_product(xp, s)[..., None, :] @ xp.conj(vh)


def others_product(xp: Any, s: Any) -> Any:
    """For each element of a vector the product of all others.  s: (..., n) -> (..., n)."""
    n = s.shape[-1]
    table = xp.where(xp.eye(n, dtype=bool), 1, s[..., None, :])
    return xp.prod(table, axis=-1).astype(s.dtype)


def guarded(xp: Any, function: Any, blame: Any, a: Any, *others: Any) -> tuple[Any, Any]:
    """``function(a, *others)`` over stacks, and what is wrong with each matrix of ``a``.

    Where it raises LinAlgError for a matrix, the result (of the shape of the last argument) is
    NaN there and the number, counted from 1, what ``blame(xp, matrix)`` says.
    """
    info = xp.zeros(a.shape[:-2], dtype=xp.int32)
    with backends.strict_linalg(xp):
        try:
            return function(a, *others), info
        except np.linalg.LinAlgError:
            pass
        result = xp.full((a, *others)[-1].shape, xp.nan, dtype=a.dtype)
        for index in np.ndindex(a.shape[:-2]):
            try:
                result[index] = function(a[index], *(b[index] for b in others))
            except np.linalg.LinAlgError:
                info[index] = blame(xp, a[index])
    return result, info


def indefinite_minor(xp: Any, a: Any) -> int:
    """The order of the first leading minor of a matrix that has no Cholesky factor."""
    low, high = 0, a.shape[-1]
    while high - low > 1:
        middle = (low + high) // 2
        try:
            xp.linalg.cholesky(a[:middle, :middle])
            low = middle
        except np.linalg.LinAlgError:
            high = middle
    return high


def zero_pivot(xp: Any, a: Any) -> int:
    """The place, counted from 1, of the first pivot of a singular matrix that is 0."""
    zero = xp.diagonal(lu(xp, a)[0]) == 0
    return int(zero.argmax()) + 1
