"""Samples of linear algebra. SciPy is the judge; what it calls by the same LAPACK is held against
properties in test_linalg.py, and so are gradients among symmetric matrices."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from nbdl.ops import (
    linalg_determinants,
    linalg_factors,
    linalg_ldl,
    linalg_products,
    linalg_reflections,
    linalg_solving,
    linalg_spectra,
)
from tests.ops.sample import normal, sample


def _complex(*shape):
    return normal(*shape) + 1j * normal(*shape)


def _regular(*shape, kind=normal):
    """Square matrices that are far from singular."""
    return kind(*shape) * 0.3 + np.eye(shape[-1]) * 2 + np.diag(np.arange(shape[-1]) * 0.5)


def _positive(*shape, kind=normal):
    x = _regular(*shape, kind=kind)
    return x @ x.conj().swapaxes(-1, -2)


def _each(function, count=1):
    """``function`` of single matrices for stacks of them."""

    def judge(*arrays):
        stack = arrays[0].shape[:-2]
        if not stack:
            return function(*arrays)
        rows = [function(*(a[i] for a in arrays)) for i in np.ndindex(stack)]
        if count == 1:
            return np.stack(rows).reshape(*stack, *rows[0].shape)
        return tuple(
            np.stack([np.asarray(r[k]) for r in rows]).reshape(*stack, *np.shape(rows[0][k]))
            for k in range(count)
        )

    return judge


def _none(x):
    """No pivot of any matrix is 0."""
    return np.zeros(x.shape[:-2], np.int32)


def _minors(x):
    def without(i, j):
        return np.delete(np.delete(x, i, -2), j, -1)

    n = x.shape[-1]
    rows = [[(-1) ** (i + j) * np.linalg.det(without(i, j)) for j in range(n)] for i in range(n)]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _lu(x):
    packed, pivots = scipy.linalg.lu_factor(x)
    return packed, pivots.astype(np.int32) + 1, np.zeros((), np.int32)


def _permuted(pivots):
    order = np.arange(4)
    for i, p in enumerate(pivots):
        order[[i, p - 1]] = order[[p - 1, i]]
    return order


def _slogdet(x):
    d = np.linalg.det(x)
    return d / np.abs(d), np.log(np.abs(d))


def _triangle(upper, unit):
    def judge(a, b):
        return _each(
            lambda one, right: scipy.linalg.solve_triangular(
                one, right, lower=not upper, unit_diagonal=unit
            )
        )(np.broadcast_to(a, (*b.shape[:-2], *a.shape[-2:])), b)

    return judge


def _ldl(x):
    packed, pivots, info = scipy.linalg.lapack.dsytrf(x, lower=1)
    return np.tril(packed), pivots.astype(np.int32), np.int32(info)


_packed, _exchanges, _ = _ldl(normal(4, 4) + np.diag([0.0, 2, -3, 4]))
_zero = np.zeros((1, 1))
_singular = np.diag([2.0, 0.0, 1.0])
_rank_two = normal(3, 2) @ normal(2, 3)
_exact = {"halves": False}

ROWS = [
    sample(linalg_solving.Solve(), _regular(3, 3), normal(3, 2),
           judge=lambda a, b: (scipy.linalg.solve(a, b), _none(a))),
    sample(linalg_solving.Solve(), _regular(2, 1, 3, 3), normal(3, 3, 2),
           judge=lambda a, b: (np.linalg.inv(a) @ b, np.zeros((2, 3), np.int32))),
    sample(linalg_solving.Solve(), _regular(2, 2, kind=_complex), _complex(2, 1),
           judge=lambda a, b: (scipy.linalg.solve(a, b), _none(a))),
    sample(linalg_solving.SolveTriangular(upper=True), _regular(3, 3), normal(3, 2),
           judge=_triangle(True, False)),
    sample(linalg_solving.SolveTriangular(upper=False), _regular(3, 3), normal(2, 3, 2),
           judge=_triangle(False, False)),
    sample(linalg_solving.SolveTriangular(upper=False, unitriangular=True),
           _regular(2, 3, 3), normal(2, 3, 1), judge=_triangle(False, True)),
    sample(linalg_solving.SolveTriangular(upper=True), _regular(2, 2, kind=_complex),
           _complex(2, 2), judge=_triangle(True, False)),
    sample(linalg_solving.Inv(), _regular(2, 3, 3),
           judge=lambda x: (_each(scipy.linalg.inv)(x), _none(x))),
    sample(linalg_solving.Inv(), _regular(2, 2, kind=_complex),
           judge=lambda x: (scipy.linalg.inv(x), _none(x))),
    sample(linalg_solving.Pinv(), normal(2, 4, 3), _zero, _zero, judge=lambda x, *_: (
           _each(scipy.linalg.pinv)(x)), rtol=1e-3),
    sample(linalg_solving.Pinv(), normal(2, 3), _zero, _zero, judge=lambda x, *_: (
           scipy.linalg.pinv(x)), rtol=1e-3),
    sample(linalg_solving.Pinv(), _complex(2, 3), _zero, _zero, judge=lambda x, *_: (
           scipy.linalg.pinv(x)), rtol=1e-3),
    sample(linalg_solving.Pinv(hermitian=True), _positive(3, 3), _zero, _zero + 1e-3,
           judge=lambda x, *_: scipy.linalg.pinvh(x), order=0),
    sample(linalg_factors.Cholesky(), _positive(2, 3, 3), order=0,
           judge=lambda x: (_each(lambda one: scipy.linalg.cholesky(one, lower=True))(x),
                            _none(x))),
    sample(linalg_factors.Cholesky(), _positive(3, 3, kind=_complex), order=0,
           judge=lambda x: (scipy.linalg.cholesky(x, lower=True), _none(x))),
    sample(linalg_factors.QR(), normal(2, 4, 3), judge=None),
    sample(linalg_factors.QR(), normal(2, 4), judge=None),
    sample(linalg_factors.QR(), _complex(3, 2), judge=None),
    sample(linalg_factors.QR(complete=True), normal(3, 2), judge=None, order=0),
    sample(linalg_factors.QR(complete=True), normal(3, 3), judge=None),
    sample(linalg_factors.LUFactor(), _regular(2, 3, 3), judge=_each(_lu, 3), **_exact),
    sample(linalg_factors.LUFactor(), normal(4, 2), judge=_lu, **_exact),
    sample(linalg_factors.LUFactor(), normal(2, 4), judge=_lu, **_exact),
    sample(linalg_factors.LUFactor(), _complex(3, 3), judge=_lu, **_exact),
    sample(linalg_factors.Permutation(4), np.array([[3, 2, 4, 4], [1, 2, 3, 4]], np.int32),
           judge=lambda p: np.stack([_permuted(row) for row in p])),
    sample(linalg_spectra.SVD(), normal(2, 3, 2), judge=None),
    sample(linalg_spectra.SVD(), normal(2, 4), judge=None),
    sample(linalg_spectra.SVD(full_matrices=True), normal(3, 2), judge=None, order=0),
    sample(linalg_spectra.SVD(), _complex(2, 2), judge=None, order=0),
    sample(linalg_spectra.Svdvals(), normal(2, 3, 2), judge=_each(scipy.linalg.svdvals)),
    sample(linalg_spectra.Svdvals(), _complex(2, 3), judge=scipy.linalg.svdvals),
    sample(linalg_spectra.Eigh(), _positive(2, 3, 3), judge=None, order=0),
    sample(linalg_spectra.Eigh("U"), _positive(3, 3, kind=_complex), judge=None, order=0),
    sample(linalg_spectra.Eigvalsh(), _positive(2, 3, 3), judge=_each(scipy.linalg.eigvalsh),
           order=0),
    sample(linalg_spectra.Eigvalsh("U"), _positive(3, 3, kind=_complex), order=0,
           judge=scipy.linalg.eigvalsh),
    sample(linalg_spectra.Eig(), _regular(2, 3, 3), judge=None, order=0),
    sample(linalg_spectra.Eigvals(), _regular(2, 3, 3), judge=_each(scipy.linalg.eigvals)),
    sample(linalg_spectra.Eigvals(), _regular(3, 3, kind=_complex), judge=scipy.linalg.eigvals),
    sample(linalg_determinants.Det(), _regular(2, 3, 3), judge=_each(scipy.linalg.det)),
    sample(linalg_determinants.Det(), _singular, judge=lambda x: np.zeros(())),
    sample(linalg_determinants.Det(), np.eye(4), judge=lambda x: np.ones(())),
    sample(linalg_determinants.Det(), np.zeros((3, 3)), judge=lambda x: np.zeros(())),
    sample(linalg_determinants.Det(), _complex(3, 3), judge=scipy.linalg.det),
    sample(linalg_determinants.Cofactors(), _regular(2, 3, 3), judge=_minors),
    sample(linalg_determinants.Cofactors(), _rank_two, judge=_minors, order=1),
    sample(linalg_determinants.Cofactors(), _complex(3, 3), judge=_minors),
    sample(linalg_determinants.Slogdet(), _regular(2, 3, 3), judge=_slogdet),
    sample(linalg_determinants.Slogdet(), -_regular(3, 3), judge=_slogdet),
    sample(linalg_determinants.Slogdet(), _complex(3, 3), judge=_slogdet),
    sample(linalg_products.MatrixExp(), normal(2, 3, 3), judge=_each(scipy.linalg.expm), slack=4),
    sample(linalg_products.MatrixExp(), normal(2, 2) * 12, judge=scipy.linalg.expm, order=0,
           halves=False, slack=4),
    sample(linalg_products.MatrixExp(), _complex(2, 2), judge=scipy.linalg.expm),
    sample(linalg_reflections.Geqrf(), normal(4, 3),
           judge=lambda x: scipy.linalg.qr(x, mode="raw")[0]),
    sample(linalg_ldl.LdlFactor(), normal(4, 4) + np.diag([0.0, 2, -3, 4]), judge=_ldl, **_exact),
    sample(linalg_ldl.LdlSolve(), _packed, _exchanges, normal(4, 2), **_exact,
           judge=lambda p, i, b: scipy.linalg.lapack.dsytrs(p, i, b, lower=1)[0]),
]  # fmt: skip
