"""Triangular factors of matrices: Cholesky, QR, LU, and solutions by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError, GradientError, ShapeError, unknown
from nbdl.ops import linalg_arrays
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, promote
from nbdl.ops.diagonals import diag_embed, tril, triu
from nbdl.ops.families import Indexing
from nbdl.ops.gathering import take, take_along_axis
from nbdl.ops.linalg_solving import SolveTriangular, solve_triangular
from nbdl.ops.matrices import (
    Matrices,
    adjoint,
    common_stack,
    diagonal_of,
    identity,
    matrices,
    square,
)
from nbdl.ops.movement import expand_dims
from nbdl.ops.sorting import argsort
from nbdl.shapes import Spec

__all__ = [
    "cholesky",
    "cholesky_ex",
    "cholesky_solve",
    "cholesky_inverse",
    "qr",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_unpack",
    "lu_solve",
]


def _half_diagonal(x: Tensor) -> Tensor:
    """The lower triangle, with half of the diagonal."""
    return tril(x) - diag_embed(diagonal_of(x) * 0.5)


@dataclass(frozen=True)
class Cholesky(Matrices):
    """L with A = L L^H, and the order of the first leading minor that forbids it (0: none).

    Differentiated as in I. Murray, "Differentiation of the Cholesky decomposition", 2016.
    """

    raises: bool = True
    work = 1.0
    saves = ("ys",)
    byproducts = (1,)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        blame = linalg_arrays.indefinite_minor
        y, info = linalg_arrays.guarded(xp, xp.linalg.cholesky, blame, a)
        if self.raises:
            self.refuse(
                info,
                a,
                "is not positive definite: its leading minor of order {} is not positive",
                "it must be symmetric (Hermitian) with positive eigenvalues; adding a little to "
                "the diagonal helps against rounding",
            )
        return y.astype(x.dtype, copy=False), info

    def infer(self, x: Spec) -> Any:
        return x, Spec(x.shape[:-2], dtypes.int32)

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        y = ys[0]
        inner = _half_diagonal(matmul(adjoint(y), tril(dys[0])))
        solved = SolveTriangular(upper=True)(adjoint(y), (inner + adjoint(inner)) * 0.5)
        return adjoint(SolveTriangular(upper=True)(adjoint(y), adjoint(solved)))


@dataclass(frozen=True)
class QR(Matrices):
    """A = Q R with orthonormal columns in Q and an upper triangle R.

    Differentiated as in S. F. Walter, "Structured higher-order algorithmic differentiation in
    the forward and reverse mode", 2012, for as many columns as rows or fewer; of wider matrices
    the columns beyond are Q^H times theirs.
    """

    complete: bool = False
    work = 4.0
    saves = ("ys",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        q, r = xp.linalg.qr(a, "complete" if self.complete else "reduced")
        return q.astype(x.dtype, copy=False), r.astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        *stack, m, n = x.shape
        k = m if self.complete else min(m, n)
        return Spec((*stack, m, k), x.dtype), Spec((*stack, k, n), x.dtype)

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        (dq, dr), (q, r) = dys, ys
        m, n = x.shape[-2:]
        if self.complete and m > n:
            raise GradientError(
                f"qr with mode='complete' of a tall matrix {x.shape}: the columns of Q beyond R "
                "are not determined, so they have no derivative",
                hint="mode='reduced'",
            )
        if m >= n:
            return _qr_gradient(dq, dr, q, r)
        beyond, dbeyond = r[..., m:], dr[..., m:]
        dq = dq + matmul(matmul(q, beyond), adjoint(dbeyond))
        first = _qr_gradient(dq, dr[..., :m], q, r[..., :m])
        return concat((first, matmul(q, dbeyond)), axis=-1)


def _qr_gradient(dq: Tensor, dr: Tensor, q: Tensor, r: Tensor) -> Tensor:
    """For R square."""
    inner = matmul(dr, adjoint(r)) - matmul(adjoint(q), dq)
    upper = adjoint(_half_diagonal(adjoint(inner)))
    dx = dq + matmul(q, upper + adjoint(upper))
    return adjoint(SolveTriangular(upper=True)(r, adjoint(dx)))


@dataclass(frozen=True)
class LUFactor(Matrices):
    """P^T A = L U in one matrix, the exchanges of rows, and the first pivot that is 0."""

    raises: bool = False
    work = 2.0
    saves = ("ys",)
    byproducts = (1, 2)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any, Any]:
        (a,) = self.accumulate(xp, x)
        packed, pivots = linalg_arrays.lu(xp, a)
        zero = xp.diagonal(packed, axis1=-2, axis2=-1) == 0
        first = zero.argmax(axis=-1) + 1 if zero.shape[-1] else zero.sum(axis=-1)
        info = xp.where(zero.any(axis=-1), first, 0).astype(xp.int32)
        if self.raises:
            self.refuse(info, a, "is singular: pivot {} is 0", "linalg.pinv needs no inverse")
        return packed.astype(x.dtype, copy=False), pivots, info

    def infer(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        pivots = Spec((*x.shape[:-2], min(x.shape[-2:])), dtypes.int32)
        return x, pivots, Spec(x.shape[:-2], dtypes.int32)

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        m, n = x.shape[-2:]
        k = min(m, n)
        packed, pivots, dpacked = ys[0], ys[1], dys[0]
        lower, upper = packed[..., :, :k], packed[..., :k, :]
        first_l, first_u = lower[..., :k, :], upper[..., :, :k]
        dl, du = tril(dpacked[..., :k, :k], k=-1), triu(dpacked[..., :k, :k])
        back_unit = SolveTriangular(upper=True, unitriangular=True)
        rest = []
        if m > n:  # L2 = A2 U^-1
            below, dbelow = lower[..., k:, :], dpacked[..., k:, :]
            rest = [adjoint(SolveTriangular(upper=True)(first_u, adjoint(dbelow)))]
            du = du - triu(matmul(adjoint(below), rest[0]))
        if n > m:  # U2 = L^-1 A2
            rest = [back_unit(adjoint(first_l), dpacked[..., :, k:])]
            dl = dl - tril(matmul(rest[0], adjoint(upper[..., :, k:])), k=-1)
        unit_l = tril(first_l, k=-1) + identity(k, packed)
        inner = tril(matmul(adjoint(unit_l), dl), k=-1) + triu(matmul(du, adjoint(triu(first_u))))
        right = adjoint(SolveTriangular(upper=True)(first_u, adjoint(inner)))
        dx = back_unit(adjoint(first_l), right)
        if rest:
            dx = concat((dx, rest[0]), axis=-2 if m > n else -1)
        order = Permutation(m)(pivots)
        return _rows(dx, argsort(order, -1))


def _rows(x: Tensor, order: Tensor) -> Tensor:
    """Rows of matrices in another order.  x: (..., m, n), order: (..., m)."""
    return take_along_axis(x, expand_dims(order, -1), -2)


@dataclass(frozen=True)
class Permutation(Indexing):
    """The order of ``m`` rows that LAPACK's exchanges lead to."""

    m: int
    differentiable = False
    stacks = True

    def forward(self, xp: Any, pivots: Any) -> Any:
        return linalg_arrays.permutation(xp, pivots, self.m)

    def infer(self, pivots: Spec) -> Spec:
        return Spec((*pivots.shape[:-1], self.m), dtypes.int64)


