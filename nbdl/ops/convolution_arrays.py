"""How convolutions are computed on arrays: windows copied block by block, then one product.

x: (batch, channels, *sizes), w: (out, channels / groups, *kernel), y: (batch, out, *counts);
``how`` is the operation, with its stride, padding, dilation and groups.
Results are channels-last in memory and channels-first in shape, so a chain of layers keeps one
layout without copies.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from nbdl.ops import depthwise
from nbdl.ops.patches import (
    blocks,
    channels_first,
    channels_last,
    cropped,
    filled_blocks,
    offsets,
    padded,
    place,
    sample_blocks,
    window_count,
    windows,
)
from nbdl.shapes import Shape


def convolve(xp: ModuleType, x: Any, w: Any, how: Any) -> Any:
    """y of x and w."""
    kernel = w.shape[2:]
    if how.groups == 1 and _is_pointwise(kernel, how):
        return _pointwise(xp, x, w)
    counts = window_count(x.shape[2:], kernel, how.stride, how.padding, how.dilation)
    last = padded(xp, channels_last(xp, x), how.padding)
    if how.groups > 1 and w.shape[1] == 1:
        return channels_first(xp, _depthwise(xp, last, w, how, counts))
    if how.groups > 1:
        return channels_first(xp, _grouped(xp, last, w, how, counts))
    return channels_first(xp, _dense(xp, last, w, how, counts))


def _is_pointwise(kernel: Shape, how: Any) -> bool:
    """A kernel of size 1 that visits every place: a product of matrices, nothing else."""
    return (
        all(k == 1 for k in kernel)
        and all(s == 1 for s in how.stride)
        and not any(map(any, how.padding))
    )


def _pointwise(xp: ModuleType, x: Any, w: Any) -> Any:
    out, channels = w.shape[:2]
    sizes, w = x.shape[2:], w.reshape(out, channels)
    last = channels_last(xp, x)
    if last.flags.c_contiguous or not x.flags.c_contiguous:
        y = xp.matmul(last.reshape(-1, channels), w.T)
        return channels_first(xp, y.reshape(x.shape[0], *sizes, out))
    return xp.matmul(w, x.reshape(x.shape[0], channels, -1)).reshape(x.shape[0], out, *sizes)


def _matrix(xp: ModuleType, w: Any) -> Any:
    """(out, channels, *kernel) as (kernel · channels, out)."""
    return xp.moveaxis(w, 1, -1).reshape(w.shape[0], -1).T


def _dense(xp: ModuleType, x: Any, w: Any, how: Any, counts: Shape) -> Any:
    y = xp.empty((x.shape[0], *counts, w.shape[0]), x.dtype)
    view = windows(xp, x, w.shape[2:], how.stride, how.dilation)
    matrix = _matrix(xp, w)
    for samples, rows, block in filled_blocks(xp, view, x.dtype):
        piece = y[samples, rows]
        xp.matmul(block, matrix, out=piece.reshape(-1, w.shape[0]))
    return y


def _grouped(xp: ModuleType, x: Any, w: Any, how: Any, counts: Shape) -> Any:
    groups, each, out = how.groups, w.shape[1], w.shape[0] // how.groups
    y = xp.empty((x.shape[0], *counts, w.shape[0]), x.dtype)
    for g in range(groups):
        part = x[..., g * each : (g + 1) * each]
        y[..., g * out : (g + 1) * out] = _dense(xp, part, w[g * out : (g + 1) * out], how, counts)
    return y


def _depthwise(xp: ModuleType, x: Any, w: Any, how: Any, counts: Shape) -> Any:
    """One channel a group: the window's places one by one, in blocks that fit the cache."""
    kernel, groups = w.shape[2:], how.groups
    many = w.shape[0] // groups
    if depthwise.by_rows(how, many):
        return depthwise.convolve(xp, x, w, how, counts)
    y = xp.zeros((x.shape[0], *counts, groups, many), x.dtype)
    scale = xp.moveaxis(w.reshape(groups, many, *kernel), (0, 1), (-2, -1))  # (*kernel, g, m)
    x = x[..., None]
    for samples in sample_blocks(xp, y):
        target = y[samples]
        product = xp.empty_like(target)
        for at in offsets(kernel):
            piece = x[(samples, *place(at, counts, how.stride, how.dilation))]
            target += xp.multiply(piece, xp.ascontiguousarray(scale[at]), out=product)
    return y.reshape(x.shape[0], *counts, groups * many)


