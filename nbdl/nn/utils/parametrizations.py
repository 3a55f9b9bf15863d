"""Ready parametrizations (PyTorch's ``torch.nn.utils.parametrizations``)."""

from __future__ import annotations

from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.nn.module import Module
from nbdl.nn.utils.computed import M
from nbdl.nn.utils.orthogonal import orthogonal
from nbdl.nn.utils.parametrize import readable, register_parametrization
from nbdl.nn.utils.spectral_normalization import (
    as_matrix,
    check_iterations,
    directions,
    power_method,
    rows_of,
)
from nbdl.nn.utils.weight_normalization import norm_except_dim, with_length
from nbdl.ops.contraction import matmul
from nbdl.ops.statistics import normalize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """Length and direction to weight."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return with_length(g, v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the length (``original0``) and the direction (``original1``) of a weight apart.

    T. Salimans and D. P. Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate
    Training of Deep Neural Networks", NeurIPS 2016.  w = g · v / ‖v‖. The parameters are new:
    make the optimizer afterwards. ``remove_parametrizations`` undoes it.

    Args:
        module: the layer; it is returned.
        name: of its parameter.
        dim: the axis each of whose slices has a length of its own; None: one length.

    Raises ArgumentError if there is no such parameter, ShapeError for a ``dim`` it does not have.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return module


class _SpectralNorm(Module):
    """A weight to itself divided by its largest singular value."""

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        check_iterations(n_power_iterations)
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = as_matrix(weight, dim)
                u, v = power_method(matrix, *directions(matrix, eps), 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, axis=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        u, v = self._buffers.values()
        if self.training:
            # The other way round than the older spelling: PyTorch's two differ so.
            with no_grad():
                v.data, u.data = power_method(
                    matrix.T, v, u, self.n_power_iterations, self.eps
                )
        return weight / matmul(u.detach(), matmul(matrix, v.detach()))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> M:  # fmt: skip
    """Divide a weight by its largest singular value, found by the power method while training.

    T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for Generative
    Adversarial Networks", ICLR 2018. A vector is divided by its length. Axes but ``dim`` count as
    one. ``remove_parametrizations`` undoes it.

    Args:
        module: the layer; it is returned.
        name: of its parameter.
        n_power_iterations: steps of the power method each time the weight is read in training.
        eps: the least norm that is divided by.
        dim: the axis of outputs: 0, for transposed convolutions 1, unless given.

    Raises ArgumentError if there is no such parameter, ShapeError for a ``dim`` it does not have.
    """
    weight = readable("spectral_norm", module, name)
    rule = _SpectralNorm(weight, n_power_iterations, rows_of(module, dim, weight.ndim), eps)
    register_parametrization(module, name, rule)
    return module
