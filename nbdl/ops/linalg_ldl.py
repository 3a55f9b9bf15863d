"""Factors of symmetric matrices that need not be positive definite: LDL.

LAPACK computes them, by SciPy, so those of a GPU's matrices go over the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import astensor, promote
from nbdl.ops.linalg_arrays import routine
from nbdl.ops.matrices import Matrices, matrices, square
from nbdl.shapes import Spec, broadcast_shapes

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]


def _routine(step: str, hermitian: bool, dtype: Any) -> Any:
    """LAPACK's factorization ("trf") or solution ("trs") for a dtype."""
    return routine(("he" if hermitian and dtype.kind == "c" else "sy") + step, dtype)


@dataclass(frozen=True)
class LdlFactor(Matrices):
    """L and D (with blocks of 2) in one matrix, the exchanges, and a block of D that is 0."""

    hermitian: bool = False
    differentiable = False

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any, Any]:
        (a,) = self.accumulate(np, backends.to_numpy(x))
        factor = _routine("trf", self.hermitian, a.dtype)
        packed = np.empty_like(a)
        pivots = np.empty(a.shape[:-1], np.int32)
        info = np.zeros(a.shape[:-2], np.int32)
        for index in np.ndindex(a.shape[:-2]) if a.size else ():
            ldu, ipiv, failed = factor(a[index], lower=1)
            packed[index] = np.tril(ldu)  # LAPACK leaves the other triangle as it was
            pivots[index], info[index] = ipiv, failed
        packed = packed.astype(x.dtype, copy=False)
        return xp.asarray(packed), xp.asarray(pivots), xp.asarray(info)

    def infer(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        return x, Spec(x.shape[:-1], dtypes.int32), Spec(x.shape[:-2], dtypes.int32)


@dataclass(frozen=True)
class LdlSolve(Matrices):
    """X with A X = B from the factors of A."""

    hermitian: bool = False
    differentiable = False
    stacks = False  # the pivots have one axis less

    def forward(self, xp: Any, packed: Any, pivots: Any, b: Any) -> Any:
        a, right = self.accumulate(np, backends.to_numpy(packed), backends.to_numpy(b))
        solve = _routine("trs", self.hermitian, a.dtype)
        shape = self.infer(*(Spec(t.shape, t.dtype) for t in (packed, pivots, b))).shape
        stack = shape[:-2]
        a = np.broadcast_to(a, (*stack, *a.shape[-2:]))
        pivots = np.broadcast_to(backends.to_numpy(pivots), (*stack, pivots.shape[-1]))
        right = np.broadcast_to(right, shape)
        x = np.empty(shape, right.dtype)
        for index in np.ndindex(stack) if x.size else ():
            x[index], _ = solve(a[index], pivots[index], right[index], lower=1)
        return xp.asarray(x.astype(b.dtype, copy=False))

    def infer(self, packed: Spec, pivots: Spec, b: Spec) -> Spec:
        stack = broadcast_shapes(packed.shape[:-2], b.shape[:-2], what=f"{self.name}: stacks")
        return Spec((*stack, *b.shape[-2:]), b.dtype)


class LdlFactorResult(NamedTuple):
    """L below the diagonal, D on and beside it; with which row each was exchanged."""

    LD: Tensor
    pivots: Tensor


class LdlFactorExResult(NamedTuple):
    """As LdlFactorResult; ``info``: which block of D is 0, counted from 1 (0: none is)."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


def ldl_factor(x: Any, /, *, hermitian: bool = False) -> LdlFactorResult:
    """x = L @ D @ L.mT (L.mH if ``hermitian``) for symmetric x, in LAPACK's packed form.

    x: (..., n, n), of which the lower triangle is read -> LD: (..., n, n), pivots: (..., n)
    int32. No gradient.
    """
    return LdlFactorResult(*ldl_factor_ex(x, hermitian=hermitian)[:2])


def ldl_factor_ex(
    x: Any, /, *, hermitian: bool = False, check_errors: bool = False
) -> LdlFactorExResult:
    """``ldl_factor`` that also says which block of D is 0; ``check_errors`` raises then."""
    op, x = LdlFactor(hermitian), square("ldl_factor", x)
    packed, pivots, info = op(x)
    if check_errors:
        op.refuse(info.numpy(), x.numpy(), "is singular: block {} of D is 0", "linalg.pinv")
    return LdlFactorExResult(packed, pivots, info)


def ldl_solve(factors: Any, pivots: Any, b: Any, /, *, hermitian: bool = False) -> Tensor:
    """x with a @ x = b from a's factors: see ``ldl_factor``.

    factors: (..., n, n), pivots: (..., n), b: (..., n, k) -> x: (..., n, k). No gradient.
    """
    packed, b = promote(square("ldl_solve", factors, "factors"), matrices("ldl_solve", b, "b"))
    return LdlSolve(hermitian)(packed, astensor(pivots), b)
