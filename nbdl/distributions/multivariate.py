"""The normal distribution of vectors."""

from __future__ import annotations

from typing import Any

from nbdl.core import Tensor
from nbdl.distributions.distribution import LOG_2PI, Distribution, parameters
from nbdl.errors import ArgumentError, LinAlgError, ShapeError
from nbdl.ops.arithmetic import log
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.contraction import matmul, matrix_transpose
from nbdl.ops.conversion import astensor
from nbdl.ops.diagonals import diagonal
from nbdl.ops.linalg_factors import cholesky
from nbdl.ops.linalg_solving import inv, solve_triangular
from nbdl.ops.movement import expand_dims
from nbdl.ops.powers import square
from nbdl.ops.random import randn
from nbdl.shapes import Shape, broadcast_shapes


class MultivariateNormal(Distribution):
    """Normal vectors of a mean and a covariance.

    Args:
        loc: (..., n).
        covariance_matrix, precision_matrix, scale_tril: one of them, (..., n, n): the
            covariance, its inverse, or its Cholesky factor (lower, diagonal positive).
    """

    has_rsample = True

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None,
    ) -> None:  # fmt: skip
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise ArgumentError(
                "MultivariateNormal: give one of covariance_matrix, precision_matrix, scale_tril"
            )
        loc, matrix = astensor(loc), astensor(given[0])
        if loc.ndim < 1 or matrix.ndim < 2 or matrix.shape[-2:] != (loc.shape[-1],) * 2:
            raise ShapeError(
                f"MultivariateNormal: loc of shape {loc.shape} needs matrices of shape (..., n, n) "
                f"with n = {loc.shape[-1] if loc.ndim else 'its last size'}, got {matrix.shape}"
            )
        batch = broadcast_shapes(loc.shape[:-1], matrix.shape[:-2], what="loc and matrix")
        (self.loc,) = parameters("MultivariateNormal", {}, loc=loc)
        self.loc = broadcast_to(self.loc, (*batch, loc.shape[-1]))
        self.scale_tril = matrix if scale_tril is not None else self._factor(
            matrix if precision_matrix is None else inv(matrix)
        )  # fmt: skip
        super().__init__(batch, loc.shape[-1:])

    @staticmethod
    def _factor(covariance: Tensor) -> Tensor:
        try:
            return cholesky(covariance)
        except LinAlgError as error:
            raise LinAlgError(
                "MultivariateNormal: the covariance is not symmetric and positive definite",
                hint="add a small number to its diagonal, or give scale_tril",
            ) from error

    def _draw(self, shape: Shape) -> Tensor:
        z = randn((*shape, 1), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + matmul(self.scale_tril, z).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        half = total(log(diagonal(self.scale_tril)), -1)
        return broadcast_to(half, self.batch_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The density's logarithm.  (..., n) -> (...)."""
        offset = expand_dims(self._value(value) - self.loc, -1)
        z = solve_triangular(self.scale_tril, offset, upper=False).squeeze(-1)
        n = self.loc.shape[-1]
        return (total(square(z), -1) + n * LOG_2PI) * -0.5 - self._half_log_det()

    def entropy(self) -> Tensor:
        """n (1 + log(2π)) / 2 + log(det(covariance)) / 2."""
        return self._half_log_det() + self.loc.shape[-1] * (1 + LOG_2PI) / 2

    @property
    def covariance_matrix(self) -> Tensor:
        """scale_tril times its transpose.  -> (..., n, n)."""
        return matmul(self.scale_tril, matrix_transpose(self.scale_tril))

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The covariance's diagonal."""
        return broadcast_to(total(square(self.scale_tril), -1), self.loc.shape)
