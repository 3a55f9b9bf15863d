"""Weight normalisation with ``weight_g`` and ``weight_v`` (PyTorch's older spelling)."""

from __future__ import annotations

from typing import Any

from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter
from nbdl.nn.utils.computed import M, compute, member, rules_of, uncompute
from nbdl.ops.statistics import vector_norm
from nbdl.shapes import normalize_axis


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """Lengths over all axes but ``dim``, which are kept with size 1; None: of all elements."""
    if dim is None:
        return vector_norm(v)
    kept = normalize_axis(dim, v.ndim, "dim")
    return vector_norm(v, axis=tuple(i for i in range(v.ndim) if i != kept), keepdims=True)


def with_length(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """``v`` with the lengths ``g``."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The rule of a weight that is made of a length and a direction."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def value(self, module: Module) -> Tensor:
        """g · v / ‖v‖."""
        g, v = (getattr(module, f"{self.name}_{part}") for part in "gv")
        return with_length(g, v, self.dim)

    def assign(self, module: Module, value: Any) -> None:
        """Not possible: raises ArgumentError."""
        raise ArgumentError(
            f"{type(module).__name__}.{self.name} is computed from {self.name}_g and "
            f"{self.name}_v and cannot be assigned to",
            hint=f"set these, or nn.utils.remove_weight_norm(layer, {self.name!r}) first",
        )


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the length and the direction of a weight apart: ``weight_g`` and ``weight_v``.

    T. Salimans and D. P. Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate
    Training of Deep Neural Networks", NeurIPS 2016.  w = g · v / ‖v‖. The parameters are new:
    make the optimizer afterwards. ``nn.utils.parametrizations.weight_norm`` is the newer spelling.

    Args:
        module: the layer; it is returned.
        name: of its parameter.
        dim: the axis each of whose slices has a length of its own; None: one length.

    Raises ArgumentError if there is no such parameter, or it has weight norm already.
    """
    if type(rules_of(module).get(name)) is WeightNorm:
        raise ArgumentError(f"{type(module).__name__}.{name} has weight norm already")
    weight = member("weight_norm", module, name)
    with no_grad():
        g = norm_except_dim(weight, dim)
    compute(module, name, WeightNorm(name, dim))
    module.register_parameter(f"{name}_g", Parameter(g))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make one parameter of the two again. Raises ArgumentError if there is no weight norm."""
    if type(rules_of(module).get(name)) is not WeightNorm:
        raise ArgumentError(f"{type(module).__name__}.{name} has no weight norm to remove")
    with no_grad():
        weight = getattr(module, name)
    uncompute(module, name)
    for part in "gv":
        delattr(module, f"{name}_{part}")
    module.register_parameter(name, Parameter(weight))
    return module
