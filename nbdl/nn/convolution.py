"""Convolutions and their transposes over one, two or three axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_axes, needs_floats
from nbdl.nn.sizes import check_input_size, check_sizes
from nbdl.shapes import Shape, as_tuple

Size = int | Sequence[int]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
_LAYOUTS = {1: "(batch, channels, length)", 2: "(batch, channels, height, width)",
            3: "(batch, channels, depth, height, width)"}  # fmt: skip


class _Convolution(Inferred):
    """What convolutions share: their settings, sizes and first weights."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Any
    bias: Any
    output_padding: Shape

    def _configure(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Any,
        dilation: Size,
        groups: int,
        padding_mode: str,
    ) -> None:
        n = self.axes
        check_input_size(self, in_channels=in_channels)
        check_sizes(self, out_channels=out_channels, groups=groups)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_tuple(kernel_size, n, "kernel_size")
        self.stride = as_tuple(stride, n, "stride")
        self.dilation = as_tuple(dilation, n, "dilation")
        self.padding = padding if isinstance(padding, str) else as_tuple(padding, n, "padding")
        self.groups = groups
        if padding_mode not in PADDING_MODES:
            raise unknown("padding_mode", padding_mode, PADDING_MODES)
        self.padding_mode = padding_mode
        self._check()

    def _check(self) -> None:
        for name in ("kernel_size", "stride", "dilation"):
            if min(getattr(self, name)) < 1:
                raise ArgumentError(
                    f"{type(self).__name__}: {name}={getattr(self, name)} must be 1 or more"
                )
        for name in ("in_channels", "out_channels"):
            channels = getattr(self, name)
            if channels is not None and (self.groups < 1 or channels % self.groups):
                raise ArgumentError(
                    f"{type(self).__name__}: {name}={channels} must be divisible by "
                    f"groups={self.groups}"
                )
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise unknown("padding", self.padding, ("same", "valid"))
            if self.padding == "same" and max(self.stride) > 1:
                raise ArgumentError(
                    f"{type(self).__name__}: padding='same' needs stride 1, got {self.stride}",
                    hint="give the padding as a number",
                )

    def infer_sizes(self, input: Tensor, *_: Any, **__: Any) -> None:
        """The channels of ``input``."""
        shape = needs_axes(self, input, self.axes + 1, _LAYOUTS[self.axes])
        self.in_channels = shape[-self.axes - 1]
        self._check()

    def make_parameters(self) -> None:
        """Weight and bias."""
        channels = [self.out_channels, (self.in_channels or 0) // self.groups]
        if self.transposed:
            channels = [self.in_channels or 0, self.out_channels // self.groups]
        self.weight = self._new_parameter((*channels, *self.kernel_size))
        if self.bias is not None:
            self.bias = self._new_parameter((self.out_channels,))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform in ±1/√(inputs of one output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and the settings that are not the default."""
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        if self.padding != (0,) * self.axes:
            parts.append(f"padding={self.padding!r}")
        if self.dilation != (1,) * self.axes:
            parts.append(f"dilation={self.dilation}")
        if self.transposed and self.output_padding != (0,) * self.axes:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode!r}")
        return ", ".join(parts)


class _Conv(_Convolution):
    """A convolution; see Conv1d, Conv2d, Conv3d."""

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Any = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        self._start(in_channels is not None, device, dtype, weight=True, bias=bias)

    def _sides(self) -> list[int]:
        """Padding before and after each axis, the last axis first, as ``pad`` takes it."""
        sides: list[int] = []
        for axis in reversed(range(self.axes)):
            if self.padding == "same":
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                sides += [total // 2, total - total // 2]
            else:
                n = 0 if isinstance(self.padding, str) else self.padding[axis]
                sides += [n, n]
        return sides

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, in_channels, *sizes) -> y: (batch, out_channels, *sizes)."""
        needs_floats(self, input)
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._sides(), mode=self.padding_mode), 0
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return convolve(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(_Conv):
    """A convolution over one axis.

    x: (batch, in_channels, length) -> y: (batch, out_channels, length'), where
    length' = (length + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1.

    Args:
        in_channels: channels of the input; None: found at the first call.
        out_channels: channels of the output.
        kernel_size: size of the window.
        stride: step of the window.
        padding: zeros on both sides; ``"same"`` keeps the length, ``"valid"`` adds none.
        dilation: distance of the window's elements.
        groups: the channels are split into this many independent convolutions.
        bias: whether a number is added to each output channel.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters live.
        dtype: their dtype, default float32.

    ``weight`` is (out_channels, in_channels/groups, kernel_size), ``bias`` (out_channels).
    """

    axes = 1


class Conv2d(_Conv):
    """A convolution over two axes, the layer of image networks.

    x: (batch, in_channels, height, width) -> y: (batch, out_channels, height', width'), where
    height' = (height + 2·padding - dilation·(kernel_size - 1) - 1) // stride + 1.

    Sizes are one int for both axes or (vertical, horizontal). Arguments as Conv1d's; ``weight``
    is (out_channels, in_channels/groups, kernel height, kernel width).
    """

    axes = 2


class Conv3d(_Conv):
    """A convolution over three axes.

    x: (batch, in_channels, depth, height, width) -> y: (batch, out_channels, depth', ...).

    Arguments as Conv1d's; sizes are one int or three.
    """

    axes = 3


class _ConvTranspose(_Convolution):
    """A transposed convolution; see ConvTranspose1d and ConvTranspose2d."""

    transposed = True

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ArgumentError(
                f"{type(self).__name__}: only padding_mode='zeros' is possible, "
                f"got {padding_mode!r}"
            )
        self.output_padding = as_tuple(output_padding, self.axes, "output_padding")
        self._configure(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        self._start(in_channels is not None, device, dtype, weight=True, bias=bias)

    def _padding_for(self, x: Tensor, output_size: Sequence[int] | None) -> Shape:
        """The output padding that gives ``output_size``."""
        if output_size is None:
            return self.output_padding
        n = self.axes
        wanted = tuple(output_size)[-n:]
        result = []
        for axis, (size, goal) in enumerate(zip(x.shape[-n:], wanted, strict=True)):
            least = (
                (size - 1) * self.stride[axis] - 2 * int(self.padding[axis])
                + self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
            )  # fmt: skip
            if not least <= goal < least + self.stride[axis]:
                raise ShapeError(
                    f"output_size={wanted} cannot come from an input of shape {x.shape}: axis "
                    f"{axis} can be {least} to {least + self.stride[axis] - 1}"
                )
            result.append(goal - least)
        return tuple(result)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """input: (batch, in_channels, *sizes) -> y: (batch, out_channels, *sizes)."""
        needs_floats(self, input)
        padding: Any = self.padding
        functions = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
        return functions[self.axes - 1](
            input, self.weight, self.bias, self.stride, padding,
            self._padding_for(input, output_size), self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution over one axis: makes the length larger.

    x: (batch, in_channels, length) -> y: (batch, out_channels, length'), where
    length' = (length - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1.

    Arguments as Conv1d's, and ``output_padding``: added to one side of the output.
    ``weight`` is (in_channels, out_channels/groups, kernel_size).
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution over two axes: makes pictures larger.

    x: (batch, in_channels, height, width) -> y: (batch, out_channels, height', width').

    Arguments as ConvTranspose1d's; sizes are one int or two.
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a convolution over three axes: makes volumes larger.

    x: (batch, in_channels, depth, height, width) -> y: (batch, out_channels, depth', ...).

    Arguments as ConvTranspose1d's; sizes are one int or three.
    """

    axes = 3
