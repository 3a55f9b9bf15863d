"""Batch and layer normalization."""

from __future__ import annotations

import math
from typing import Any

from nbdl import backends
from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras import initializers
from nbdl.keras.layers.base import Layer, ShapeOrNone
from nbdl.nn import functional as F
from nbdl.ops.movement import moveaxis
from nbdl.ops.reduction import mean
from nbdl.ops.statistics import var
from nbdl.shapes import normalize_axis

__all__ = ["BatchNormalization", "LayerNormalization"]


class BatchNormalization(Layer):
    """Each channel with mean 0 and variance 1 over the batch, then scaled and shifted.

    S. Ioffe and C. Szegedy, ICML 2015. In evaluation mode the moving means are used; each batch
    in training moves them by 1 − ``momentum`` towards its own (its variance taken as it is, not
    corrected for the number of samples).
    """

    regularized = {"gamma_regularizer": "gamma", "beta_regularizer": "beta"}

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros", moving_variance_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1:
            raise ArgumentError(f"BatchNormalization: momentum={momentum!r} must be from 0 to 1")
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self._initializers = {
            "gamma": initializers.get(gamma_initializer),
            "beta": initializers.get(beta_initializer),
            "moving_mean": initializers.get(moving_mean_initializer),
            "moving_variance": initializers.get(moving_variance_initializer),
        }
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """gamma, beta, moving_mean and moving_variance, (channels,) each."""
        channels = input_shape[normalize_axis(self.axis, len(input_shape))]
        if channels is None:
            raise ShapeError(
                f"BatchNormalization {self.name!r}: axis {self.axis} has no fixed size"
            )
        for name, initializer in self._initializers.items():
            if (name == "gamma" and not self.scale) or (name == "beta" and not self.center):
                continue
            self.add_weight((channels,), initializer, name=name, trainable="moving" not in name)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        axis = normalize_axis(self.axis, x.ndim)
        training = training and self.trainable
        if training and backends.has_data(x.value):
            self._move(x, axis)
        x = moveaxis(x, axis, 1)
        y = F.batch_norm(
            x, None if training else self.moving_mean, None if training else self.moving_variance,
            self.gamma, self.beta, training, 0.0, self.epsilon,
        )  # fmt: skip
        return moveaxis(y, 1, axis)

    def _move(self, x: Tensor, axis: int) -> None:
        rest = tuple(i for i in range(x.ndim) if i != axis)
        with modes.no_grad():
            for moving, now in (
                (self.moving_mean, mean(x.detach(), axis=rest)),
                (self.moving_variance, var(x.detach(), axis=rest)),
            ):
                moving.data = moving * self.momentum + now * (1 - self.momentum)


class LayerNormalization(Layer):
    """Each sample with mean 0 and variance 1 over ``axis``, then scaled and shifted.

    J. L. Ba and others, arXiv:1607.06450. ``axis`` is the last one, or the last few.
    """

    regularized = {"gamma_regularizer": "gamma", "beta_regularizer": "beta"}

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """gamma and beta of the axes' sizes."""
        n = len(input_shape)
        given = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        axes = sorted(normalize_axis(a, n) for a in given)
        if axes != list(range(n - len(axes), n)) or 0 in axes:
            raise ArgumentError(
                f"LayerNormalization {self.name!r}: axis={self.axis!r} must be the last axis, or "
                f"the last few, of inputs {input_shape}"
            )
        shape = tuple(input_shape[a] or 0 for a in axes)
        if not math.prod(shape):
            raise ShapeError(f"LayerNormalization {self.name!r}: {input_shape} has no fixed size")
        self._normalized = shape
        if self.scale:
            self.add_weight(shape, self.gamma_initializer, name="gamma")
        if self.center:
            self.add_weight(shape, self.beta_initializer, name="beta")

    def call(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self._normalized, self.gamma, self.beta, self.epsilon)
