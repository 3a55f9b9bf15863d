"""Singular values and eigenvalues, with their vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import LinAlgError, unknown
from nbdl.ops.arithmetic import conj, real
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import cast
from nbdl.ops.diagonals import diag_embed
from nbdl.ops.linalg_solving import Solve
from nbdl.ops.matrices import Matrices, adjoint, diagonal_of, matrices, square
from nbdl.ops.movement import expand_dims
from nbdl.ops.selection import where
from nbdl.shapes import Spec

__all__ = ["svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals"]

# Vectors are determined up to a sign (a phase where complex), and where values are equal up to a
# rotation among themselves. A gradient through them means something for functions that do not
# depend on that choice. Where values are equal it is infinite or NaN, as PyTorch's, but if no
# gradient comes through the vectors (a function of the values alone) it is that of the values.


def _over(x: Tensor, gaps: Tensor, still: Tensor) -> Tensor:
    """x / gaps, and 0 where there is no gap and ``still`` holds: no gradient to divide."""
    return x / where((gaps == 0) & still, 1, gaps)


def _off_diagonal(x: Tensor) -> Tensor:
    """Square matrices with zeros on the diagonal."""
    return x - diag_embed(diagonal_of(x))


def _differences(values: Tensor) -> Tensor:
    """values[j] - values[i] at (i, j).  values: (..., n) -> y: (..., n, n)."""
    return expand_dims(values, -2) - expand_dims(values, -1)


class _Spectrum(Matrices, abstract=True):
    """Values and vectors by an iteration that may fail on NaN."""

    def computed(self, function: Any, a: Any, *args: Any) -> Any:
        """``function(a, *args)``, or a LinAlgError that says why not."""
        try:
            return function(a, *args)
        except np.linalg.LinAlgError as error:
            bad = not np.isfinite(a).all()
            raise LinAlgError(
                f"{self.name} of {a.dtype}{list(a.shape)}: "
                + ("it holds NaN or infinity" if bad else str(error)),
                hint="nbdl.detect_anomaly() finds where they came from" if bad else None,
            ) from None


@dataclass(frozen=True)
class SVD(_Spectrum):
    """A = U diag(S) V^H, singular values from the largest."""

    full_matrices: bool = False
    work = 60.0
    saves = ("ys",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any, Any]:
        (a,) = self.accumulate(xp, x)
        u, s, vh = self.computed(xp.linalg.svd, a, self.full_matrices)
        real = dtypes.real_of(x.dtype)
        return (
            u.astype(x.dtype, copy=False),
            s.astype(real, copy=False),
            vh.astype(x.dtype, copy=False),
        )

    def infer(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        *stack, m, n = x.shape
        k = min(m, n)
        rows, columns = (m, n) if self.full_matrices else (k, k)
        return (
            Spec((*stack, m, rows), x.dtype),
            Spec((*stack, k), dtypes.real_of(x.dtype)),
            Spec((*stack, columns, n), x.dtype),
        )

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        (du, ds, dvh), (u, s, vh) = dys, ys
        m, n = x.shape[-2:]
        k = min(m, n)
        if self.full_matrices:  # the columns beyond are not determined: theirs is no derivative
            u, du, vh, dvh = u[..., :k], du[..., :k], vh[..., :k, :], dvh[..., :k, :]
        left, right = _skew(matmul(adjoint(u), du)), _skew(matmul(vh, adjoint(dvh)))
        diagonal = cast(ds, x.dtype)
        if x.dtype.kind == "c":
            turn = diagonal_of(left) * 0.5
            diagonal = diagonal + _over(turn, s, turn == 0)
            left, right = _off_diagonal(left), _off_diagonal(right)
        row, column = expand_dims(s, -2), expand_dims(s, -1)
        still = (left == 0) & (right == 0)
        inner = _over(left * row + column * right, _differences(s * s), still)
        dx = matmul(matmul(u, inner + diag_embed(diagonal)), vh)
        if m > k:
            outer = _over(du, row, du == 0)
            dx = dx + matmul(outer - matmul(u, matmul(adjoint(u), outer)), vh)
        if n > k:
            outer = _over(dvh, column, dvh == 0)
            dx = dx + matmul(u, outer - matmul(matmul(outer, adjoint(vh)), vh))
        return dx


def _skew(x: Tensor) -> Tensor:
    return x - adjoint(x)


class Svdvals(_Spectrum):
    """Singular values alone, from the largest."""

    work = 8.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        s = self.computed(lambda one: xp.linalg.svd(one, compute_uv=False), a)
        return s.astype(dtypes.real_of(x.dtype), copy=False)

    def infer(self, x: Spec) -> Spec:
        return Spec((*x.shape[:-2], min(x.shape[-2:])), dtypes.real_of(x.dtype))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        u, _, vh = SVD()(x)
        return matmul(u * expand_dims(dy, -2), vh)


@dataclass(frozen=True)
class Eigh(_Spectrum):
    """A = V diag(L) V^H for symmetric (Hermitian) A, of which one triangle is read."""

    uplo: str = "L"
    work = 27.0
    saves = ("ys",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        values, vectors = self.computed(xp.linalg.eigh, a, self.uplo)
        real = dtypes.real_of(x.dtype)
        return values.astype(real, copy=False), vectors.astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        return Spec(x.shape[:-1], dtypes.real_of(x.dtype)), x

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        (dvalues, dvectors), (values, vectors) = dys, ys
        turn = _off_diagonal(matmul(adjoint(vectors), dvectors))
        turn = _over(turn, _differences(values), turn == 0)
        inner = (turn + adjoint(turn)) * 0.5 + diag_embed(cast(dvalues, x.dtype))
        return matmul(matmul(vectors, inner), adjoint(vectors))


@dataclass(frozen=True)
class Eigvalsh(_Spectrum):
    """Eigenvalues alone of symmetric (Hermitian) matrices, from the smallest."""

    uplo: str = "L"
    work = 4.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        values = self.computed(xp.linalg.eigvalsh, a, self.uplo)
        return values.astype(dtypes.real_of(x.dtype), copy=False)

    def infer(self, x: Spec) -> Spec:
        return Spec(x.shape[:-1], dtypes.real_of(x.dtype))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        _, vectors = Eigh(self.uplo)(x)
        return matmul(vectors * expand_dims(dy, -2), adjoint(vectors))


class Eig(_Spectrum):
    """A V = V diag(L) for any square A; complex, vectors of length 1.

    Differentiated as in C. Boeddeker et al., "On the computation of complex-valued gradients
    with application to statistically optimum beamforming", 2017, for vectors of length 1.
    """

    work = 75.0
    saves = ("ys",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        values, vectors = self.computed(xp.linalg.eig, a)
        dtype = dtypes.complex_of(x.dtype)
        return values.astype(dtype, copy=False), vectors.astype(dtype, copy=False)

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        dtype = dtypes.complex_of(x.dtype)
        return Spec(x.shape[:-1], dtype), Spec(x.shape, dtype)

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        (dvalues, dvectors), (values, vectors) = dys, ys
        back = adjoint(vectors)
        turn = matmul(back, dvectors)
        along = expand_dims(real(diagonal_of(turn)), -2)
        turn = turn - matmul(back, vectors) * along
        turn = _off_diagonal(turn)
        turn = _over(turn, conj(_differences(values)), turn == 0)
        inner = turn + diag_embed(dvalues)
        return Solve()(back, matmul(inner, back))[0]


class Eigvals(_Spectrum):
    """Eigenvalues alone of square matrices; complex."""

    work = 25.0
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        return self.computed(xp.linalg.eigvals, a).astype(dtypes.complex_of(x.dtype), copy=False)

    def infer(self, x: Spec) -> Spec:
        return Spec(x.shape[:-1], dtypes.complex_of(x.dtype))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        _, vectors = Eig()(x)
        back = adjoint(vectors)
        return Solve()(back, expand_dims(dy, -1) * back)[0]


class SVDResult(NamedTuple):
    """x = U @ diag(S) @ Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class EighResult(NamedTuple):
    """x = V @ diag(eigenvalues) @ V.mH with V the eigenvectors, as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class EigResult(NamedTuple):
    """x @ V = V @ diag(eigenvalues) with V the eigenvectors, as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """Singular values S, from the largest, with vectors: x = U @ diag(S) @ Vh.

    x: (..., m, n) -> U: (..., m, m), S: (..., k) real, Vh: (..., n, n) with k = min(m, n); or
    U: (..., m, k), Vh: (..., k, n) without ``full_matrices``, whose columns beyond k carry no
    gradient. Raises LinAlgError for NaN, ShapeError.
    """
    return SVDResult(*SVD(full_matrices)(matrices("svd", x)))


