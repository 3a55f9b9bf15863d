"""Smooth activation functions; those with a kink are in ``rectifier``.

The gelus and the elus have files of their own: ``activation_gelu`` and ``activation_elu``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.arithmetic import conj
from nbdl.ops.conversion import floats
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import blockwise, chosen, clipped
from nbdl.ops.rounding import abs as absolute
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import normalize_axis

__all__ = [
    "glu",
    "logsigmoid",
    "mish",
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


def sigmoid(x: Any) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)).  x: (...) -> y: (...), a float dtype."""
    return _sigmoid(floats(x))


def silu(x: Any) -> Tensor:
    """x · sigmoid(x), also called swish: arXiv:1702.03118.  x: (...) -> y: (...)."""
    return _silu(floats(x))


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


_sigmoid, _silu = Sigmoid(), Silu()
