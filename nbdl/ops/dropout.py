"""Dropout: zeros at random places, the rest scaled up.

Srivastava et al.: "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
"""

from __future__ import annotations

import math
from typing import Any

from nbdl.backends import has_data
from nbdl.core import modes
from nbdl.core.mistakes import tell
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.comparison import greater_equal
from nbdl.ops.conversion import cast, floats
from nbdl.ops.creation import zeros_like
from nbdl.ops.random import rand

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]


def _check(p: float) -> None:
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p={p} is a probability, 0 to 1")


def _mask(x: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    """1 with probability 1 - p, else 0, of x's dtype."""
    return cast(greater_equal(rand(shape, device=x.device), p), x.dtype)


def _dropped(x: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    if p == 1:
        return x * zeros_like(x)
    return x * (_mask(x, shape, p) * (1 / (1 - p)))


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeros with probability ``p``, the rest divided by 1 - p; the input itself in evaluation.

    input: (...) -> y: (...). The same seed drops the same places on every device. ``inplace`` is
    taken for PyTorch's sake: values are immutable. Raises ArgumentError unless 0 <= p <= 1.
    """
    x = floats(input)
    _check(p)
    if not training or p == 0:
        return x
    if not modes.local.state.grad and has_data(x.value):
        tell(
            f"dropout drops {p:.0%} of the values while no gradients are recorded: a prediction "
            "in training mode",
            "model.eval() before predicting (model.train() before training goes on), or "
            "nbdl.predict(model, x)",
        )
    return _dropped(x, x.shape, p)


def _whole_channels(name: str, n: int, input: Any, p: float, training: bool) -> Tensor:
    x = floats(input)
    _check(p)
    if x.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"{name} needs (N, C, ...) with {n} axes after the channels, got {x.shape}"
        )
    if not training or p == 0:
        return x
    return _dropped(x, x.shape[: x.ndim - n] + (1,) * n, p)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels.  input: (N, C, L) or (C, L) -> y: the same shape."""
    return _whole_channels("dropout1d", 1, input, p, training)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels.  input: (N, C, H, W) or (C, H, W) -> y: the same shape."""
    return _whole_channels("dropout2d", 2, input, p, training)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels.  input: (N, C, D, H, W) -> y: the same shape."""
    return _whole_channels("dropout3d", 3, input, p, training)


_SATURATION = -1.7580993408473766
"""SELU's value at minus infinity: Klambauer et al., "Self-normalizing neural networks", 2017."""


def _alpha(x: Tensor, shape: tuple[int, ...], p: float) -> Tensor:
    if p == 1:
        return x * zeros_like(x)
    scale = 1 / math.sqrt((1 - p) * (1 + p * _SATURATION**2))
    shift = -scale * _SATURATION * p
    mask = _mask(x, shape, p)
    return (x * mask + _SATURATION * (1 - mask)) * scale + shift


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of what SELU gives.  input: (...) -> y: (...)."""
    x = floats(input)
    _check(p)
    return _alpha(x, x.shape, p) if training and p > 0 else x


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False) -> Tensor:
    """alpha_dropout of whole channels.  input: (N, C, ...) -> y: the same shape."""
    x = floats(input)
    _check(p)
    return _alpha(x, x.shape[:2] + (1,) * (x.ndim - 2), p) if training and p > 0 else x
