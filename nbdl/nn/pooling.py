"""Pooling: the largest or the mean of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn.module import Module

Size = int | Sequence[int]


class _MaxPool(Module):
    """The largest element of each window; see MaxPool1d, MaxPool2d."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _settings(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size, "stride": self.stride, "padding": self.padding,
            "dilation": self.dilation, "ceil_mode": self.ceil_mode,
            "return_indices": self.return_indices,
        }  # fmt: skip

    def extra_repr(self) -> str:
        """Window, step, padding."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window over one axis.

    x: (batch, channels, length) -> y: (batch, channels, length').

    Args:
        kernel_size: size of the window.
        stride: step of the window, default ``kernel_size``.
        padding: -infinity on both sides.
        dilation: distance of the window's elements.
        return_indices: give (y, indices of the largest) instead of y.
        ceil_mode: round the output's size up instead of down.
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, length) -> y: (batch, channels, length')."""
        return F.max_pool1d(input, **self._settings())


class MaxPool2d(_MaxPool):
    """The largest element of each window over two axes.

    x: (batch, channels, height, width) -> y: (batch, channels, height', width').

    Arguments as MaxPool1d's; sizes are one int or (vertical, horizontal).
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, height, width) -> y: (batch, channels, height', width')."""
        return F.max_pool2d(input, **self._settings())


class MaxPool3d(_MaxPool):
    """The largest element of each window over three axes.

    x: (batch, channels, depth, height, width) -> y: (batch, channels, depth', height', width').

    Arguments as MaxPool1d's; sizes are one int or three.
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, d', h', w')."""
        return F.max_pool3d(input, **self._settings())


class _AvgPool(Module):
    """The mean of each window; see AvgPool1d, AvgPool2d."""

    kernel_size: Size
    stride: Size
    padding: Size

    def extra_repr(self) -> str:
        """Window, step, padding."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window over one axis.

    x: (batch, channels, length) -> y: (batch, channels, length').

    Args:
        kernel_size: size of the window.
        stride: step of the window, default ``kernel_size``.
        padding: zeros on both sides.
        ceil_mode: round the output's size up instead of down.
        count_include_pad: whether the padding counts in the mean (default).
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, length) -> y: (batch, channels, length')."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class _AvgPoolWithDivisor(_AvgPool):
    """The mean of windows over two or three axes, with a divisor of one's own."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolWithDivisor):
    """The mean of each window over two axes.

    x: (batch, channels, height, width) -> y: (batch, channels, height', width').

    Arguments as AvgPool1d's, and ``divisor_override``: divide by this, not by the window's size.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) -> y: (batch, channels, height', width')."""
        return F.avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class AvgPool3d(_AvgPoolWithDivisor):
    """The mean of each window over three axes.

    x: (batch, channels, d, h, w) -> y: (batch, channels, d', h', w').

    Arguments as AvgPool1d's, and ``divisor_override``: divide by this, not by the window's size.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, d', h', w')."""
        return F.avg_pool3d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip


class _Adaptive(Module):
    """Windows chosen so that the output has a given size."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Size of the output."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means over windows that give ``output_size`` outputs.

    x: (batch, channels, length) -> y: (batch, channels, output_size).
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, length) -> y: (batch, channels, output_size)."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """Means over windows that give ``output_size`` outputs; None keeps an axis's size.

    x: (batch, channels, height, width) -> y: (batch, channels, *output_size).
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) -> y: (batch, channels, *output_size)."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_Adaptive):
    """Means over windows that give ``output_size`` outputs; None keeps an axis's size.

    x: (batch, channels, depth, height, width) -> y: (batch, channels, *output_size).
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, *output_size)."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    """Largest elements; see AdaptiveMaxPool1d, AdaptiveMaxPool2d."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Largest elements of windows that give ``output_size`` outputs.

    x: (batch, channels, length) -> y: (batch, channels, output_size).
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, length) -> y: (batch, channels, output_size)."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Largest elements of windows that give ``output_size`` outputs; None keeps an axis.

    x: (batch, channels, height, width) -> y: (batch, channels, *output_size).
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, height, width) -> y: (batch, channels, *output_size)."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Largest elements of windows that give ``output_size`` outputs; None keeps an axis.

    x: (batch, channels, depth, height, width) -> y: (batch, channels, *output_size).
    """

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, *output_size)."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
