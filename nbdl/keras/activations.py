"""Activation functions by Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.keras.naming import look_up
from nbdl.nn import functional as F

Activation = Callable[[Tensor], Tensor]


def linear(x: Tensor) -> Tensor:
    """x as it is."""
    return x


def relu(
    x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """x above ``threshold`` (at most ``max_value``), ``negative_slope * (x - threshold)`` below."""
    if not threshold:
        y = F.leaky_relu(x, negative_slope) if negative_slope else F.relu(x)
    else:
        above = _step(x, threshold)
        y = x * above + negative_slope * (x - threshold) * (1 - above)
    return y if max_value is None else y - F.relu(y - max_value)


def _step(x: Tensor, threshold: float) -> Tensor:
    return (x.detach() >= threshold).to(x.dtype)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) scaled to the sum 1 along ``axis``."""
    return F.softmax(x, axis)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return F.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return F.tanh(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """x · Φ(x), with Φ exact or by tanh."""
    return F.gelu(x, approximate="tanh" if approximate else "none")


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6."""
    return F.hardsigmoid(x)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """The logarithm of softmax."""
    return F.log_softmax(x, axis)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """x above 0, ``negative_slope * x`` below (0.2 unless given, as Keras)."""
    return F.leaky_relu(x, negative_slope)


ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    "relu": relu,
    "softmax": softmax,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "gelu": gelu,
    "hard_sigmoid": hard_sigmoid,
    "log_softmax": log_softmax,
    "leaky_relu": leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "silu": F.silu,
    "swish": F.silu,
    "mish": F.mish,
    "relu6": F.relu6,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exponential": lambda x: x.exp(),
    "glu": F.glu,
    "hard_shrink": F.hardshrink,
    "hard_tanh": F.hardtanh,
    "hard_silu": F.hardswish,
    "hard_swish": F.hardswish,
    "log_sigmoid": F.logsigmoid,
    "soft_shrink": F.softshrink,
    "tanh_shrink": F.tanhshrink,
}
"""Name -> function."""


def get(identifier: Any) -> Activation:
    """An activation from a name, None (linear) or a function. ArgumentError for unknown names."""
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    return look_up("activation", identifier, ACTIVATIONS)


def name_of(activation: Activation) -> str:
    """The name of an activation, for tables."""
    for name, function in ACTIVATIONS.items():
        if function is activation:
            return name
    return getattr(activation, "__name__", type(activation).__name__)