class CholeskyResult(NamedTuple):
    """The factor; ``info``: the order of the leading minor that is not positive (0: none)."""

    L: Tensor
    info: Tensor


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle: x = Q @ R."""

    Q: Tensor
    R: Tensor


class LUResult(NamedTuple):
    """A permutation and two triangles: x = P @ L @ U."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactorResult(NamedTuple):
    """U with L below its diagonal, and with which row each was exchanged, counted from 1."""

    LU: Tensor
    pivots: Tensor


class LUFactorExResult(NamedTuple):
    """As LUFactorResult; ``info``: which pivot is 0, counted from 1 (0: none is)."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


def cholesky(x: Any, /, *, upper: bool = False) -> Tensor:
    """The lower triangle L with x = L @ L.mH, or the ``upper`` one U with x = U.mH @ U.

    x: (..., n, n) symmetric (Hermitian) positive definite, of which only the lower triangle is
    read -> y: (..., n, n). The gradient is that among symmetric matrices, as PyTorch's. Raises
    LinAlgError for a matrix that is not positive definite.
    """
    return cholesky_ex(x, upper=upper, check_errors=True)[0]


def cholesky_ex(x: Any, /, *, upper: bool = False, check_errors: bool = False) -> CholeskyResult:
    """``cholesky`` that says what failed instead of raising: NaN, and a number in ``info``."""
    y, info = Cholesky(check_errors)(square("cholesky", x))
    return CholeskyResult(adjoint(y) if upper else y, info)


def cholesky_solve(b: Any, factor: Any, /, *, upper: bool = False) -> Tensor:
    """x with a @ x = b from a's Cholesky factor.  b: (..., n, k), factor: (..., n, n) -> x."""
    name = "cholesky_solve"
    b, factor = promote(matrices(name, b, "b"), square(name, factor, "factor"))
    middle = solve_triangular(adjoint(factor) if upper else factor, b, upper=False)
    return solve_triangular(factor if upper else adjoint(factor), middle, upper=True)


