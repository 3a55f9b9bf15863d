"""Activation functions with a kink: the rectifier and its relatives, piece by piece linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.families import Elementwise
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import chosen, clipped, kept
from nbdl.ops.random import rand

__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "softshrink",
    "threshold",
]


class Relu(Elementwise):
    """max(x, 0)."""

    method = "relu"
    onnx = "Relu"
    kernel = "maximum(x, 0)"
    saves = ("y",)

    def forward(self, xp: Any, x: Any) -> Any:
        return clipped(xp, x, 0, xp.inf) if x.dtype.kind == "f" else xp.maximum(x, 0)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return ReluGrad()(dy, y)


class ReluGrad(Elementwise):
    """dy where y is positive, else 0."""

    kernel = "where(y > 0, dy, 0)"
    saves = ("y",)
    compiled_from = 32768

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        return kept(xp, dy, y > 0)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: ReluGrad()(ddx, y), None


@dataclass(frozen=True)
class Between(Elementwise):
    """dy where low < x < high (with ``closed``: low <= x <= high), else 0."""

    low: float
    high: float
    closed: bool = False
    kernel = "where(where(closed, (x >= low) & (x <= high), (x > low) & (x < high)), dy, 0)"
    flops_per_element = 3
    saves = ("x",)

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        if self.closed:
            return kept(xp, dy, (x >= self.low) & (x <= self.high))
        return kept(xp, dy, (x > self.low) & (x < self.high))

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        return lambda: self(ddx, x), None


@dataclass(frozen=True)
class Outside(Elementwise):
    """dy where x < low or x > high (NaN too), else 0."""

    low: float
    high: float
    kernel = "where((x >= low) & (x <= high), 0, dy)"
    flops_per_element = 3
    saves = ("x",)

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        return kept(xp, dy, ~((x >= self.low) & (x <= self.high)))

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        return lambda: self(ddx, x), None


@dataclass(frozen=True)
class Hardtanh(Elementwise):
    """x cut off at low and high."""

    low: float
    high: float
    kernel = "minimum(maximum(x, low), high)"
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        return clipped(xp, x, self.low, self.high)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Between(self.low, self.high)(dy, x)


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """x above 0, slope · x below."""

    slope: float
    kernel = "where(x > 0, x, x * slope)"
    onnx = "LeakyRelu"
    flops_per_element = 2
    saves = ("x",)
    compiled_from = 65536

    def forward(self, xp: Any, x: Any) -> Any:
        below = xp.asarray(x * x.dtype.type(self.slope))
        if 0 < self.slope <= 1:  # 0 times infinity would win in maximum
            return xp.maximum(x, below, out=below)
        return chosen(xp, x > 0, x, below)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return LeakyReluGrad(self.slope)(dy, x)


@dataclass(frozen=True)
class LeakyReluGrad(Elementwise):
    """dy where x is positive, else slope · dy."""

    slope: float
    kernel = "dy * where(x > 0, 1, slope)"
    flops_per_element = 3
    saves = ("x",)
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        factor = xp.asarray(xp.multiply(x > 0, dy.dtype.type(1 - self.slope)))
        factor += dy.dtype.type(self.slope)
        return dy * factor

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        return lambda: LeakyReluGrad(self.slope)(ddx, x), None


class Prelu(Elementwise):
    """x above 0, weight · x below."""

    onnx = "PRelu"
    kernel = "where(x > 0, x, weight * x)"
    flops_per_element = 2
    saves = ("x", "weight")
    compiled_from = 32768

    def forward(self, xp: Any, x: Any, weight: Any) -> Any:
        return chosen(xp, x > 0, x, weight * x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
        positive = Outside(-float("inf"), 0.0)
        negative = Between(-float("inf"), 0.0, closed=True)
        return (
            lambda: positive(dy, x) + negative(dy, x) * weight,
            lambda: negative(dy * x, x),
        )


class Hardswish(Elementwise):
    """x · hardsigmoid(x)."""

    onnx = "HardSwish"
    kernel = "x * minimum(maximum(x + 3, 0), 6) / 6"
    flops_per_element = 5
    saves = ("x",)
    compiled_from = 16384

    def forward(self, xp: Any, x: Any) -> Any:
        gate = clipped(xp, x + x.dtype.type(3), 0, 6)
        return x * gate / x.dtype.type(6)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return HardswishGrad()(dy, x)


class HardswishGrad(Elementwise):
    """dy times the slope of Hardswish: 0 up to -3, x / 3 + 1/2 between, 1 from 3 on."""

    kernel = "where(x <= -3, 0, where(x < 3, dy * (x / 3 + 0.5), dy))"
    flops_per_element = 5
    saves = ("dy", "x")
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        three = x.dtype.type(3)
        slope = chosen(xp, x < three, x / three + x.dtype.type(0.5), x.dtype.type(1))
        return kept(xp, dy * slope, ~(x <= -three))

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        return lambda: HardswishGrad()(ddx, x), lambda: Between(-3.0, 3.0)(ddx * dy, x) / 3


@dataclass(frozen=True)
class Threshold(Elementwise):
    """x above the threshold, else value."""

    threshold: float
    value: float
    kernel = "where(x <= threshold, value, x)"
    saves = ("x",)
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return chosen(xp, x <= self.threshold, x.dtype.type(self.value), x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Outside(-float("inf"), self.threshold)(dy, x)


@dataclass(frozen=True)
class Softshrink(Elementwise):
    """x moved towards 0 by width, and 0 within that distance."""

    width: float
    kernel = "x - minimum(maximum(x, -width), width)"
    onnx = "Shrink"
    flops_per_element = 3
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        return x - clipped(xp, x, -self.width, self.width)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Outside(-self.width, self.width)(dy, x)


def relu(x: Any) -> Tensor:
    """The positive part, max(x, 0); the derivative at 0 is 0.  x: (...) -> y: (...)."""
    return _relu(astensor(x))


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6).  x: (...) -> y: (...)."""
    return Hardtanh(0.0, 6.0)(astensor(x))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x cut off at ``min_val`` and ``max_val``.  x: (...) -> y: (...)."""
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val={min_val} is above max_val={max_val}")
    return Hardtanh(float(min_val), float(max_val))(astensor(x))


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Tensor:
    """x above 0, negative_slope · x below.  x: (...) -> y: (...)."""
    return LeakyRelu(float(negative_slope))(floats(x))


def prelu(x: Any, weight: Any) -> Tensor:
    """x above 0, weight · x below: arXiv:1502.01852.

    x: (batch, channels, ...), weight: (1,) or (channels,) -> y: shape of x.
    """
    x, weight = promote(floats(x), weight)
    if weight.ndim > 1 or (weight.size != 1 and (x.ndim < 2 or weight.size != x.shape[1])):
        channels = x.shape[1] if x.ndim > 1 else 1
        raise ShapeError(
            f"prelu got weight of shape {weight.shape} for x of shape {x.shape}",
            hint=f"one slope, shape (1,), or one for each channel, shape ({channels},)",
        )
    rest = max(x.ndim - 2, 0)
    shape = (1,) * x.ndim if weight.size == 1 else (weight.size, *(1,) * rest)
    return Prelu()(x, weight if weight.shape == shape else reshape(weight, shape))


def rrelu(
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """leaky_relu with slopes drawn between ``lower`` and ``upper`` in training, their mean else.

    x: (...) -> y: (...). B. Xu and others, arXiv:1505.00853.
    """
    if lower > upper:
        raise ArgumentError(f"rrelu: lower={lower} is above upper={upper}")
    x = floats(x)
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    place = None if x.device == "meta" else x.device
    slopes = rand(x.shape, dtype=x.dtype, generator=generator, device=place)
    return Prelu()(x, cast(slopes * (upper - lower) + lower, x.dtype))


def hardsigmoid(x: Any) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.  x: (...) -> y: (...), a float dtype."""
    return relu6(floats(x) + 3) / 6


def hardswish(x: Any) -> Tensor:
    """x · hardsigmoid(x): A. Howard and others, arXiv:1905.02244.  x: (...) -> y: (...)."""
    return Hardswish()(floats(x))


def hardshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x where \\|x\\| is above ``lambd``, else 0.  x: (...) -> y: (...)."""
    x = floats(x)
    return Outside(-float(lambd), float(lambd))(x, x.detach())


def softshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by ``lambd``, and 0 within that distance.  x: (...) -> y: (...)."""
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd={lambd} must not be negative")
    return Softshrink(float(lambd))(floats(x))


def threshold(x: Any, threshold: float, value: float) -> Tensor:
    """x where it is above ``threshold``, else ``value``.  x: (...) -> y: (...)."""
    return Threshold(float(threshold), float(value))(astensor(x))


_relu = Relu()
