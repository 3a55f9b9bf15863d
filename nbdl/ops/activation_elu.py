"""The elu, a relu that goes on as an exponential below 0, in its three scalings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.conversion import floats
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import blockwise, chosen, clipped, kept

__all__ = ["celu", "elu", "selu"]


@dataclass(frozen=True)
class Elu(Elementwise):
    """scale · x above 0; scale · alpha · (exp(x · steepness) - 1) below."""

    alpha: float = 1.0
    scale: float = 1.0
    steepness: float = 1.0
    kernel = "(maximum(x, 0) + alpha * expm1(minimum(x, 0) * steepness)) * scale"
    flops_per_element = 12
    saves = ("x",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            y = xp.asarray(clipped(xp, x, -xp.inf, 0))
            y *= self.steepness
            xp.expm1(y, out=y)
            y *= self.alpha
            y += clipped(xp, x, 0, xp.inf)
            y *= self.scale
            return y

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return EluGrad(self.alpha, self.scale, self.steepness)(dy, x)


@dataclass(frozen=True)
class EluGrad(Elementwise):
    """dy times the slope of Elu at x."""

    alpha: float
    scale: float
    steepness: float
    kernel = "dy * where(x <= 0, exp(minimum(x, 0) * steepness) * (alpha * steepness), 1) * scale"
    flops_per_element = 13
    saves = ("dy", "x")
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        def rule(dy: Any, x: Any) -> Any:
            slope = xp.asarray(clipped(xp, x, -xp.inf, 0))
            slope *= self.steepness
            xp.exp(slope, out=slope)
            slope *= self.alpha * self.steepness
            slope = chosen(xp, x <= 0, slope, slope.dtype.type(1))
            return dy * slope * self.scale

        return blockwise(xp, rule, dy, x)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        def second() -> Tensor:
            # The slope's own slope, k² · exp(k · x) below 0 and 0 above, is an Elu's again.
            curve = EluCurve(self.steepness)(x)
            return ddx * dy * curve * (self.scale * self.alpha * self.steepness**2)

        return lambda: EluGrad(self.alpha, self.scale, self.steepness)(ddx, x), second


@dataclass(frozen=True)
class EluCurve(Elementwise):
    """exp(steepness · x) where x is not above 0, else 0."""

    steepness: float
    kernel = "where(x <= 0, exp(minimum(x, 0) * steepness), 0)"
    flops_per_element = 12
    saves = ("y",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            return kept(xp, xp.exp(clipped(xp, x, -xp.inf, 0) * self.steepness), x <= 0)

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * y * self.steepness


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha · (exp(x) - 1) below: arXiv:1511.07289.  x: (...) -> y: (...)."""
    return Elu(float(alpha))(floats(x))


def selu(x: Any) -> Tensor:
    """The elu that keeps mean 0 and variance 1: arXiv:1706.02515.  x: (...) -> y: (...)."""
    return Elu(1.6732632423543772848170429916717, 1.0507009873554804934193349852946)(floats(x))


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha · (exp(x / alpha) - 1) below: arXiv:1704.07483.  x: (...) -> y."""
    if alpha == 0:
        raise ArgumentError("celu: alpha=0 would divide by zero", hint="alpha=1")
    return Elu(float(alpha), 1.0, 1.0 / alpha)(floats(x))
