"""Determinants, their logarithms, and the cofactors that are their derivatives."""

from __future__ import annotations

from typing import Any, NamedTuple

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops import linalg_arrays
from nbdl.ops.arithmetic import conj, imag, log
from nbdl.ops.broadcasting import sum
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul, matrix_transpose
from nbdl.ops.creation import ones_like
from nbdl.ops.cumulative import cumprod
from nbdl.ops.diagonals import diag_embed, triu
from nbdl.ops.linalg_solving import inv
from nbdl.ops.linalg_spectra import SVD
from nbdl.ops.matrices import Matrices, adjoint, diagonal_of, square
from nbdl.ops.movement import expand_dims, flip
from nbdl.ops.selection import where
from nbdl.shapes import Spec

__all__ = ["det", "slogdet", "logdet"]


class Det(Matrices):
    """The determinant; its derivative is the matrix of cofactors, of singular matrices too."""

    work = 2.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        return xp.asarray(xp.linalg.det(a)).astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> Spec:
        return Spec(x.shape[:-2], x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return expand_dims(dy, (-2, -1)) * conj(Cofactors()(x))


class Cofactors(Matrices):
    """The matrix of cofactors: C[i, j] = (-1)^(i+j) times the minor without row i, column j."""

    work = 70.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        return linalg_arrays.cofactors(xp, a).astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # The second derivatives of det are symmetric, so the gradient is the derivative along
        # conj(dy), conjugated. Turned to where x is diagonal it needs no division, so that it
        # holds where x is singular and where singular values are equal.
        u, s, vh = SVD()(x)
        along = matmul(matmul(adjoint(u), conj(dy)), adjoint(vh))
        pairs = _pair_products(s)
        own = sum(pairs * expand_dims(diagonal_of(along), -2), -1)
        middle = diag_embed(own) - matrix_transpose(along) * pairs
        phase = expand_dims(det(matmul(u, vh)), (-2, -1))
        return conj(phase * matmul(matmul(conj(u), middle), conj(vh)))


def _pair_products(s: Tensor) -> Tensor:
    """Products of all elements but two: at (i, j), i ≠ j, without the i-th and the j-th; else 0.

    s: (..., n) -> y: (..., n, n). From the products before i, between i and j, and after j.
    """
    after_row = triu(ones_like(expand_dims(s, -2) * expand_dims(s, -1)), k=1) != 0
    between = _products_before(where(after_row, expand_dims(s, -2), 1))
    before, after = _products_before(s), flip(_products_before(flip(s, -1)), -1)
    upper = triu(expand_dims(before, -1) * between * expand_dims(after, -2), k=1)
    return upper + matrix_transpose(upper)


def _products_before(x: Tensor) -> Tensor:
    """For each element of the last axis the product of those before it."""
    return concat((ones_like(x[..., :1]), cumprod(x, -1)[..., :-1]), axis=-1)


class Slogdet(Matrices):
    """Sign (of a complex determinant: the phase) and logarithm of the determinant's size."""

    work = 2.0
    saves = ("ys", "x")

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        sign, size = xp.linalg.slogdet(a)
        real = dtypes.real_of(x.dtype)
        return (
            xp.asarray(sign).astype(x.dtype, copy=False),
            xp.asarray(size).astype(real, copy=False),
        )

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        stack = x.shape[:-2]
        return Spec(stack, x.dtype), Spec(stack, dtypes.real_of(x.dtype))

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        (dsign, dsize), (sign, _) = dys, ys
        scale = dsize
        if x.dtype.kind == "c":
            scale = dsize - imag(conj(dsign) * sign) * 1j
        return expand_dims(scale, (-2, -1)) * adjoint(inv(x))


class SlogdetResult(NamedTuple):
    """det(x) = sign * exp(logabsdet)."""

    sign: Tensor
    logabsdet: Tensor


def det(x: Any, /) -> Tensor:
    """Determinants of square matrices.  x: (..., n, n) -> y: (...).

    Overflows soon for large matrices, ``slogdet`` does not. Raises ShapeError.
    """
    return Det()(square("det", x))


def slogdet(x: Any, /) -> SlogdetResult:
    """Sign and logarithm of the size of determinants: det(x) = sign * exp(logabsdet).

    x: (..., n, n) -> sign: (...), logabsdet: (...) real; of a singular matrix 0 and -inf, where
    no gradient exists (LinAlgError). Raises ShapeError.
    """
    return SlogdetResult(*Slogdet()(square("slogdet", x)))


def logdet(x: Any, /) -> Tensor:
    """Logarithms of determinants (PyTorch's): NaN for negative ones, -inf for 0.

    x: (..., n, n) -> y: (...).
    """
    sign, size = slogdet(square("logdet", x))
    return log(sign) + size
