"""Pooling by norms and at random places, and the way back from max pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn import functional as F
from nbdl.nn.module import Module
from nbdl.shapes import as_tuple

Size = int | Sequence[int]


class _LPPool(Module):
    """(Σ xᵖ)^(1/p) of windows; see LPPool1d."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def _settings(self) -> tuple[Any, ...]:
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode

    def extra_repr(self) -> str:
        """Norm, window, step."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window over one axis.

    x: (batch, channels, length) -> y: (batch, channels, length').

    Args:
        norm_type: p: 1 gives sums, large p the maximum.
        kernel_size: size of the window.
        stride: step of the window, default ``kernel_size``.
        ceil_mode: round the output's size up instead of down.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, length) -> y: (batch, channels, length')."""
        return F.lp_pool1d(input, *self._settings())


class LPPool2d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window over two axes.  Arguments as LPPool1d's.

    x: (batch, channels, height, width) -> y: (batch, channels, height', width').
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) -> y: (batch, channels, height', width')."""
        return F.lp_pool2d(input, *self._settings())


class LPPool3d(_LPPool):
    """(Σ xᵖ)^(1/p) of each window over three axes.  Arguments as LPPool1d's.

    x: (batch, channels, depth, height, width) -> y: (batch, channels, depth', height', width').
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, d', h', w')."""
        return F.lp_pool3d(input, *self._settings())


class _FractionalMaxPool(Module):
    """The largest of windows at random places; see FractionalMaxPool2d."""

    axes: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Size,
        output_size: Size | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(
                f"{type(self).__name__} needs either output_size or output_ratio, got "
                f"output_size={output_size} and output_ratio={output_ratio}"
            )
        n = self.axes
        self.kernel_size = as_tuple(kernel_size, n, "kernel_size")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else as_tuple(output_size, n, "output_size")
        self.output_ratio: tuple[float, ...] | None = None
        if output_ratio is not None:
            ratio = output_ratio if isinstance(output_ratio, Sequence) else (output_ratio,) * n
            self.output_ratio = tuple(ratio)
            if not all(0 < r < 1 for r in self.output_ratio):
                raise ArgumentError(
                    f"{type(self).__name__}: output_ratio={output_ratio} must be between 0 and 1"
                )

    def _settings(self) -> tuple[Any, ...]:
        return (
            self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Window, and the output's size."""
        size = (
            f"output_ratio={self.output_ratio}"
            if self.output_size is None
            else f"output_size={self.output_size}"
        )
        return f"kernel_size={self.kernel_size}, {size}"


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest of windows at random places: B. Graham, arXiv:1412.6071, 2014.

    x: (batch, channels, height, width) -> y: (batch, channels, *output_size).

    Args:
        kernel_size: size of the window.
        output_size: how many windows; or
        output_ratio: their share of the input's sizes, between 0 and 1.
        return_indices: give (y, indices of the largest) instead of y.
        _random_samples: (batch, channels, 2) in [0, 1) for all calls, instead of drawing.
    """

    axes = 2

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, height, width) -> y: (batch, channels, *output_size)."""
        return F.fractional_max_pool2d(input, *self._settings())


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest of windows at random places.  Arguments as FractionalMaxPool2d's.

    x: (batch, channels, depth, height, width) -> y: (batch, channels, *output_size).
    """

    axes = 3

    def forward(self, input: Tensor) -> Any:
        """input: (batch, channels, d, h, w) -> y: (batch, channels, *output_size)."""
        return F.fractional_max_pool3d(input, *self._settings())


class _MaxUnpool(Module):
    """The way back from max pooling; see MaxUnpool2d."""

    axes: ClassVar[int]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        n = self.axes
        self.kernel_size = as_tuple(kernel_size, n, "kernel_size")
        self.stride = self.kernel_size if stride is None else as_tuple(stride, n, "stride")
        self.padding = as_tuple(padding, n, "padding")

    def extra_repr(self) -> str:
        """Window, step, padding."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The way back from MaxPool1d.  Arguments as MaxUnpool2d's.

    x, indices: (batch, channels, length') -> y: (batch, channels, length).
    """

    axes = 1

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (batch, channels, length') -> y: (batch, channels, length)."""
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpool):
    """The way back from MaxPool2d: each value at the place it came from, zeros elsewhere.

    x, indices: (batch, channels, height', width') -> y: (batch, channels, height, width).

    Args:
        kernel_size, stride, padding: those of the pooling.
    """

    axes = 2

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (batch, channels, h', w') -> y: (batch, channels, *output_size)."""
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpool):
    """The way back from MaxPool3d.  Arguments as MaxUnpool2d's.

    x, indices: (batch, channels, d', h', w') -> y: (batch, channels, d, h, w).
    """

    axes = 3

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """input, indices: (batch, channels, d', h', w') -> y: (batch, channels, *output_size)."""
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )
