"""Windows as columns of a matrix, and back: im2col and col2im."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.concatenation import stack, unbind
from nbdl.ops.conversion import astensor, cast, widened
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.numerics import wide
from nbdl.ops.padding import Pad
from nbdl.ops.patches import window_count
from nbdl.ops.windows import Pooling
from nbdl.shapes import Shape, Spec, as_tuple

__all__ = ["fold", "unfold"]

Size = int | Sequence[int]


class Columns(Pooling):
    """All windows of (batch, channels, *sizes) as (batch, channels, places, *counts)."""

    def forward(self, xp: Any, x: Any) -> Any:
        frame = self.framed(xp, x, 0)
        y = xp.empty(self._shape(x), x.dtype)
        for i, piece in enumerate(self.pieces()):
            y[:, :, i] = frame[piece]
        return y

    def decompose(self, x: Tensor) -> Tensor:
        if self.tiles():
            pairs = [n for pair in zip(self.counts, self.window, strict=True) for n in pair]
            n, rank = len(self.window), x.ndim
            order = (0, 1, *range(3, rank + n, 2), *range(2, rank + n, 2))
            tiles = permute_dims(reshape(x, (*x.shape[:2], *pairs)), order)
            return reshape(tiles, self._shape(x))
        frame = Pad(((0, 0), (0, 0), *self.border()))(x)
        return stack([frame[piece] for piece in self.pieces()], axis=2)

    def infer(self, x: Spec) -> Spec:
        return Spec(self._shape(x), x.dtype)

    def _shape(self, x: Any) -> Shape:
        return (*x.shape[:2], math.prod(self.window), *self.counts)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return ColumnsSum(*self.how)(dy)

    def flops(self, *specs: Spec) -> int:
        return 0


class ColumnsSum(Pooling):
    """Windows added up where they overlap: the transpose of Columns."""

    def forward(self, xp: Any, y: Any) -> Any:
        columns = wide(y)
        frame = xp.zeros((*y.shape[:2], *self.room()), columns.dtype)
        for i, piece in enumerate(self.pieces()):
            frame[piece] += columns[:, :, i]
        return frame[self.inside()].astype(y.dtype, copy=False)

    def decompose(self, y: Tensor) -> Tensor | None:
        if self.tiles():
            n = len(self.window)
            order = (0, 1, *(a for i in range(n) for a in (2 + n + i, 2 + i)))
            tiles = reshape(y, (*y.shape[:2], *self.window, *self.counts))
            return reshape(permute_dims(tiles, order), (*y.shape[:2], *self.sizes))
        if max(self.stride) > 1:
            return None
        frame = None
        for piece, part in zip(self.pieces(), unbind(widened(y), 2), strict=True):
            widths = ((s.start, n - s.stop) for s, n in zip(piece[1:], self.room(), strict=True))
            placed = Pad(((0, 0), (0, 0), *widths))(part)
            frame = placed if frame is None else frame + placed
        return None if frame is None else cast(frame[self.inside()], y.dtype)

    def infer(self, y: Spec) -> Spec:
        return Spec((*y.shape[:2], *self.sizes), y.dtype)

    def grad(self, dx: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return Columns(*self.how)(dx)


def unfold(
    input: Any, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Tensor:
    """Each window of a picture as a column (im2col).

    input: (N, C, H, W) or (C, H, W) -> y: (N, C · height · width of the window, windows).

    Args:
        kernel_size: size of the window, one int or (vertical, horizontal); as all that follow.
        dilation: distance of the window's elements.
        padding: zeros on both sides.
        stride: step of the window.

    Raises:
        ShapeError: an input of another rank, or smaller than the window; ArgumentError: sizes
        out of range.
    """
    x = astensor(input)
    single = x.ndim == 3
    if x.ndim not in (3, 4):
        raise ShapeError(f"unfold got input of shape {x.shape}, expected (batch, channels, H, W)")
    x = reshape(x, (1, *x.shape)) if single else x
    k, s, p, d, counts = _windows("unfold", x.shape[2:], kernel_size, dilation, padding, stride)
    y = Columns(x.shape[2:], k, s, p, d, counts)(x)
    columns = (x.shape[1] * math.prod(k), math.prod(counts))
    return reshape(y, columns if single else (x.shape[0], *columns))


def fold(
    input: Any,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Columns as windows of a picture, added where they overlap (col2im): unfold's transpose.

    input: (N, C · height · width of the window, windows) or without N -> y: (N, C, *output_size).
    Arguments as unfold's. Raises ShapeError if the columns are not those of ``output_size``.
    """
    x = astensor(input)
    single = x.ndim == 2
    if x.ndim not in (2, 3):
        raise ShapeError(f"fold got input of shape {x.shape}, expected (batch, C·places, windows)")
    x = reshape(x, (1, *x.shape)) if single else x
    sizes = as_tuple(output_size, 2, "output_size")
    k, s, p, d, counts = _windows("fold", sizes, kernel_size, dilation, padding, stride)
    places, windows = math.prod(k), math.prod(counts)
    if x.shape[1] % places or x.shape[2] != windows:
        raise ShapeError(
            f"fold got input of shape {x.shape}: for output_size={sizes} and kernel_size={k} it "
            f"must be (batch, a multiple of {places}, {windows})",
            hint=f"{' × '.join(map(str, counts))} = {windows} windows fit output_size",
        )
    x = reshape(x, (x.shape[0], x.shape[1] // places, places, *counts))
    y = ColumnsSum(sizes, k, s, p, d, counts)(x)
    return reshape(y, y.shape[1:]) if single else y


def _windows(
    name: str, sizes: Shape, kernel: Size, dilation: Size, padding: Size, stride: Size
) -> tuple[Shape, Shape, Shape, Shape, Shape]:
    """Checked kernel, stride, padding, dilation, and how many windows fit."""
    k, s = as_tuple(kernel, 2, "kernel_size"), as_tuple(stride, 2, "stride")
    p, d = as_tuple(padding, 2, "padding"), as_tuple(dilation, 2, "dilation")
    for what, values in (("kernel_size", k), ("stride", s), ("dilation", d)):
        if min(values) < 1:
            raise ArgumentError(f"{name}: {what}={values} must be 1 or more")
    if min(p) < 0:
        raise ArgumentError(f"{name}: padding={p} cannot be negative")
    counts = window_count(sizes, k, s, tuple((a, a) for a in p), d)
    if min(counts) < 1:
        raise ShapeError(
            f"{name}: a window of kernel_size={k} with dilation={d} does not fit sizes {sizes} "
            f"with padding={p}"
        )
    return k, s, p, d, counts
