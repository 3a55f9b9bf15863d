"""Products of Householder reflections, which orthonormal factors are made of.

A reflection is 1 - tau v v^H. Several of them are one matrix 1 - V T V^H with a triangle T (C.
Puglisi, SIAM J. Sci. Stat. Comput. 13, 1992), so a product with them is two products with V.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import floats, promote, promote_all
from nbdl.ops.diagonals import tril, triu
from nbdl.ops.linalg_solving import SolveTriangular
from nbdl.ops.matrices import Matrices, adjoint, identity, matrices
from nbdl.ops.movement import expand_dims
from nbdl.shapes import Spec

__all__ = ["geqrf", "householder_product", "ormqr"]


class Geqrf(Matrices):
    """The triangle R of A = Q R with the reflections of Q below it, and their weights tau."""

    work = 4.0
    differentiable = False

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        turned, tau = xp.linalg.qr(a, "raw")
        packed = xp.swapaxes(turned, -1, -2)
        return packed.astype(x.dtype, copy=False), tau.astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        return x, Spec((*x.shape[:-2], min(x.shape[-2:])), x.dtype)


class GeqrfResult(NamedTuple):
    """R with reflections below its diagonal, and their weights."""

    a: Tensor
    tau: Tensor


def geqrf(x: Any, /) -> GeqrfResult:
    """``qr`` with Q as reflections: what ``householder_product`` and ``ormqr`` take.

    x: (..., m, n) -> a: (..., m, n), tau: (..., min(m, n)). No gradient.
    """
    return GeqrfResult(*Geqrf()(matrices("geqrf", x)))


def _reflections(name: str, x: Tensor, tau: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """V, and the triangle and the weights with T = triangle^-1 diag(weights)."""
    m, n = x.shape[-2:]
    k = tau.shape[-1] if tau.ndim else 0
    if tau.ndim != x.ndim - 1 or tau.shape[:-1] != x.shape[:-2] or k > min(m, n):
        raise ShapeError(
            f"{name}: x {x.shape} needs tau with its leading axes and at most {min(m, n)} "
            f"numbers, got {tau.shape}"
        )
    v = tril(x[..., :k], k=-1) + identity(m, x)[:, :k]
    weights = expand_dims(tau, -1)
    triangle = identity(k, x) + weights * triu(matmul(adjoint(v), v), k=1)
    return v, triangle, weights


_inverse = SolveTriangular(upper=True, unitriangular=True)


def householder_product(x: Any, tau: Any, /) -> Tensor:
    """The first columns of a product of reflections: Q of ``geqrf``.

    x: (..., m, n) with each v below the diagonal of a column (and a 1 on it), n <= m, tau:
    (..., k), k <= n -> y: (..., m, n). Raises ShapeError.
    """
    x, tau = promote(matrices("householder_product", x), floats(tau))
    m, n = x.shape[-2:]
    if n > m:
        raise ShapeError(f"householder_product: x {x.shape} must not have more columns than rows")
    v, triangle, weights = _reflections("householder_product", x, tau)
    inner = _inverse(triangle, weights * adjoint(v)[..., :n])
    return identity(m, x)[:, :n] - matmul(v, inner)


def ormqr(
    x: Any, tau: Any, other: Any, /, *, left: bool = True, transpose: bool = False
) -> Tensor:
    """A product with Q of ``geqrf``, all its columns, without making it.

    x: (..., m, n), tau: (..., k), other: (..., m, c) -> Q @ other: (..., m, c); ``left=False``:
    other: (..., c, m) -> other @ Q; ``transpose``: Q's adjoint in place of Q. Raises ShapeError.
    """
    other = matrices("ormqr", other, "other")
    x, tau, other = promote_all(matrices("ormqr", x), floats(tau), other)
    if not left:
        return adjoint(ormqr(x, tau, adjoint(other), transpose=not transpose))
    if x.shape[-2] != other.shape[-2]:
        raise ShapeError(
            f"ormqr: Q of {x.shape[-2]} rows and columns (x {x.shape}) and other {other.shape} "
            "do not fit"
        )
    v, triangle, weights = _reflections("ormqr", x, tau)
    seen = matmul(adjoint(v), other)
    if transpose:  # (1 - V T V^H)^H = 1 - V T^H V^H and T^H = diag(weights)^H triangle^-H
        solved = SolveTriangular(upper=False, unitriangular=True)(adjoint(triangle), seen)
        return other - matmul(v, weights.conj() * solved)
    return other - matmul(v, _inverse(triangle, weights * seen))
