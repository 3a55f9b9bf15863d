"""Quantiles of the gamma distribution, by which its samples have a gradient."""

from __future__ import annotations

from typing import Any

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import exp
from nbdl.ops.exponential import xlogy
from nbdl.ops.families import Elementwise
from nbdl.ops.gamma import Tabulated, lgamma
from nbdl.ops.numerics import quiet

_STEP = 1e-4
"""Of the central difference, relative to the concentration: its error is near 1e-8 in float64."""


class GammaQuantile(Tabulated):
    """The x below which a share u of the gamma distribution of concentration a lies."""

    source = "gammaincinv"
    saves = ("x", "a", "u")
    flops_per_element = 200

    def forward(self, xp: Any, a: Any, u: Any) -> Any:
        return super().forward(xp, a, u)

    def grad(self, dx: Tensor, x: Tensor, a: Tensor, u: Tensor) -> tuple[Any, ...]:
        return (
            lambda: dx * GammaQuantileSlope()(a, u),
            lambda: dx * exp(x + lgamma(a) - xlogy(a - 1, x)),
        )


class GammaQuantileSlope(Elementwise):
    """The derivative of a gamma quantile by the concentration, by a central difference.

    It is the pathwise derivative of a sample: M. Figurnov, S. Mohamed, A. Mnih, "Implicit
    reparameterization gradients", NeurIPS 2018.
    """

    differentiable = False
    kinds = "f"
    flops_per_element = 400

    def forward(self, xp: Any, a: Any, u: Any) -> Any:
        inverse = backends.special(xp).gammaincinv
        wide, share = a.astype(xp.float64), u.astype(xp.float64)
        h = wide * _STEP
        with quiet():
            slope = (inverse(wide + h, share) - inverse(wide - h, share)) / (2 * h)
        return slope.astype(a.dtype, copy=False)


gamma_quantile = GammaQuantile()
"""(a, u) -> x, elementwise."""
