"""Pooling: the largest, or the mean, of windows that slide over the last axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import cast, widened
from nbdl.ops.families import require_float
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import kept, wide
from nbdl.ops.windows import Pooling, Size, batched, geometry, like
from nbdl.shapes import Spec

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d"]


class MaxPool(Pooling):
    """The largest of each window, and its place inside the window (uint8 while that fits)."""

    onnx = "MaxPool"
    saves = ("y",)
    byproducts = (1,)
    compiled_from = 16384

    def forward(self, xp: Any, x: Any) -> Any:
        lowest = -xp.inf if dtypes.is_float(x.dtype) else xp.iinfo(x.dtype).min
        frame = self.framed(xp, x, lowest)
        pieces = [frame[piece] for piece in self.pieces()]
        y = like(xp, x, self.counts)
        y[...] = pieces[0]
        for piece in pieces[1:]:
            xp.maximum(y, piece, out=y)
        return y, self._place(xp, frame, pieces, y, x)

    def _place(self, xp: Any, frame: Any, pieces: list[Any], y: Any, x: Any) -> Any:
        """The place inside each window of the first element that is y."""
        if y.dtype.kind not in "iu" and not xp.isfinite(y).all():
            return self._place_of_any(xp, frame, pieces, x)
        at = like(xp, x, self.counts, self._index_dtype())
        at[...] = 0
        # How many places come before the first that equals the largest.
        before = None
        for piece in pieces[:-1]:
            differs = piece != y
            before = differs if before is None else xp.logical_and(before, differs, out=before)
            at += before
        return at

    def _place_of_any(self, xp: Any, frame: Any, pieces: list[Any], x: Any) -> Any:
        """``_place`` where values are infinite or NaN: the first NaN wins, and never padding."""
        y = pieces[0].copy()
        at = like(xp, x, self.counts, self._index_dtype())
        at[...] = self._first_real(xp, frame, x)
        for i, candidate in enumerate(pieces[1:], 1):
            better = candidate > y
            better |= (candidate != candidate) & (y == y)
            xp.copyto(at, at.dtype.type(i), where=better)
            xp.maximum(y, candidate, out=y)
        return at

    def _first_real(self, xp: Any, frame: Any, x: Any) -> Any:
        """The first place of each window that is not padding: it wins among -inf."""
        if frame is x:
            return 0
        position = xp.zeros(self.counts, self._index_dtype())
        for axis, (p, d, k, c, s) in enumerate(
            zip(self.padding, self.dilation, self.window, self.counts, self.stride, strict=True)
        ):
            missing = xp.maximum(p - xp.arange(c) * s, 0)
            row = xp.minimum((missing + d - 1) // d, k - 1).astype(position.dtype)
            shape = [1] * len(self.counts)
            shape[axis] = c
            position = position + row.reshape(shape) * position.dtype.type(
                math.prod(self.window[axis + 1 :])
            )
        return position

    def _index_dtype(self) -> Any:
        return dtypes.uint8 if math.prod(self.window) <= 256 else dtypes.int32

    def infer(self, x: Spec) -> tuple[Spec, Spec]:
        shape = (*x.shape[: x.ndim - len(self.counts)], *self.counts)
        return Spec(shape, x.dtype), Spec(shape, self._index_dtype())

    def grad(self, dy: Any, y: Any, x: Tensor) -> Tensor:
        return MaxPoolSpread(*self.how)(dy[0], y[1])


class MaxPoolSpread(Pooling):
    """Each dy at the place of its window's largest element; the transpose of MaxPoolPick."""

    saves = ("at",)
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, at: Any) -> Any:
        frame = like(xp, dy, self.room())
        if not self.covers():
            frame[...] = 0
        apart = self.apart()
        for i, piece in enumerate(self.pieces()):
            if apart:
                kept(xp, dy, at == i, out=frame[piece])
            else:
                frame[piece] += kept(xp, dy, at == i)
        return frame[self.inside()]

    def infer(self, dy: Spec, at: Spec) -> Spec:
        return Spec((*dy.shape[: dy.ndim - len(self.sizes)], *self.sizes), dy.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, at: Tensor) -> tuple[Any, ...]:
        return MaxPoolPick(*self.how)(ddx, at), None


class MaxPoolPick(Pooling):
    """The element of each window of x at a given place."""

    saves = ("at",)

    def forward(self, xp: Any, x: Any, at: Any) -> Any:
        frame = self.framed(xp, x, 0)
        y = like(xp, x, self.counts)
        y[...] = 0
        for i, piece in enumerate(self.pieces()):
            xp.copyto(y, frame[piece], where=at == i)
        return y

    def infer(self, x: Spec, at: Spec) -> Spec:
        return Spec(at.shape, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, at: Tensor) -> tuple[Any, ...]:
        return MaxPoolSpread(*self.how)(dy, at), None


class WindowPlace(Pooling):
    """Numbers of places inside windows as indices into the flattened input. No gradient."""

    differentiable = False

    def forward(self, xp: Any, at: Any) -> Any:
        inside, flat = at.astype(xp.int64), xp.zeros(self.counts, xp.int64)
        for axis in range(len(self.window)):
            step = math.prod(self.window[axis + 1 :])
            row = inside // step * self.dilation[axis]
            inside = inside % step
            shape = [1] * len(self.counts)
            shape[axis] = self.counts[axis]
            start = xp.arange(self.counts[axis]) * self.stride[axis] - self.padding[axis]
            flat = flat + (row + start.reshape(shape)) * math.prod(self.sizes[axis + 1 :])
        return flat

    def infer(self, at: Spec) -> Spec:
        return Spec(at.shape, dtypes.int64)


