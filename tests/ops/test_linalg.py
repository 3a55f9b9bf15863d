"""What decompositions promise, their gradients by functions that no choice of vectors changes,
and what is said of matrices that have no result."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import nbdl
from nbdl import fft, linalg
from nbdl.errors import (
    ArgumentError,
    DtypeError,
    GradientError,
    LinAlgError,
    NbdlError,
    ShapeError,
)
from nbdl.ops.linalg_arrays import eliminated
from nbdl.testing import check_grad

rng = np.random.default_rng(8)


def real(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def complexes(*shape: int) -> np.ndarray:
    return real(*shape) + 1j * real(*shape)


KINDS = pytest.mark.parametrize("kind", [real, complexes], ids=["real", "complex"])
SHAPES = pytest.mark.parametrize(
    "shape", [(4, 3), (3, 4), (2, 3, 3), (2, 0, 3, 2), (3, 0), (0, 0)], ids=str
)


def hermitian(kind, *shape):
    x = kind(*shape)
    return x + x.conj().swapaxes(-1, -2)


def symmetrised(x):
    return x + x.mH


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-10, atol=1e-10)


def orthonormal(q):
    close(q.mH @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], *(q.shape[-1],) * 2)))


# ----- what they are ----------------------------------------------------------------------------


@KINDS
@SHAPES
@pytest.mark.parametrize("full", [True, False])
def test_svd_gives_the_matrix_back(kind, shape, full) -> None:
    x = kind(*shape)
    u, s, vh = linalg.svd(x, full_matrices=full)
    k = min(shape[-2:])
    orthonormal(u)
    orthonormal(vh.mH)
    assert (s.numpy()[..., :-1] >= s.numpy()[..., 1:]).all()
    close(u[..., :k] * s[..., None, :] @ vh[..., :k, :], x)
    close(linalg.svdvals(x), s)


@KINDS
@SHAPES
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr_gives_the_matrix_back(kind, shape, mode) -> None:
    x = kind(*shape)
    q, r = linalg.qr(x, mode=mode)
    orthonormal(q)
    close(r, np.triu(r.numpy()))
    close(q @ r, x)


@KINDS
@SHAPES
def test_lu_gives_the_matrix_back(kind, shape) -> None:
    x = kind(*shape)
    p, lower, upper = linalg.lu(x)
    close(lower, np.tril(lower.numpy()))
    close(upper, np.triu(upper.numpy()))
    assert (np.abs(lower.numpy()) <= np.sqrt(2) + 1e-9).all()
    close(p @ lower @ upper, x)


@KINDS
@pytest.mark.parametrize("shape", [(2, 33, 40), (70, 64), (2, 3, 0), (1, 1)], ids=str)
def test_elimination_in_blocks_for_gpus_is_lapacks(kind, shape) -> None:
    x = kind(*shape)
    for found, right in zip(eliminated(np, x), linalg.lu_factor(x), strict=True):
        close(found, right)


@pytest.mark.parametrize("n", [33, 70])
def test_large_triangles_are_solved_in_blocks(n) -> None:
    b = real(n, 2)
    a = np.triu(real(n, n) * 0.1) + np.eye(n) * 3
    for upper, t in ((True, a), (False, a.T)):
        close(
            linalg.solve_triangular(t, b, upper=upper),
            scipy.linalg.solve_triangular(t, b, lower=not upper),
        )


@KINDS
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh_gives_the_matrix_back_and_reads_one_triangle(kind, uplo) -> None:
    x = hermitian(kind, 2, 4, 4)
    half = np.tril(x) if uplo == "L" else np.triu(x)
    values, vectors = linalg.eigh(half, UPLO=uplo)
    orthonormal(vectors)
    close(vectors * values[..., None, :] @ vectors.mH, x)
    close(linalg.eigvalsh(half, UPLO=uplo), values)


@KINDS
def test_eig_gives_the_matrix_back(kind) -> None:
    x = kind(2, 4, 4)
    values, vectors = linalg.eig(x)
    assert values.dtype == vectors.dtype == nbdl.complex128
    close(nbdl.tensor(x) @ vectors, vectors * values[..., None, :])
    close(linalg.vector_norm(vectors, axis=-2), np.ones((2, 4)))
    close(np.sort_complex(linalg.eigvals(x).numpy()), np.sort_complex(values.numpy()))


@KINDS
def test_solutions_by_factors_are_solutions(kind) -> None:
    a, b = kind(2, 4, 4), kind(4, 3)
    x = linalg.solve(a, b)
    close(nbdl.tensor(a) @ x, np.broadcast_to(b, (2, 4, 3)))
    factors = linalg.lu_factor(a)
    close(linalg.lu_solve(*factors, b), x)
    close(linalg.lu_solve(*factors, b, adjoint=True), linalg.solve(nbdl.tensor(a).mH, b))
    close(linalg.solve(a, b.T, left=False) @ a, np.broadcast_to(b.T, (2, 3, 4)))
    close(linalg.lu_solve(*factors, b.T, left=False), linalg.solve(a, b.T, left=False))
    positive = nbdl.tensor(a) @ nbdl.tensor(a).mH
    for upper in (False, True):
        factor = linalg.cholesky(positive, upper=upper)
        close(linalg.cholesky_solve(b, factor, upper=upper), linalg.solve(positive, b))
        close(linalg.cholesky_inverse(factor, upper=upper), linalg.inv(positive))


@KINDS
def test_indefinite_matrices_are_solved_by_ldl(kind) -> None:
    x, b = hermitian(kind, 2, 5, 5), kind(2, 5, 2)
    packed, pivots = linalg.ldl_factor(x, hermitian=True)
    close(nbdl.tensor(x) @ linalg.ldl_solve(packed, pivots, b, hermitian=True), b)


@KINDS
def test_reflections_are_q(kind) -> None:
    x, other = kind(4, 3), kind(4, 2)
    a, tau = linalg.geqrf(x)
    q, r = linalg.qr(x)
    close(linalg.householder_product(a, tau), q)
    close(nbdl.triu(a[:3]), r)
    whole, _ = linalg.qr(x, mode="complete")
    close(linalg.ormqr(a, tau, other), whole @ other)
    close(linalg.ormqr(a, tau, other, transpose=True), whole.mH @ other)
    close(linalg.ormqr(a, tau, other.T, left=False), other.T @ whole)


def test_matrix_exp_of_large_and_of_defective_matrices() -> None:
    x = np.stack([np.zeros((3, 3)), np.diag([1.0, 30.0, -700.0]), np.eye(3, k=1) * 5])
    close(linalg.matrix_exp(x), np.stack([scipy.linalg.expm(m) for m in x]))


def test_rank_and_pseudo_inverse_share_their_tolerance() -> None:
    x = np.diag([1.0, 1e-3, 1e-9])
    for options, rank in (({}, 3), ({"rtol": 1e-6}, 2), ({"atol": 0.1}, 1)):
        assert int(linalg.matrix_rank(x, **options)) == rank
        found = linalg.pinv(x, **options).numpy()
        close(found, np.diag([1 / v if i < rank else 0 for i, v in enumerate(np.diag(x))]))
    tolerances = nbdl.tensor([1e-2, 1e-6])
    assert linalg.matrix_rank(np.stack([x, x]), rtol=tolerances).tolist() == [1, 2]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_lstsq_is_nearest_and_shortest(shape) -> None:
    a, b = real(*shape), real(shape[0], 2)
    found = linalg.lstsq(a, b)
    right, _, rank, values = scipy.linalg.lstsq(a, b)
    close(found.solution, right)
    close(found.residuals, ((a @ right - b) ** 2).sum(0))
    close(found.singular_values, values)
    assert int(found.rank) == rank
    close(linalg.lstsq(a, b[:, 0]).solution, right[:, 0])


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"])
def test_norms_and_condition_are_numpys(p) -> None:
    x = real(2, 4, 4)
    close(linalg.cond(x, p), np.linalg.cond(x, p))
    if p is not None:
        close(linalg.matrix_norm(x, ord=p), np.linalg.matrix_norm(x, ord=p))
        close(linalg.norm(x, p, (0, 2)), np.linalg.norm(x, p, (0, 2)))
    assert linalg.cond(np.zeros((2, 2)), 1).item() == np.inf


def test_half_precision_keeps_its_dtype() -> None:
    x = nbdl.tensor(real(3, 3) + 3 * np.eye(3), dtype="bfloat16")
    for y in (*linalg.svd(x), linalg.inv(x), linalg.det(x), *linalg.eigh(x), linalg.pinv(x)):
        assert y.dtype == nbdl.bfloat16
    assert linalg.eigvals(x).dtype == nbdl.complex64
    assert fft.fft(x).dtype == nbdl.complex64


# ----- gradients ----------------------------------------------------------------------------------


@KINDS
def test_gradients_among_symmetric_matrices(kind) -> None:
    x = kind(2, 3, 3)
    weights = hermitian(kind, 2, 3, 3)

    def positive(x):
        return x @ x.mH + nbdl.tensor(np.eye(3))

    def projected(x):
        values, vectors = linalg.eigh(symmetrised(x))
        return vectors * (values**3)[..., None, :] @ vectors.mH, vectors.abs()

    assert check_grad(lambda x: linalg.cholesky(positive(x)), x)
    assert check_grad(lambda x: linalg.cholesky(positive(x), upper=True), x)
    assert check_grad(projected, x)
    assert check_grad(lambda x: linalg.eigvalsh(symmetrised(x)), x)
    assert check_grad(lambda x: linalg.pinv(positive(x), hermitian=True), x)
    assert check_grad(lambda x: (weights * linalg.inv(positive(x))).sum(), x)


@KINDS
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_gradients_of_singular_vectors(kind, shape) -> None:
    def function(x):
        u, s, vh = linalg.svd(x, full_matrices=False)
        return u.abs(), vh.abs(), u * (s**2)[..., None, :] @ vh, u @ vh

    assert check_grad(function, kind(*shape))


@KINDS
def test_gradients_of_eigenvectors(kind) -> None:
    def function(x):
        values, vectors = linalg.eig(x)
        return vectors.abs(), values, vectors * values**2 @ linalg.inv(vectors)

    assert check_grad(function, kind(3, 3))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_equal_values_have_gradients_of_values_and_none_of_vectors(dtype) -> None:
    x = nbdl.tensor(np.eye(3), dtype=dtype, requires_grad=True)
    u, s, vh = linalg.svd(x)
    values, vectors = linalg.eigh(x)
    general, directions = linalg.eig(x)
    for y in (s, values, general.real, linalg.svdvals(x), linalg.eigvalsh(x)):
        (g,) = nbdl.grad(y.sum(), x, retain_graph=True)
        close(g, np.eye(3))
    weights = nbdl.arange(9).reshape(3, 3) + 1.0
    again = (u * s @ vh, vectors * values @ vectors.mH, directions * general @ directions.mH)
    for y in again:  # rather NaN than a wrong number
        (g,) = nbdl.grad((y * weights).real.sum(), x)
        assert not nbdl.isfinite(g).all()


def test_determinants_have_gradients_of_two_orders_where_they_vanish() -> None:
    rank_two = real(3, 2) @ real(2, 3)
    for x in (rank_two, np.zeros((2, 2)), np.zeros((3, 3)), np.diag([0.0, 0.0, 2.0])):
        assert check_grad(linalg.det, x)
    x = nbdl.tensor(np.diag([0.0, 2.0, 3.0]), requires_grad=True)
    (first,) = nbdl.grad(linalg.det(x), x, create_graph=True)
    (second,) = nbdl.grad(first[0, 0], x, create_graph=True)
    (third,) = nbdl.grad(second[1, 1], x)
    close(first, np.diag([6.0, 0, 0]))
    close(second, np.diag([0, 3.0, 2.0]))
    close(third, np.diag([0, 0, 1.0]))


@KINDS
def test_gradients_of_compositions(kind) -> None:
    x, b = kind(3, 3), kind(3, 2)
    assert check_grad(lambda x: linalg.matrix_power(x, 3), x)
    assert check_grad(lambda x: linalg.matrix_power(x, -2), x, rtol=1e-3)
    assert check_grad(linalg.lu, x)
    assert check_grad(lambda x, b: linalg.lstsq(x, b).solution, kind(4, 3), kind(4, 2), rtol=1e-3)
    assert check_grad(lambda x, b: linalg.multi_dot([x, x, b]), x, b)
    assert check_grad(lambda x: linalg.vander(x, N=4), kind(3))
    assert check_grad(lambda x, y: linalg.cross(x, y), kind(2, 3), kind(3))
    assert check_grad(lambda x, t: linalg.householder_product(x, t), kind(4, 3), kind(2))
    for order in ("fro", "nuc", 2, -2, 1, np.inf):
        assert check_grad(lambda x, order=order: linalg.matrix_norm(x, ord=order), x)


def test_functions_of_several_axes_are_differentiable_twice() -> None:
    x = real(3, 4)
    assert check_grad(lambda x: fft.fft2(x, norm="ortho"), x)
    assert check_grad(lambda x: fft.irfftn(fft.rfftn(x), s=(3, 5)), x)
    assert check_grad(lambda x: fft.hfft(fft.ihfft(x, n=6), n=5), x)


# ----- what is said -------------------------------------------------------------------------------

_zero_row = np.array([[1.0, 2.0], [2.0, 4.0]])
_stack = np.stack([np.eye(2), _zero_row])
_nan = np.array([[1.0, np.nan], [0.0, 1.0]])

REFUSED = {
    "inv": (lambda: linalg.inv(_zero_row), LinAlgError,
            "inv: the matrix is singular: pivot 2 of its elimination is 0"),
    "solve_stack": (lambda: linalg.solve(_stack, np.ones(2)), LinAlgError,
                    r"solve: matrix \[1\] of \(2,\) is singular"),
    "triangle": (lambda: linalg.solve_triangular(np.diag([1.0, 0.0]), np.eye(2), upper=True),
                 LinAlgError, "solve_triangular: the matrix is singular: pivot 2"),
    "cholesky": (lambda: linalg.cholesky(np.diag([1.0, 2.0, -1.0])), LinAlgError,
                 "cholesky: the matrix is not positive definite: its leading minor of order 3"),
    "cholesky_inf": (lambda: linalg.cholesky(np.diag([np.inf, -1])), LinAlgError,
                     "cholesky: the matrix holds NaN or infinity"),
    "svd_nan": (lambda: linalg.svd(_nan), LinAlgError, r"svd of float64\[2, 2\]: it holds NaN"),
    "eig_nan": (lambda: linalg.eig(_nan), LinAlgError, r"eig of float64\[2, 2\]: it holds NaN"),
    "not_square": (lambda: linalg.det(np.ones((2, 3))), ShapeError,
                   r"det needs x with square matrices, got shape \(2, 3\)"),
    "vector": (lambda: linalg.qr(np.ones(3)), ShapeError,
               r"qr needs x with at least 2 axes \(matrices\), got shape \(3,\)"),
    "rows": (lambda: linalg.solve(np.eye(3), np.ones((2, 1))), ShapeError,
             r"solve of A \(3, 3\) and B \(2, 1\): B needs 3 rows, as many as A, not 2"),
    "mode": (lambda: linalg.qr(np.eye(2), mode="raw"), ArgumentError, "unknown mode of qr 'raw'"),
    "uplo": (lambda: linalg.eigh(np.eye(2), UPLO="X"), ArgumentError, "unknown UPLO of eigh"),
    "ord": (lambda: linalg.matrix_norm(np.eye(2), ord=3), ArgumentError,
            "unknown ord of matrix_norm '3'"),
    "power": (lambda: linalg.matrix_power(np.eye(2), 0.5), ArgumentError,
              "matrix_power: n=0.5 must be an integer"),
    "chain": (lambda: linalg.multi_dot([np.eye(2)]), ArgumentError,
              "multi_dot needs at least 2 tensors, got 1"),
    "cross": (lambda: linalg.cross(np.ones(2), np.ones(2)), ShapeError,
              "cross needs 3 elements along axis -1"),
    "pivots": (lambda: linalg.lu_solve(np.eye(2), np.ones(2), np.eye(2)), DtypeError,
               "lu_solve needs pivots of integers, got float64"),
    "tensorinv": (lambda: linalg.tensorinv(np.ones((2, 3))), ShapeError, "tensorinv: ind=2"),
    "fft_empty": (lambda: fft.fft(np.ones((2, 0))), ArgumentError,
                  r"fft: a transform of 0 elements \(axis 1 of shape \(2, 0\)\) does not exist"),
    "fft_n": (lambda: fft.fft(np.ones(2), n=0), ArgumentError, "fft: a transform of 0 elements"),
    "fft_norm": (lambda: fft.fft(np.ones(2), norm="x"), ArgumentError, "unknown norm"),
    "fft_axes": (lambda: fft.fftn(np.ones((2, 2)), axes=(0, 0)), ArgumentError,
                 r"fftn: axes=\(0, 0\) names the same axis twice"),
    "rfft": (lambda: fft.rfft(np.ones(2) * 1j), DtypeError, "rfft got a tensor of dtype complex"),
    "irfft": (lambda: fft.irfft(np.ones(1)), ArgumentError, "irfft: one frequency"),
    "fftfreq": (lambda: fft.fftfreq(0), ArgumentError, "fftfreq: n=0 must be at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_mistake_says(name) -> None:
    call, kind, text = REFUSED[name]
    with pytest.raises(NbdlError, match=text) as caught:
        call()
    assert type(caught.value) is kind


def test_complete_q_of_a_tall_matrix_has_no_gradient() -> None:
    x = nbdl.tensor(real(3, 2), requires_grad=True)
    with pytest.raises(GradientError, match="are not determined, so they have no derivative"):
        linalg.qr(x, mode="complete").Q.sum().backward()


def test_what_failed_without_an_error() -> None:
    y, info = linalg.inv_ex(_stack)
    assert info.tolist() == [0, 2]
    assert np.isfinite(y[0].numpy()).all()
    assert np.isnan(y[1].numpy()).all()
    lower, info = linalg.cholesky_ex(np.stack([np.eye(2), np.diag([1.0, -1.0])]))
    assert info.tolist() == [0, 2]
    close(lower[0], np.eye(2))
    assert linalg.solve_ex(_zero_row, np.ones(2)).info.item() == 2
    assert linalg.lu_factor_ex(_stack).info.tolist() == [0, 2]
    with pytest.raises(LinAlgError):
        linalg.lu_factor_ex(_stack, check_errors=True)
