"""Pooling; channels come last."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.keras.layers.base import Layer
from nbdl.keras.layers.core import check_data_format, require_axes
from nbdl.keras.layers.spatial import (
    channels_first,
    channels_last,
    check_padding,
    padded,
    same_padding,
    sizes,
)
from nbdl.nn import functional as F
from nbdl.ops.creation import ones_like
from nbdl.ops.reduction import max as largest
from nbdl.ops.reduction import mean

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "MaxPooling1D", "MaxPooling2D",
]  # fmt: skip

_LAYOUTS = {1: "(batch, steps, channels)", 2: "(batch, height, width, channels)"}


class _Pooling(Layer):
    rank: ClassVar[int]

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid",
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        check_data_format(self, data_format)
        self.pool_size = sizes(self, "pool_size", pool_size, self.rank)
        self.strides = sizes(self, "strides", self.pool_size if strides is None else strides,
                             self.rank)  # fmt: skip
        self.padding = check_padding(self, padding)

    def call(self, x: Tensor) -> Tensor:
        require_axes(self, x, self.rank + 2, _LAYOUTS[self.rank])
        x = channels_first(x)
        pads = [0] * (2 * self.rank)
        if self.padding == "same":
            pads = same_padding(x.shape[2:], self.pool_size, self.strides, (1,) * self.rank)
        elif any(n < k for n, k in zip(x.shape[2:], self.pool_size, strict=True)):
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: a window of {self.pool_size} does not fit "
                f"into an input of {x.shape[2:]}",
                hint="padding='same', or fewer pooling layers before it",
            )
        return channels_last(self.pool(x, pads))

    def pool(self, x: Tensor, pads: list[int]) -> Tensor:
        """The pooled (batch, channels, ...)."""
        raise NotImplementedError


class _Max(_Pooling):
    def pool(self, x: Tensor, pads: list[int]) -> Tensor:
        function = F.max_pool1d if self.rank == 1 else F.max_pool2d
        return function(padded(x, pads, -math.inf), self.pool_size, self.strides)


class _Average(_Pooling):
    def pool(self, x: Tensor, pads: list[int]) -> Tensor:
        function = F.avg_pool1d if self.rank == 1 else F.avg_pool2d
        y = function(padded(x, pads), self.pool_size, self.strides)
        if any(pads):  # the mean is over the elements of the picture, not over the padding
            counted = padded(ones_like(x.detach()), pads)
            y = y / function(counted, self.pool_size, self.strides)
        return y


class MaxPooling1D(_Max):
    """The largest of each window.  x: (batch, steps, channels)."""

    rank = 1


class MaxPooling2D(_Max):
    """The largest of each window.  x: (batch, height, width, channels)."""

    rank = 2


class AveragePooling1D(_Average):
    """The mean of each window.  x: (batch, steps, channels)."""

    rank = 1


class AveragePooling2D(_Average):
    """The mean of each window.  x: (batch, height, width, channels)."""

    rank = 2


class _Global(Layer):
    rank: ClassVar[int]
    largest: ClassVar[bool] = False

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_data_format(self, data_format)
        self.keepdims = keepdims

    def call(self, x: Tensor) -> Tensor:
        require_axes(self, x, self.rank + 2, _LAYOUTS[self.rank])
        axes = tuple(range(1, self.rank + 1))
        return (largest if self.largest else mean)(x, axis=axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(_Global):
    """The mean over all steps.  x: (batch, steps, channels) -> (batch, channels)."""

    rank = 1


class GlobalAveragePooling2D(_Global):
    """The mean over each picture.  x: (batch, height, width, channels) -> (batch, channels)."""

    rank = 2


class GlobalMaxPooling1D(_Global):
    """The largest over all steps.  x: (batch, steps, channels) -> (batch, channels)."""

    rank, largest = 1, True


class GlobalMaxPooling2D(_Global):
    """The largest of each picture.  x: (batch, height, width, channels) -> (batch, channels)."""

    rank, largest = 2, True
