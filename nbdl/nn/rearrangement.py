"""Layers that rearrange, pad or resize and learn nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn.module import Module
from nbdl.ops.movement import flatten, unflatten
from nbdl.shapes import as_tuple


class Flatten(Module):
    """Make one axis of the axes start_dim to end_dim.

    x: (batch, *sizes) -> y: (batch, product of sizes), with the defaults.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, *sizes) -> y: (batch, product of sizes)."""
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split the axis ``dim`` into axes of the sizes ``unflattened_size``; one may be -1.

    x: (..., size, ...) -> y: (..., *unflattened_size, ...).
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., size, ...) -> y: (..., *unflattened_size, ...)."""
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Axis and sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class PixelShuffle(Module):
    """Make a picture r times larger out of r² times as many channels: W. Shi, CVPR 2016.

    x: (..., channels · r², height, width) -> y: (..., channels, height · r, width · r).
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., channels · r², h, w) -> y: (..., channels, h · r, w · r)."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The reverse of PixelShuffle.

    x: (..., channels, height · r, width · r) -> y: (..., channels · r², height, width).
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., channels, h · r, w · r) -> y: (..., channels · r², h, w)."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Factor."""
        return f"downscale_factor={self.downscale_factor}"


class Upsample(Module):
    """Resize the axes after the channels.

    x: (batch, channels, *sizes) -> y: (batch, channels, *new sizes).

    Args:
        size: the new sizes; or
        scale_factor: how many times larger.
        mode: ``"nearest"``, ``"linear"``, ``"bilinear"``, ``"bicubic"`` …
        align_corners: whether the corners' centres stay in place.
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, *sizes) -> y: (batch, channels, *new sizes)."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Size or factor, and mode."""
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor}, mode={self.mode!r}"
        return f"size={self.size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample of pictures that repeats pixels.  x: (batch, channels, height, width)."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample of pictures by linear interpolation, corners in place."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class _Pad(Module):
    """Padding on both sides of the last axes: (left, right, top, bottom, …) or one number."""

    axes: ClassVar[int]
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = as_tuple(padding, 2 * self.axes, "padding")

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, *sizes) -> y: (batch, channels, *larger sizes)."""
        if self.mode == "constant":
            return F.pad(input, self.padding, mode="constant", value=0.0)
        return F.pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.padding}"


class ZeroPad1d(_Pad):
    """Zeros on both sides of the last axis: (left, right) or one number."""

    axes = 1


class ZeroPad2d(_Pad):
    """Zeros around pictures: (left, right, top, bottom) or one number.

    x: (batch, channels, height, width) -> y: (batch, channels, height', width').
    """

    axes = 2


class ZeroPad3d(_Pad):
    """Zeros around volumes: six numbers or one."""

    axes = 3


class ReflectionPad1d(_Pad):
    """Each side mirrored at its last element: (left, right) or one number."""

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pictures mirrored at their edges: (left, right, top, bottom) or one number."""

    axes = 2
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The outermost elements repeated: (left, right) or one number."""

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pictures' outermost pixels repeated: (left, right, top, bottom) or one number."""

    axes = 2
    mode = "replicate"


class CircularPad1d(_Pad):
    """The other side's elements: (left, right) or one number."""

    axes = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """The other sides' pixels: (left, right, top, bottom) or one number."""

    axes = 2
    mode = "circular"


class ReflectionPad3d(_Pad):
    """Volumes mirrored at their faces: six numbers or one."""

    axes = 3
    mode = "reflect"


class ReplicationPad3d(_Pad):
    """Volumes' outermost elements repeated: six numbers or one."""

    axes = 3
    mode = "replicate"


class CircularPad3d(_Pad):
    """The other sides' elements: six numbers or one."""

    axes = 3
    mode = "circular"


class _ConstantPad(Module):
    """``value`` on both sides of the last axes."""

    axes: ClassVar[int]

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__()
        self.padding = as_tuple(padding, 2 * self.axes, "padding")
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, *sizes) -> y: (batch, channels, *larger sizes)."""
        return F.pad(input, self.padding, mode="constant", value=self.value)

    def extra_repr(self) -> str:
        """Sizes and value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """``value`` on both sides: padding (left, right) or one number."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """``value`` around pictures: padding (left, right, top, bottom) or one number."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """``value`` around volumes: six numbers or one."""

    axes = 3
