"""Smooth activation functions; those with a kink are in ``rectifier``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.arithmetic import conj, exp
from nbdl.ops.conversion import floats
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import blockwise, chosen, clipped, kept
from nbdl.ops.rounding import abs as absolute
from nbdl.ops.special import erf_values
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import normalize_axis

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "logsigmoid",
    "mish",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanhshrink",
]


def sigmoid_values(xp: ModuleType, x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32 or float64 array, in a new array; 0 where exp overflows."""
    y = xp.negative(x, out=xp.empty_like(x))
    xp.exp(y, out=y)
    y += 1
    return xp.reciprocal(y, out=y)


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x))."""

    method = "sigmoid"
    onnx = "Sigmoid"
    kernel = "1 / (1 + exp(-x))"
    flops_per_element = 12
    saves = ("y",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        return blockwise(xp, lambda v: sigmoid_values(xp, v), x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return SigmoidGrad()(dy, conj(y))


class SigmoidGrad(Elementwise):
    """dy · y · (1 - y)."""

    kernel = "dy * y * (1 - y)"
    flops_per_element = 3
    saves = ("dy", "y")
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        def rule(dy: Any, y: Any) -> Any:
            slope = xp.subtract(1, y, out=xp.empty_like(y))
            slope *= y
            slope *= dy
            return slope

        return blockwise(xp, rule, dy, y)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: SigmoidGrad()(ddx, conj(y)), lambda: ddx * conj(dy * (1 - 2 * y))


class Silu(Elementwise):
    """x · sigmoid(x)."""

    method = "silu"
    kernel = "x / (1 + exp(-x))"
    flops_per_element = 13
    saves = ("x",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        return blockwise(xp, lambda v: xp.multiply(sigmoid_values(xp, v), v), x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return SiluGrad()(dy, x)


class SiluGrad(Elementwise):
    """dy · σ(x) · (1 + x · (1 - σ(x)))."""

    kernel = "dy / (1 + exp(-x)) * (1 + x * (1 - 1 / (1 + exp(-x))))"
    flops_per_element = 17
    saves = ("dy", "x")
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        def rule(dy: Any, x: Any) -> Any:
            s = sigmoid_values(xp, x)
            slope = xp.subtract(1, s, out=xp.empty_like(s))
            slope *= x
            slope += 1
            slope *= s
            slope *= dy
            return slope

        return blockwise(xp, rule, dy, x)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        def second() -> Tensor:
            s = sigmoid(x)
            return ddx * dy * s * (1 - s) * (2 + x * (1 - 2 * s))

        return lambda: SiluGrad()(ddx, x), second


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


@dataclass(frozen=True)
class Softplus(Elementwise):
    """log(1 + exp(beta · x)) / beta; x itself where beta · x is above the threshold."""

    beta: float = 1.0
    threshold: float = 20.0
    kernel = (
        "where(x * beta > threshold, x,"
        " (maximum(x * beta, 0) + log1p(exp(-abs(x * beta)))) / beta)"
    )
    onnx = "Softplus"
    flops_per_element = 20
    saves = ("x",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            t = x * self.beta
            y = xp.abs(t, out=xp.empty_like(t))
            xp.negative(y, out=y)
            xp.exp(y, out=y)
            xp.log1p(y, out=y)
            y += clipped(xp, t, 0, xp.inf)
            y /= self.beta
            return chosen(xp, t > self.threshold, x, y)

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * SoftplusSlope(self.beta, self.threshold)(x)


@dataclass(frozen=True)
class SoftplusSlope(Elementwise):
    """sigmoid(beta · x), and 1 where beta · x is above the threshold."""

    beta: float
    threshold: float
    kernel = "where(x * beta > threshold, 1, 1 / (1 + exp(-(x * beta))))"
    flops_per_element = 14
    saves = ("y",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            t = xp.asarray(x * self.beta)
            return chosen(xp, t > self.threshold, t.dtype.type(1), sigmoid_values(xp, t))

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return SigmoidGrad()(dy * self.beta, y)


class LogSigmoid(Elementwise):
    """log(sigmoid(x)) = -softplus(-x)."""

    kernel = "minimum(x, 0) - log1p(exp(-abs(x)))"
    flops_per_element = 20
    saves = ("x",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        def rule(x: Any) -> Any:
            y = xp.abs(x, out=xp.empty_like(x))
            xp.negative(y, out=y)
            xp.exp(y, out=y)
            xp.log1p(y, out=y)
            return xp.subtract(clipped(xp, x, -xp.inf, 0), y, out=y)

        return blockwise(xp, rule, x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * sigmoid(-x)


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


def sigmoid(x: Any) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)).  x: (...) -> y: (...), a float dtype."""
    return _sigmoid(floats(x))


def silu(x: Any) -> Tensor:
    """x · sigmoid(x), also called swish: arXiv:1702.03118.  x: (...) -> y: (...)."""
    return _silu(floats(x))


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x · Φ(x): D. Hendrycks and K. Gimpel, arXiv:1606.08415.  x: (...) -> y: (...).

    ``approximate="tanh"`` uses the paper's formula with tanh in place of erf.
    """
    if approximate not in ("none", "tanh"):
        raise unknown("gelu approximate", approximate, ("none", "tanh"))
    return (_gelu_tanh if approximate == "tanh" else _gelu)(floats(x))


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """A smooth relu, log(1 + exp(beta · x)) / beta.  x: (...) -> y: (...).

    Where beta · x is above ``threshold`` it is x itself, as in PyTorch.
    """
    if beta == 0:
        raise ArgumentError("softplus: beta=0 would divide by zero", hint="beta=1")
    return Softplus(float(beta), float(threshold))(floats(x))


def logsigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)) without overflow.  x: (...) -> y: (...), a float dtype."""
    return LogSigmoid()(floats(x))


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


def mish(x: Any) -> Tensor:
    """x · tanh(softplus(x)): D. Misra, arXiv:1908.08681.  x: (...) -> y: (...)."""
    x = floats(x)
    return x * tanh(softplus(x))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|).  x: (...) -> y: (...), a float dtype."""
    x = floats(x)
    return x / (1 + absolute(x))


def tanhshrink(x: Any) -> Tensor:
    """x - tanh(x).  x: (...) -> y: (...), a float dtype."""
    x = floats(x)
    return x - tanh(x)


def glu(x: Any, dim: int = -1) -> Tensor:
    """The first half times the sigmoid of the second: arXiv:1612.08083.

    x: (..., 2·n, ...) -> y: (..., n, ...). Raises ShapeError for an odd size along ``dim``.
    """
    x = floats(x)
    axis = normalize_axis(dim, x.ndim, "dim")
    if not x.ndim or x.shape[axis] % 2:
        raise ShapeError(
            f"glu splits axis {dim} in two halves, but x has shape {x.shape}",
            hint="the size along dim must be even",
        )
    half = x.shape[axis] // 2
    before = (slice(None),) * axis
    return x[(*before, slice(0, half))] * sigmoid(x[(*before, slice(half, None))])


_sigmoid, _silu, _gelu, _gelu_tanh = Sigmoid(), Silu(), Gelu(), GeluTanh()
