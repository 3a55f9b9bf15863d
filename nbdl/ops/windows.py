"""Windows that slide over the last axes: what all kinds of pooling share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.batching import folded
from nbdl.ops.conversion import astensor
from nbdl.ops.movement import reshape
from nbdl.ops.patches import offsets, place
from nbdl.shapes import Shape, Spec, as_tuple

Size = int | Sequence[int]
Geometry = tuple[Shape, Shape, Shape, Shape, Shape, Shape]
"""The settings of a Pooling, in the order of its fields."""


@dataclass(frozen=True)
class Pooling(Op, abstract=True):
    """Windows over the last axes of (batch, channels, *sizes).

    Attributes:
        sizes: sizes of the input's last axes.
        window, stride, padding, dilation: one number for each of them.
        counts: how many windows fit along each.
    """

    sizes: Shape
    window: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    counts: Shape

    @property
    def how(self) -> Geometry:
        """All settings."""
        return self.sizes, self.window, self.stride, self.padding, self.dilation, self.counts

    def flops(self, *specs: Spec) -> int:
        """One for each element of each window."""
        return math.prod(specs[0].shape[:2]) * math.prod(self.counts) * math.prod(self.window)

    def room(self) -> Shape:
        """Sizes with padding, or more where a last window reaches further (ceil_mode)."""
        return tuple(
            max(n + 2 * p, (c - 1) * s + d * (k - 1) + 1)
            for n, p, c, s, d, k in zip(
                self.sizes, self.padding, self.counts, self.stride, self.dilation, self.window,
                strict=True,
            )
        )

    def framed(self, xp: Any, x: Any, value: float) -> Any:
        """x with ``value`` around it, in the same order in memory."""
        room = self.room()
        if room == self.sizes:
            return x
        result = like(xp, x, room)
        result[...] = value
        result[self.inside()] = x
        return result

    def inside(self) -> tuple[Any, ...]:
        """Where x lies in the frame."""
        return (..., *(slice(p, p + n) for p, n in zip(self.padding, self.sizes, strict=True)))

    def pieces(self) -> list[tuple[Any, ...]]:
        """For each place inside a window: where its elements lie in the frame."""
        return [
            (..., *place(at, self.counts, self.stride, self.dilation))
            for at in offsets(self.window)
        ]

    def apart(self) -> bool:
        """Whether no two windows share an element."""
        return all(
            s >= d * (k - 1) + 1
            for k, s, d in zip(self.window, self.stride, self.dilation, strict=True)
        )

    def covers(self) -> bool:
        """Whether windows that stand side by side fill the frame."""
        filled = tuple(c * k for c, k in zip(self.counts, self.window, strict=True))
        return self.stride == self.window and max(self.dilation) == 1 and filled == self.room()

    def tiles(self) -> bool:
        """Whether the windows stand side by side and fill the input."""
        return self.covers() and self.room() == self.sizes

    def border(self) -> tuple[tuple[int, int], ...]:
        """How wide the frame is around x, before and after it along each axis."""
        axes = zip(self.padding, self.room(), self.sizes, strict=True)
        return tuple((p, room - n - p) for p, room, n in axes)

    def whole(self) -> bool:
        """Whether there is one window, of the whole input."""
        return self.tiles() and self.window == self.sizes

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        """Examples and batch as one axis."""
        return folded(self, world.count, inputs, mine, (True, True))


def like(xp: Any, x: Any, sizes: Shape, dtype: Any = None) -> Any:
    """An empty array with other last sizes whose elements lie in memory in the order of x's."""
    shape = (*x.shape[: x.ndim - len(sizes)], *sizes)
    dtype = x.dtype if dtype is None else dtype
    if len(shape) == 4 and x.strides[1] < x.strides[3]:
        n, c, h, w = shape
        return xp.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2)
    if len(shape) == 3 and x.strides[1] < x.strides[2]:
        return xp.empty((shape[0], shape[2], shape[1]), dtype).transpose(0, 2, 1)
    return xp.empty(shape, dtype)


def batched(name: str, n: int, input: Any) -> tuple[Tensor, bool]:
    """The input with a batch axis, and whether it was added; wrong ranks are refused."""
    x = astensor(input)
    if x.ndim == n + 1:
        return reshape(x, (1, *x.shape)), True
    if x.ndim != n + 2:
        sizes = ("length", "height, width", "depth, height, width")[n - 1]
        raise ShapeError(
            f"{name} got input of shape {x.shape}, expected (batch, channels, {sizes})"
        )
    return x, False


def geometry(
    name: str, n: int, x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Geometry:
    """The settings of a Pooling of x, checked.

    Raises ArgumentError for sizes out of range, ShapeError for windows that do not fit.
    """
    sizes, k = x.shape[2:], as_tuple(kernel, n, "kernel_size")
    s = k if stride is None or stride == () or stride == [] else as_tuple(stride, n, "stride")
    p, d = as_tuple(padding, n, "padding"), as_tuple(dilation, n, "dilation")
    for what, values in (("kernel_size", k), ("stride", s), ("dilation", d)):
        if min(values) < 1:
            raise ArgumentError(f"{name}: {what}={values} must be 1 or more")
    if any(a < 0 or a > (c * (b - 1) + 1) // 2 for a, b, c in zip(p, k, d, strict=True)):
        raise ArgumentError(f"{name}: padding={p} must be 0 to half of kernel_size={k}")
    axes = zip(sizes, k, s, p, d, strict=True)
    counts = tuple(_count(size, a, b, c, e, ceil) for size, a, b, c, e in axes)
    if min(counts) < 1:
        raise ShapeError(
            f"{name}: a window of kernel_size={k} does not fit an input of sizes {sizes} "
            f"with padding={p}",
            hint="a smaller window, or fewer pooling layers before this one",
        )
    return sizes, k, s, p, d, counts


def _count(size: int, k: int, s: int, p: int, d: int, ceil: bool) -> int:
    """Windows along one axis; with ``ceil`` a last one may reach past the padding."""
    free = size + 2 * p - d * (k - 1) - 1
    count = (-(-free // s) if ceil else free // s) + 1
    if ceil and (count - 1) * s >= size + p:
        count -= 1
    return count
