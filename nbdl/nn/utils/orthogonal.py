"""Weights that stay orthogonal while they are trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn.module import Module
from nbdl.nn.utils.computed import M
from nbdl.nn.utils.parametrize import readable, register_parametrization
from nbdl.ops.arithmetic import conj
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul
from nbdl.ops.creation import zeros
from nbdl.ops.diagonals import diagonal, tril
from nbdl.ops.linalg_factors import qr
from nbdl.ops.linalg_products import matrix_exp
from nbdl.ops.linalg_reflections import householder_product
from nbdl.ops.linalg_solving import solve
from nbdl.ops.movement import expand_dims, swapaxes
from nbdl.ops.random import randn
from nbdl.ops.ranges import eye
from nbdl.ops.rounding import sign

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """Any matrix to an orthogonal one (..., n, k); in what follows n >= k.

    With ``base`` an orthogonal (n, n) matrix is kept, and the map gives the turn from it.
    """

    base: Any

    def __init__(self, shape: Any, orthogonal_map: str, use_trivialization: bool) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = shape, orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = swapaxes(x, -2, -1) if wide else x
        q = _reflections(x) if self.orthogonal_map == "householder" else self._turn(x)
        if self.use_trivialization:
            q = matmul(self.base, q)
        return swapaxes(q, -2, -1) if wide else q

    def _turn(self, x: Tensor) -> Tensor:
        """exp(A), or (I + A/2)(I − A/2)⁻¹, of the skew matrix that ``x`` is the lower part of."""
        *stack, n, k = x.shape
        x = tril(x)
        if n != k:
            blank = zeros((*stack, n, n - k), dtype=x.dtype, device=str(x.device))
            x = concat([x, blank], axis=-1)
        a = x - _adjoint(x)
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(a)
        else:
            one = eye(n, dtype=x.dtype, device=str(x.device))
            q = solve(one - a * 0.5, one + a * 0.5)
        return q[..., :k]

    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ShapeError(f"orthogonal: expected shape {self.shape}, got {q.shape}")
        wide = q.shape[-2] < q.shape[-1]
        tall = swapaxes(q, -2, -1) if wide else q
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError("these maps are only inverted at their origin")
            found = _reflectors(tall)
            return swapaxes(found, -2, -1) if wide else found
        *stack, n, k = tall.shape
        if n != k:  # complete the columns to a whole basis
            more = randn(*stack, n, n - k, dtype=_real(q.dtype), device=str(q.device))
            tall = concat([tall, more.to(q.dtype)], axis=-1)
        self.base = tall if n == k and _is_orthogonal(tall) else _orthogonalized(tall)
        return _minus_one(q)


def _minus_one(like: Tensor) -> Tensor:
    """Minus the identity: the origin of all maps, for -1 on the diagonal is no reflection."""
    n, k = like.shape[-2:]
    one = eye(n, k, dtype=like.dtype, device=str(like.device))
    return zeros(like.shape, dtype=like.dtype, device=str(like.device)) - one


def _reflections(x: Tensor) -> Tensor:
    """The product of the reflections whose vectors are below the diagonal of ``x``, the columns
    with the signs on it."""
    vectors = tril(x, k=-1)
    scale = 2 / (1 + (vectors * vectors).sum(axis=-2))
    signs = sign(diagonal(x.detach(), 0, -2, -1))
    return householder_product(vectors, scale) * expand_dims(signs, -2)


def _reflectors(q: Tensor) -> Tensor:
    """The ``x`` of which ``_reflections`` makes ``q`` (or its orthogonal factor)."""
    packed, scale = np.linalg.qr(q.cpu().numpy(), mode="raw")
    x = np.swapaxes(packed, -2, -1).copy()
    i = np.arange(x.shape[-1])
    # A reflection that is none (scale 0) leaves the sign as it is, the others turn it.
    x[..., i, i] = np.sign(x[..., i, i]) * np.where(scale == 0, -1, 1)
    return Tensor(x).to(q.device)


def _adjoint(x: Tensor) -> Tensor:
    return conj(swapaxes(x, -2, -1)) if x.dtype in dtypes.COMPLEX else swapaxes(x, -2, -1)


def _real(dtype: np.dtype) -> np.dtype:
    if dtype in dtypes.COMPLEX:
        return dtypes.float32 if dtype == dtypes.complex64 else dtypes.float64
    return dtype


def _is_orthogonal(q: Tensor) -> bool:
    n = q.shape[-1]
    error = (matmul(_adjoint(q), q) - eye(n, dtype=q.dtype, device=str(q.device))).numpy()
    return bool((abs(error) <= 10 * n * np.finfo(_real(q.dtype)).eps).all())


def _orthogonalized(x: Tensor) -> Tensor:
    """The orthogonal factor, its columns turned so that they point along those of ``x``."""
    q, r = qr(x)
    along = diagonal(r, 0, -2, -1)
    return q * expand_dims(along / abs(along), -2)


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *,
    use_trivialization: bool = True,
) -> M:  # fmt: skip
    """Keep a weight (..., n, k) orthogonal: QᵀQ = 1 if n >= k, else Q Qᵀ = 1.

    M. Lezcano-Casado, "Trivializations for Gradient-Based Optimization on Manifolds", NeurIPS
    2019. The first value is the weight, if it is orthogonal, else its orthogonal factor.
    ``remove_parametrizations`` undoes it.

    Args:
        module: the layer; it is returned.
        name: of its parameter, a matrix or a stack of them.
        orthogonal_map: how any matrix becomes an orthogonal one: ``"matrix_exp"`` (for square
            matrices unless given) or ``"cayley"`` of its skew part, or a product of reflections,
            ``"householder"`` (for others unless given).
        use_trivialization: keep the first value as a buffer and train the turn from it. Without,
            ``"matrix_exp"`` and ``"cayley"`` begin at what they make of the weight.

    Raises ArgumentError for other names and maps, ShapeError for a vector.
    """
    weight = readable("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal needs a matrix, {name!r} has shape {weight.shape}")
    is_complex = weight.dtype in dtypes.COMPLEX
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or is_complex else "householder"
    if orthogonal_map not in MAPS or (is_complex and orthogonal_map == "householder"):
        raise ArgumentError(
            f"orthogonal: orthogonal_map={orthogonal_map!r} must be one of {', '.join(MAPS)} (the "
            "last for real numbers only)"
        )
    rule = _Orthogonal(weight.shape, orthogonal_map, use_trivialization)
    register_parametrization(module, name, rule, unsafe=True)
    return module