def svdvals(x: Any, /) -> Tensor:
    """Singular values, from the largest.  x: (..., m, n) -> y: (..., min(m, n)), real."""
    return Svdvals()(matrices("svdvals", x))


def eigh(x: Any, /, UPLO: str = "L") -> EighResult:
    """Eigenvalues, from the smallest, and orthonormal eigenvectors of symmetric matrices.

    x: (..., n, n) symmetric (Hermitian), of which the lower triangle is read (``UPLO="U"``: the
    upper) -> eigenvalues: (..., n) real, eigenvectors: (..., n, n) as columns. The gradient is
    that among symmetric matrices, as PyTorch's. Raises LinAlgError for NaN, ShapeError.
    """
    return EighResult(*Eigh(_uplo("eigh", UPLO))(square("eigh", x)))


def eigvalsh(x: Any, /, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric (Hermitian) matrices, from the smallest: see ``eigh``.

    x: (..., n, n) -> y: (..., n), real.
    """
    return Eigvalsh(_uplo("eigvalsh", UPLO))(square("eigvalsh", x))


def _uplo(name: str, uplo: str) -> str:
    if uplo not in ("L", "U"):
        raise unknown(f"UPLO of {name}", uplo, ("L", "U"))
    return uplo


def eig(x: Any, /) -> EigResult:
    """Eigenvalues, in no order, and eigenvectors of length 1 of any square matrices.

    x: (..., n, n) -> eigenvalues: (..., n), eigenvectors: (..., n, n) as columns; both complex.
    The gradient needs different eigenvalues. Raises LinAlgError for NaN, ShapeError.
    """
    return EigResult(*Eig()(square("eig", x)))


def eigvals(x: Any, /) -> Tensor:
    """Eigenvalues of square matrices, in no order.  x: (..., n, n) -> y: (..., n), complex."""
    return Eigvals()(square("eigvals", x))
