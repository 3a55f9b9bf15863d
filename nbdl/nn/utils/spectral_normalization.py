"""Spectral normalisation with ``weight_orig`` (PyTorch's older spelling), and what both share."""

from __future__ import annotations

from typing import Any

from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from nbdl.nn.module import Module
from nbdl.nn.utils.computed import M, compute, member, put_member, rules_of, uncompute
from nbdl.ops.contraction import matmul
from nbdl.ops.movement import moveaxis, reshape
from nbdl.ops.random import randn
from nbdl.ops.statistics import normalize
from nbdl.shapes import normalize_axis


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """``weight`` with ``dim`` as its rows and everything else as its columns."""
    return reshape(moveaxis(weight, dim, 0), (weight.shape[dim], -1))


def directions(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Random unit vectors (rows,) and (columns,) to begin the power method with."""
    return tuple(  # type: ignore[return-value]
        normalize(randn(n, dtype=matrix.dtype, device=str(matrix.device)), axis=0, eps=eps)
        for n in matrix.shape
    )


def power_method(
    matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Better singular vectors of the largest singular value, without gradients.

    Both are found alternately; each step begins with v of u.
    """
    matrix = matrix.detach()
    for _ in range(steps):
        v = normalize(matmul(matrix.T, u), axis=0, eps=eps)
        u = normalize(matmul(matrix, v), axis=0, eps=eps)
    return u, v


def rows_of(module: Module, dim: int | None, ndim: int) -> int:
    """The axis of outputs: transposed convolutions have it second."""
    if dim is None:
        transposed = isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))
        return 1 if transposed else 0
    return normalize_axis(dim, ndim, "dim")


def check_iterations(n_power_iterations: int) -> None:
    """Raise ArgumentError unless at least one."""
    if n_power_iterations < 1:
        raise ArgumentError(
            f"spectral_norm: n_power_iterations={n_power_iterations!r} must be at least 1"
        )


class SpectralNorm:
    """The rule of a weight that is divided by its largest singular value."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations

    def value(self, module: Module) -> Tensor:
        """weight_orig / (uᵀ W v); in training mode u and v are made better first."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        if module.training:
            with no_grad():
                new = power_method(matrix, u, v, self.n_power_iterations, self.eps)
            u.data, v.data = new
        return weight / matmul(u.detach(), matmul(matrix, v.detach()))

    def assign(self, module: Module, value: Any) -> None:
        """Not possible: raises ArgumentError."""
        raise ArgumentError(
            f"{type(module).__name__}.{self.name} is computed from {self.name}_orig and cannot be "
            "assigned to",
            hint=f"set that, or nn.utils.remove_spectral_norm(layer, {self.name!r}) first",
        )


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> M:  # fmt: skip
    """Divide a weight by its largest singular value, found by the power method while training.

    T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for Generative
    Adversarial Networks", ICLR 2018. The parameter is ``weight_orig``, the same as before;
    ``weight_u`` and ``weight_v`` are buffers. ``nn.utils.parametrizations.spectral_norm`` is the
    newer spelling.

    Args:
        module: the layer; it is returned.
        name: of its parameter.
        n_power_iterations: steps of the power method each time the weight is read in training.
        eps: the least norm that is divided by.
        dim: the axis of outputs: 0, for transposed convolutions 1, unless given.

    Raises ArgumentError if there is no such parameter, or it has spectral norm already.
    """
    if type(rules_of(module).get(name)) is SpectralNorm:
        raise ArgumentError(f"{type(module).__name__}.{name} has spectral norm already")
    weight = member("spectral_norm", module, name)
    check_iterations(n_power_iterations)
    dim = rows_of(module, dim, weight.ndim)
    u, v = directions(as_matrix(weight.detach(), dim), eps)
    compute(module, name, SpectralNorm(name, n_power_iterations, dim, eps))
    put_member(module, f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Keep the divided weight as the parameter. Raises ArgumentError if there is none."""
    if type(rules_of(module).get(name)) is not SpectralNorm:
        raise ArgumentError(f"{type(module).__name__}.{name} has no spectral norm to remove")
    mode = module.training
    module.__dict__["training"] = False  # as it is, without another step of the power method
    with no_grad():
        weight = getattr(module, name).detach()
    module.__dict__["training"] = mode
    original = getattr(module, f"{name}_orig")
    uncompute(module, name)
    for part in ("orig", "u", "v"):
        delattr(module, f"{name}_{part}")
    original.data = weight
    put_member(module, name, original)
    return module