def convolve_input(xp: ModuleType, dy: Any, w: Any, how: Any) -> Any:
    """dx of dy and w; ``how.sizes`` are the sizes of x."""
    kernel, sizes = w.shape[2:], how.sizes
    if how.groups == 1 and _is_pointwise(kernel, how) and sizes == dy.shape[2:]:
        return _pointwise(xp, dy, xp.moveaxis(w, 0, 1))
    last = channels_last(xp, dy)
    if how.groups > 1 and w.shape[1] == 1:
        dx = _spread_depthwise(xp, last, w, how)
    elif how.groups > 1:
        dx = _spread_grouped(xp, last, w, how)
    elif all(s == 1 for s in how.stride) and w.shape[0] <= 2 * w.shape[1]:
        dx = _correlate_back(xp, last, w, how)
    else:
        dx = _spread(xp, last, w, how)
    return channels_first(xp, dx)


def _correlate_back(xp: ModuleType, dy: Any, w: Any, how: Any) -> Any:
    """For stride 1: a convolution of dy with the weights turned round."""
    kernel, n = w.shape[2:], len(how.sizes)
    turned = xp.moveaxis(w[(slice(None), slice(None), *(slice(None, None, -1),) * n)], 0, 1)
    around = []
    for size, count, k, d, (before, _) in zip(
        how.sizes, dy.shape[1:-1], kernel, how.dilation, how.padding, strict=True
    ):
        reach = d * (k - 1)
        around.append((reach - before, size - count + before))
    # A padding larger than the kernel's reach makes places of dy that x never sees.
    inside = tuple(
        slice(max(0, -a), n + min(0, b))
        for n, (a, b) in zip(dy.shape[1:-1], around, strict=True)
    )
    dy = dy[(slice(None), *inside)]
    pairs = tuple((max(a, 0), max(b, 0)) for a, b in around)
    return _dense(xp, padded(xp, dy, pairs), turned, _Plain(n, how.dilation), how.sizes)


class _Plain:
    """Stride 1, a dilation, no padding."""

    def __init__(self, n: int, dilation: Shape) -> None:
        self.stride = (1,) * n
        self.dilation = dilation


def _room(how: Any, counts: Shape, kernel: Shape) -> Shape:
    """Sizes of x with its padding, at least what the windows cover."""
    return tuple(
        max(n + a + b, (c - 1) * s + d * (k - 1) + 1)
        for n, (a, b), c, s, d, k in zip(
            how.sizes, how.padding, counts, how.stride, how.dilation, kernel, strict=True
        )
    )


def _spread(xp: ModuleType, dy: Any, w: Any, how: Any) -> Any:
    """dy times the weights gives all windows' gradients, which are added where they overlap."""
    kernel, counts = w.shape[2:], dy.shape[1:-1]
    channels = w.shape[1]
    dx = xp.zeros((dy.shape[0], *_room(how, counts, kernel), channels), dy.dtype)
    matrix = xp.moveaxis(w, 1, -1).reshape(w.shape[0], -1)  # (out, kernel · channels)
    dy = xp.ascontiguousarray(dy)
    row_bytes = math.prod(counts[1:]) * matrix.shape[1] * dy.itemsize
    step, reach = how.stride[0], slice(None)
    for samples, rows in blocks(xp, dy.shape[0], counts[0], row_bytes):
        piece = dy[samples, rows]
        spread = xp.matmul(piece.reshape(-1, dy.shape[-1]), matrix)
        spread = spread.reshape(*piece.shape[:-1], *kernel, channels)
        target = dx[samples, rows.start * step :]
        for at in offsets(kernel):
            where = place(at, piece.shape[1:-1], how.stride, how.dilation)
            target[(reach, *where)] += spread[(..., *at, reach)]
    return cropped(dx, how.padding, how.sizes)


def _spread_grouped(xp: ModuleType, dy: Any, w: Any, how: Any) -> Any:
    out = w.shape[0] // how.groups
    parts = [
        _spread(xp, dy[..., i : i + out], w[i : i + out], how)
        for i in range(0, w.shape[0], out)
    ]
    return xp.concatenate(parts, axis=-1)


