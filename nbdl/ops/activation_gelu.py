"""The gelu, x times the normal distribution at x, and its approximation by tanh."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import unknown
from nbdl.ops.arithmetic import exp
from nbdl.ops.conversion import floats
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import blockwise
from nbdl.ops.special import erf_values
from nbdl.ops.trigonometry import tanh

__all__ = ["gelu"]


class Gelu(Elementwise):
    """x · Φ(x) with the normal distribution Φ."""

    onnx = "Gelu"
    kernel = "0.5 * x * (1 + erf(x * 0.7071067811865476))"
    flops_per_element = 24
    saves = ("x",)
    compiled_from = 4096

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            y = erf_values(xp, x * math.sqrt(0.5)).reshape(x.shape)
            y += 1
            y *= x
            y *= 0.5
            return y

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return GeluGrad()(dy, x)


class GeluGrad(Elementwise):
    """dy · (Φ(x) + x · φ(x))."""

    kernel = (
        "dy * (0.5 * (1 + erf(x * 0.7071067811865476))"
        " + x * 0.3989422804014327 * exp(-0.5 * x * x))"
    )
    flops_per_element = 40
    saves = ("dy", "x")
    compiled_from = 4096

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        def rule(dy: Any, x: Any) -> Any:
            slope = erf_values(xp, x * math.sqrt(0.5)).reshape(x.shape)
            slope += 1
            slope *= 0.5
            density = xp.multiply(x, x, out=xp.empty_like(x))
            density *= -0.5
            xp.exp(density, out=density)
            density *= x
            density *= 1 / math.sqrt(2 * math.pi)
            slope += density
            slope *= dy
            return slope

        return blockwise(xp, rule, dy, x)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        def second() -> Tensor:
            square = x * x
            return ddx * dy * exp(square * -0.5) * (2 - square) / math.sqrt(2 * math.pi)

        return lambda: GeluGrad()(ddx, x), second


_INNER = math.sqrt(2 / math.pi)


class GeluTanh(Elementwise):
    """0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))."""

    kernel = "0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))"
    flops_per_element = 20
    saves = ("x",)
    compiled_from = 4096

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            y = _inner_tanh(xp, x)
            y += 1
            y *= x
            y *= 0.5
            return y

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return GeluTanhGrad()(dy, x)


class GeluTanhGrad(Elementwise):
    """dy times the slope of GeluTanh at x."""

    kernel = (
        "dy * (0.5 * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))"
        " + 0.5 * x * (1 - tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))"
        " * tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))"
        " * 0.7978845608028654 * (1 + 0.134145 * x * x))"
    )
    flops_per_element = 30
    saves = ("dy", "x")
    compiled_from = 4096

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        def rule(dy: Any, x: Any) -> Any:
            t = _inner_tanh(xp, x)
            slope = xp.multiply(x, x, out=xp.empty_like(x))
            slope *= 3 * 0.044715 * _INNER
            slope += _INNER
            slope *= x
            slope *= 1 - t * t
            slope += t
            slope += 1
            slope *= 0.5
            slope *= dy
            return slope

        return blockwise(xp, rule, dy, x)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        def second() -> Tensor:
            t = tanh((x + x * x * x * 0.044715) * _INNER)
            u = _INNER * (1 + 3 * 0.044715 * x * x)
            du = 6 * 0.044715 * _INNER * x
            return ddx * dy * (1 - t * t) * (u + 0.5 * x * du - x * t * u * u)

        return lambda: GeluTanhGrad()(ddx, x), second


def _inner_tanh(xp: ModuleType, x: Any) -> Any:
    y = xp.multiply(x, x, out=xp.empty_like(x))
    y *= 0.044715
    y += 1
    y *= x
    y *= _INNER
    return xp.tanh(y, out=y)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x · Φ(x): D. Hendrycks and K. Gimpel, arXiv:1606.08415.  x: (...) -> y: (...).

    ``approximate="tanh"`` uses the paper's formula with tanh in place of erf.
    """
    if approximate not in ("none", "tanh"):
        raise unknown("gelu approximate", approximate, ("none", "tanh"))
    return (_gelu_tanh if approximate == "tanh" else _gelu)(floats(x))


_gelu, _gelu_tanh = Gelu(), GeluTanh()
