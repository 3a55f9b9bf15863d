"""Windows of pictures as columns, and back; channels of groups in turn."""

from __future__ import annotations

from collections.abc import Sequence

from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn.module import Module

Size = int | Sequence[int]


class Unfold(Module):
    """Each window of a picture as a column (im2col).

    x: (batch, channels, height, width) -> y: (batch, channels · window, windows).

    Args:
        kernel_size: size of the window, one int or (vertical, horizontal); as all that follow.
        dilation: distance of the window's elements.
        padding: zeros on both sides.
        stride: step of the window.
    """

    def __init__(
        self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) -> y: (batch, channels · window, windows)."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Settings."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """Columns as windows of a picture, added where they overlap (col2im).

    x: (batch, channels · window, windows) -> y: (batch, channels, *output_size).

    Arguments as Unfold's, after ``output_size``: height and width of the picture.
    """

    def __init__(
        self,
        output_size: Size,
        kernel_size: Size,
        dilation: Size = 1,
        padding: Size = 0,
        stride: Size = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels · window, windows) -> y: (batch, channels, *output_size)."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        """Settings."""
        return f"output_size={self.output_size}, {super().extra_repr()}"


class ChannelShuffle(Module):
    """Channels of all groups in turn: X. Zhang and others, CVPR 2018.

    x: (batch, channels, ...) -> y: the same shape. ``groups`` must divide the channels.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, ...) -> y: the same shape."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Groups."""
        return f"groups={self.groups}"
