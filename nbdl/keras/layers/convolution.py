"""Convolutions and zero padding; channels come last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras import activations, initializers
from nbdl.keras.layers.base import Layer, ShapeOrNone
from nbdl.keras.layers.core import check_data_format, positive, require_axes
from nbdl.keras.layers.spatial import (
    channels_first,
    channels_last,
    check_padding,
    padded,
    same_padding,
    sizes,
)
from nbdl.nn import functional as F
from nbdl.ops.movement import permute_dims

__all__ = ["Conv1D", "Conv2D", "ZeroPadding2D"]


class _Conv(Layer):
    regularized = {"kernel_regularizer": "kernel", "bias_regularizer": "bias"}
    rank: ClassVar[int]
    layout: ClassVar[str]
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str | None = None, dilation_rate: Any = 1, groups: int = 1,
        activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        check_data_format(self, data_format)
        self.filters = positive(self, "filters", filters)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, self.rank)
        self.strides = sizes(self, "strides", strides, self.rank)
        self.dilation_rate = sizes(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = check_padding(self, padding, self.paddings)
        self.groups = positive(self, "groups", groups)
        if filters % groups:
            raise ArgumentError(
                f"{type(self).__name__}: filters={filters} must be a multiple of groups={groups}"
            )
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """kernel (*kernel_size, in // groups, filters) and bias (filters,)."""
        channels = input_shape[-1]
        if len(input_shape) != self.rank + 2 or channels is None:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r} needs inputs {self.layout}, got shape "
                f"{input_shape}",
                hint="x[..., None] adds an axis for one channel"
                if len(input_shape) == self.rank + 1
                else None,
            )
        if channels % self.groups:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: the input's {channels} channels must be a "
                f"multiple of groups={self.groups}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.add_weight(shape, self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.add_weight((self.filters,), self.bias_initializer, name="bias")

    def call(self, x: Tensor) -> Tensor:
        require_axes(self, x, self.rank + 2, self.layout)
        if x.shape[-1] != self.kernel.shape[-2] * self.groups:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r} was built for "
                f"{self.kernel.shape[-2] * self.groups} channels, the input has shape {x.shape}"
            )
        x = channels_first(x)
        reach = tuple(
            (k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)
        )
        if self.padding == "same":
            x = padded(
                x, same_padding(x.shape[2:], self.kernel_size, self.strides, self.dilation_rate)
            )
        elif self.padding == "causal":
            x = padded(x, [reach[0] - 1, 0])
        if any(n < k for n, k in zip(x.shape[2:], reach, strict=True)):
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}: a window of {reach} does not fit into an "
                f"input of {x.shape[2:]}",
                hint="padding='same', or fewer pooling layers before it",
            )
        n = self.rank
        kernel = permute_dims(self.kernel, (n + 1, n, *range(n)))  # (out, in, *window)
        y = type(self).function(
            x, kernel, self.bias, self.strides, 0, self.dilation_rate, self.groups
        )
        y = channels_last(y)
        return y if self.activation is activations.linear else self.activation(y)


class Conv1D(_Conv):
    """Convolution over time.  x: (batch, steps, channels) -> (batch, new_steps, filters).

    ``padding`` is ``"valid"``, ``"same"`` or ``"causal"``; kernel: (size, in, filters).
    """

    rank = 1
    layout = "(batch, steps, channels)"
    paddings = ("valid", "same", "causal")
    function = staticmethod(F.conv1d)


class Conv2D(_Conv):
    """Convolution over pictures.  x: (batch, height, width, channels) -> (..., filters).

    ``padding`` is ``"valid"`` or ``"same"``; kernel: (height, width, in, filters).
    """

    rank = 2
    layout = "(batch, height, width, channels)"
    function = staticmethod(F.conv2d)


class ZeroPadding2D(Layer):
    """Zeros around pictures.

    ``padding``: one number, (vertical, horizontal), or ((top, bottom), (left, right)).
    """

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_data_format(self, data_format)
        pair = (padding, padding) if isinstance(padding, int) else tuple(padding)
        sides = [(p, p) if isinstance(p, int) else tuple(p) for p in pair]
        if len(sides) != 2 or any(len(s) != 2 or min(s) < 0 for s in sides):
            raise ArgumentError(
                f"ZeroPadding2D: padding must be a whole number, two, or two pairs, got {padding!r}"
            )
        self.padding = tuple(sides)

    def call(self, x: Tensor) -> Tensor:
        require_axes(self, x, 4, "(batch, height, width, channels)")
        (top, bottom), (left, right) = self.padding
        return padded(x, [0, 0, left, right, top, bottom])