@dataclass(frozen=True)
class AvgPool(Pooling):
    """The sum of each window divided by its size, with or without the padding, or a number."""

    count_padding: bool
    divisor: int | None
    onnx = "AveragePool"

    def forward(self, xp: Any, x: Any) -> Any:
        frame = self.framed(xp, wide(x), 0)
        y = like(xp, x, self.counts, frame.dtype)
        first, *others = self.pieces()
        y[...] = frame[first]
        for piece in others:
            y += frame[piece]
        y *= self.share(xp, y.dtype)
        return y.astype(x.dtype, copy=False)

    def share(self, xp: Any, dtype: Any) -> Any:
        """One over the number of elements that count, for each window."""
        if self.divisor is not None:
            return dtype.type(1 / self.divisor)
        if self.room() == self.sizes:
            return dtype.type(1 / math.prod(self.window))
        numbers = xp.ones((), xp.float64)
        for axis, count in enumerate(self.counts):
            n, p = self.sizes[axis], self.padding[axis]
            start = xp.arange(count) * self.stride[axis] - p
            end = xp.minimum(start + self.window[axis], n + p)
            if not self.count_padding:
                start, end = xp.maximum(start, 0), xp.minimum(end, n)
            numbers = numbers[..., None] * (end - start)
        return (1.0 / numbers).astype(dtype)

    def decompose(self, x: Tensor) -> Tensor | None:
        if not self.whole():
            return None
        axes = tuple(range(-len(self.window), 0))
        y = total(widened(x), axes, keepdims=True)
        return cast(y * (1 / (self.divisor or math.prod(self.window))), x.dtype)

    def infer(self, x: Spec) -> Spec:
        return Spec((*x.shape[: x.ndim - len(self.counts)], *self.counts), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return AvgPoolSpread(*self.how, self.count_padding, self.divisor)(dy)


@dataclass(frozen=True)
class AvgPoolSpread(Pooling):
    """Each dy spread evenly over its window: the transpose of AvgPool."""

    count_padding: bool
    divisor: int | None
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any) -> Any:
        rule = AvgPool(*self.how, self.count_padding, self.divisor)
        share = wide(dy)
        share = share * rule.share(xp, share.dtype)
        frame = like(xp, dy, self.room(), share.dtype)
        frame[...] = 0
        for piece in self.pieces():
            frame[piece] += share
        return frame[self.inside()].astype(dy.dtype, copy=False)

    def decompose(self, dy: Tensor) -> Tensor | None:
        if not self.whole():
            return None
        share = widened(dy) * (1 / (self.divisor or math.prod(self.window)))
        return cast(broadcast_to(share, self.infer(dy.spec).shape), dy.dtype)

    def infer(self, dy: Spec) -> Spec:
        return Spec((*dy.shape[: dy.ndim - len(self.sizes)], *self.sizes), dy.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
        return AvgPool(*self.how, self.count_padding, self.divisor)(ddx)


# ----- doors ----------------------------------------------------------------------------------


def max_pool1d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window.  Arguments as max_pool2d's.

    input: (batch, channels, length) or (channels, length) -> y: (..., length').
    """
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; the gradient goes to the first of equal ones.

    input: (batch, channels, height, width) or without batch -> y: (..., height', width').

    Args:
        kernel_size: size of the window, one int or one for each axis.
        stride: step of the window; default ``kernel_size``.
        padding: -infinity on both sides, at most half the window.
        dilation: distance of the window's elements.
        ceil_mode: also a last window that begins inside the input and ends outside.
        return_indices: return (y, indices into the flattened sizes, int64).

    Raises:
        ShapeError: wrong rank, or a window larger than the input.
        ArgumentError: sizes out of range.
    """
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over three axes.  Arguments as max_pool2d's."""
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window.  input: (batch, channels, length) -> y: (..., length')."""
    return _mean(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    input: (batch, channels, height, width) or without batch -> y: (..., height', width').
    Sizes as max_pool2d's; zeros are padded and count in the mean unless
    ``count_include_pad=False``; ``divisor_override`` divides the sum instead of the size.
    """
    return _mean(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                 divisor_override)  # fmt: skip


def avg_pool3d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over three axes.  Arguments as avg_pool2d's."""
    return _mean(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                 divisor_override)  # fmt: skip


def _max(
    n: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool,
    return_indices: bool,
) -> Any:  # fmt: skip
    x, single = batched(f"max_pool{n}d", n, input)
    how = geometry(f"max_pool{n}d", n, x, kernel, stride, padding, dilation, ceil)
    y, at = MaxPool(*how)(x)
    y = reshape(y, y.shape[1:]) if single else y
    if not return_indices:
        return y
    index = WindowPlace(*how)(at)
    return y, reshape(index, index.shape[1:]) if single else index


def _mean(
    n: int, input: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, count_padding: bool,
    divisor: int | None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{n}d"
    x, single = batched(name, n, input)
    require_float(name, "input", x.dtype)
    if divisor == 0:
        raise ArgumentError(f"{name}: divisor_override=0 would divide by zero")
    how = geometry(name, n, x, kernel, stride, padding, 1, ceil)
    y = AvgPool(*how, count_padding, divisor)(x)
    return reshape(y, y.shape[1:]) if single else y
