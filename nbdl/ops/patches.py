"""Windows that slide over arrays: what convolution and pooling are computed from.

Arrays here are channels-last, (batch, *sizes, channels): the elements a window needs then lie
side by side, and one copy of windows times the weights is one large matrix product.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from nbdl.shapes import Shape

Pairs = tuple[tuple[int, int], ...]

_SCRATCH_BYTES = 1 << 20
_FEW_CHANNELS = 3


def channels_last(xp: ModuleType, x: Any) -> Any:
    """(batch, channels, *sizes) as (batch, *sizes, channels), a view."""
    return xp.moveaxis(x, 1, -1) if x.ndim != 4 else x.transpose(0, 2, 3, 1)


def channels_first(xp: ModuleType, x: Any) -> Any:
    """(batch, *sizes, channels) as (batch, channels, *sizes), a view."""
    return xp.moveaxis(x, -1, 1) if x.ndim != 4 else x.transpose(0, 3, 1, 2)


def padded(xp: ModuleType, x: Any, padding: Pairs, value: float = 0) -> Any:
    """A contiguous channels-last array with ``value`` around its sizes."""
    if not any(map(any, padding)):
        return xp.ascontiguousarray(x)
    sizes = [n + a + b for n, (a, b) in zip(x.shape[1:-1], padding, strict=True)]
    result = xp.full((x.shape[0], *sizes, x.shape[-1]), value, x.dtype)
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape[1:-1], padding, strict=True))
    result[(slice(None), *inside)] = x
    return result


def cropped(x: Any, padding: Pairs, sizes: Shape) -> Any:
    """The way back from ``padded``."""
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(sizes, padding, strict=True))
    return x[(slice(None), *inside)]


def window_count(
    sizes: Shape, kernel: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Shape:
    """How many windows fit along each axis; 0 or less when the kernel is larger."""
    return tuple(
        (n + a + b - d * (k - 1) - 1) // s + 1
        for n, k, s, (a, b), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


def windows(xp: ModuleType, x: Any, kernel: Shape, stride: Shape, dilation: Shape) -> Any:
    """All windows as a view, (batch, *counts, *kernel, channels); nothing is copied."""
    n = len(kernel)
    counts = window_count(x.shape[1:-1], kernel, stride, ((0, 0),) * n, dilation)
    s = x.strides
    steps = tuple(s[i + 1] * stride[i] for i in range(n))
    inner = tuple(s[i + 1] * dilation[i] for i in range(n))
    return xp.lib.stride_tricks.as_strided(
        x, (x.shape[0], *counts, *kernel, x.shape[-1]), (s[0], *steps, *inner, s[-1])
    )


def offsets(kernel: Shape) -> Iterator[Shape]:
    """Places inside a window, the last axis fastest."""
    return itertools.product(*map(range, kernel))


def place(at: Shape, counts: Shape, stride: Shape, dilation: Shape) -> tuple[slice, ...]:
    """Where the elements at one place of all windows lie, along the sizes."""
    return tuple(
        slice(i * d, i * d + (n - 1) * s + 1, s)
        for i, n, s, d in zip(at, counts, stride, dilation, strict=True)
    )


def blocks(xp: ModuleType, batch: int, rows: int, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Slices of (batch, first size) whose windows together fit a fast cache.

    A block's windows are copied into the same small scratch memory again and again: fresh
    memory for all of them at once costs more than the products. On a GPU one block is all.
    """
    if xp is not np or batch * rows * row_bytes <= _SCRATCH_BYTES:
        yield slice(0, batch), slice(0, rows)
        return
    samples = _SCRATCH_BYTES // max(rows * row_bytes, 1)
    if samples:
        for i in range(0, batch, samples):
            yield slice(i, min(i + samples, batch)), slice(0, rows)
        return
    part = max(1, _SCRATCH_BYTES // row_bytes)
    for i in range(batch):
        for j in range(0, rows, part):
            yield slice(i, i + 1), slice(j, min(j + part, rows))


def sample_blocks(xp: ModuleType, y: Any) -> list[slice]:
    """Slices of an array's samples that fit a fast cache."""
    per_sample = max(y.nbytes // max(y.shape[0], 1), 1)
    return list({s.start: s for s, _ in blocks(xp, y.shape[0], 1, per_sample)}.values())


def filled_blocks(
    xp: ModuleType, view: Any, scratch_dtype: Any
) -> Iterator[tuple[slice, slice, Any]]:
    """Blocks of a windows view, each copied as a matrix (windows, kernel · channels).

    Of few channels a window's runs are short: then the matrix lies transposed in memory, for its
    columns, the same place of all windows, are long ones.
    """
    n = (view.ndim - 2) // 2
    counts, width = view.shape[1 : 1 + n], math.prod(view.shape[1 + n :])
    inner = math.prod(counts[1:])
    scratch = None
    row_bytes = inner * width * scratch_dtype.itemsize
    columns = view.shape[-1] <= _FEW_CHANNELS and xp is np
    for samples, rows in blocks(xp, view.shape[0], counts[0], row_bytes):
        piece = view[samples, rows]
        if scratch is None:
            scratch = xp.empty(piece.size, scratch_dtype)
        target = scratch[: piece.size]
        if columns:
            turned = piece.transpose(*range(1 + n, view.ndim), *range(1 + n))
            target.reshape(turned.shape)[...] = turned
            yield samples, rows, target.reshape(width, -1).T
        else:
            target.reshape(piece.shape)[...] = piece
            yield samples, rows, target.reshape(-1, width)