def _spread_depthwise(xp: ModuleType, dy: Any, w: Any, how: Any) -> Any:
    kernel, counts, groups = w.shape[2:], dy.shape[1:-1], how.groups
    many = w.shape[0] // groups
    dx = xp.zeros((dy.shape[0], *_room(how, counts, kernel), groups), dy.dtype)
    if depthwise.by_rows(how, many):
        depthwise.spread(xp, dy, w, how, dx)
        return cropped(dx, how.padding, how.sizes)
    dy = dy.reshape(*dy.shape[:-1], groups, many)
    scale = xp.moveaxis(w.reshape(groups, many, *kernel), (0, 1), (-2, -1))
    for samples in sample_blocks(xp, dx):
        piece, target = dy[samples], dx[samples]
        for at in offsets(kernel):
            part = piece * scale[at]
            where = place(at, counts, how.stride, how.dilation)
            target[(slice(None), *where)] += part[..., 0] if many == 1 else part.sum(axis=-1)
    return cropped(dx, how.padding, how.sizes)


def convolve_weight(xp: ModuleType, x: Any, dy: Any, how: Any) -> Any:
    """dw of x and dy; ``how.window`` is the size of the weights."""
    kernel = how.window
    x, dy = channels_last(xp, x), channels_last(xp, dy)
    if how.groups == 1 and _is_pointwise(kernel, how):
        x = _covered(x, dy.shape[1:-1], how)
        dw = xp.matmul(dy.reshape(-1, dy.shape[-1]).T, x.reshape(-1, x.shape[-1]))
        return dw.reshape(*dw.shape, *kernel)
    x, dy = padded(xp, x, how.padding), xp.ascontiguousarray(dy)
    if how.groups == 1:
        return _weight(xp, x, dy, how)
    each, out = x.shape[-1] // how.groups, dy.shape[-1] // how.groups
    if each == 1:
        return _weight_depthwise(xp, x, dy, how)
    parts = [
        _weight(xp, x[..., g * each : (g + 1) * each],
                xp.ascontiguousarray(dy[..., g * out : (g + 1) * out]), how)
        for g in range(how.groups)
    ]  # fmt: skip
    return xp.concatenate(parts)


def _covered(x: Any, counts: Shape, how: Any) -> Any:
    """x without what no window reaches, so that there are just ``counts`` windows."""
    ends = (
        slice(0, (c - 1) * s + d * (k - 1) + 1)
        for c, s, d, k in zip(counts, how.stride, how.dilation, how.window, strict=True)
    )
    return x[(slice(None), *ends)]


def _weight(xp: ModuleType, x: Any, dy: Any, how: Any) -> Any:
    view = windows(xp, _covered(x, dy.shape[1:-1], how), how.window, how.stride, how.dilation)
    out, channels = dy.shape[-1], x.shape[-1]
    dw = xp.zeros((out, math.prod(how.window) * channels), x.dtype)
    for samples, rows, block in filled_blocks(xp, view, x.dtype):
        dw += xp.matmul(dy[samples, rows].reshape(-1, out).T, block)
    return xp.moveaxis(dw.reshape(out, *how.window, channels), -1, 1)


def _weight_depthwise(xp: ModuleType, x: Any, dy: Any, how: Any) -> Any:
    counts, groups = dy.shape[1:-1], how.groups
    many = dy.shape[-1] // groups
    if depthwise.by_rows(how, many):
        return depthwise.weigh(xp, x, dy, how)
    dy = dy.reshape(*dy.shape[:-1], groups, many)
    dw = xp.zeros((*how.window, groups, many), x.dtype)
    axes = tuple(range(len(counts) + 1))
    x = x[..., None]
    for samples in sample_blocks(xp, dy):
        piece = dy[samples]
        for at in offsets(how.window):
            part = x[(samples, *place(at, counts, how.stride, how.dilation))]
            dw[at] += (part * piece).sum(axis=axes)
    n = len(how.window)
    return xp.moveaxis(dw, (n, n + 1), (0, 1)).reshape(groups * many, 1, *how.window)