def cholesky_inverse(factor: Any, /, *, upper: bool = False) -> Tensor:
    """The inverse of a from its Cholesky factor.  factor: (..., n, n) -> y: (..., n, n)."""
    factor = square("cholesky_inverse", factor, "factor")
    return cholesky_solve(identity(factor.shape[-1], factor), factor, upper=upper)


def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """Orthonormal columns Q and an upper triangle R with x = Q @ R.

    x: (..., m, n) -> Q: (..., m, k), R: (..., k, n) with k = min(m, n), or m for
    mode="complete". Signs of Q's columns are LAPACK's choice. The gradient needs linearly
    independent first k columns. Raises ArgumentError for another mode.
    """
    if mode not in ("reduced", "complete"):
        raise unknown("mode of qr", mode, ("reduced", "complete"))
    return QRResult(*QR(mode == "complete")(matrices("qr", x)))


def lu_factor(x: Any, /) -> LUFactorResult:
    """Triangular factors, with partial pivoting, as ``lu_solve`` takes them.

    x: (..., m, n) -> LU: (..., m, n), pivots: (..., min(m, n)) int32, counted from 1.
    """
    return LUFactorResult(*LUFactor()(matrices("lu_factor", x))[:2])


def lu_factor_ex(x: Any, /, *, check_errors: bool = False) -> LUFactorExResult:
    """``lu_factor`` that also says which pivot is 0; ``check_errors`` raises LinAlgError then."""
    return LUFactorExResult(*LUFactor(check_errors)(matrices("lu_factor", x)))


def lu_unpack(factors: Any, pivots: Any, /) -> LUResult:
    """P, L and U from what ``lu_factor`` gives.

    factors: (..., m, n), pivots: (..., k) -> P: (..., m, m), L: (..., m, k), U: (..., k, n).
    """
    packed = matrices("lu_unpack", factors, "factors")
    pivots = _pivots("lu_unpack", factors, pivots)
    m, n = packed.shape[-2:]
    k = min(m, n)
    strict = tril(packed[..., :, :k], k=-1)
    ones = identity(m, packed)[:, :k]
    order = Permutation(m)(pivots)
    p = take(identity(m, packed), argsort(order, -1), axis=0)
    return LUResult(p, strict + ones, triu(packed[..., :k, :]))


def _pivots(name: str, factors: Any, pivots: Any) -> Tensor:
    pivots, shape = astensor(pivots), astensor(factors).shape
    if pivots.dtype.kind not in "iu":
        raise DtypeError(f"{name} needs pivots of integers, got {pivots.dtype}")
    if not pivots.ndim or pivots.shape[-1] != min(shape[-2:]):
        raise ShapeError(
            f"{name}: LU of shape {shape} needs {min(shape[-2:])} pivots, got {pivots.shape}"
        )
    return pivots


def lu(x: Any, /) -> LUResult:
    """A permutation P and triangles L (ones on its diagonal) and U with x = P @ L @ U.

    x: (..., m, n) -> P: (..., m, m), L: (..., m, k), U: (..., k, n) with k = min(m, n).
    """
    return lu_unpack(*lu_factor(x))


def lu_solve(
    factors: Any, pivots: Any, b: Any, /, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """x with a @ x = b from a's LU factors: see ``lu_factor``.

    factors: (..., n, n), pivots: (..., n), b: (..., n, k) -> x: (..., n, k). ``left=False``:
    x @ a = b; ``adjoint``: a.mH in place of a.
    """
    packed, b = promote(square("lu_solve", factors, "factors"), matrices("lu_solve", b, "b"))
    pivots = _pivots("lu_solve", packed, pivots)
    if not left:  # x a = b says a^H x^H = b^H
        return lu_solve(packed, pivots, b.mH, adjoint=not adjoint).mH
    stack = common_stack("lu_solve", packed, b)
    b = broadcast_to(b, (*stack, *b.shape[-2:]))
    order = broadcast_to(Permutation(b.shape[-2])(pivots), (*stack, b.shape[-2]))
    if not adjoint:
        middle = SolveTriangular(upper=False, unitriangular=True)(packed, _rows(b, order))
        return SolveTriangular(upper=True)(packed, middle)
    middle = SolveTriangular(upper=False)(packed.mH, b)
    x = SolveTriangular(upper=True, unitriangular=True)(packed.mH, middle)
    return _rows(x, argsort(order, -1))
