"""Depthwise convolution with one output a channel, row by row.

Arrays are channels-last. Along a row the places and their channels lie in memory as one line, so
for stride 1 a window's element is that line, shifted, times the weights repeated along the row:
long loops where one over the channels alone would be short.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nbdl.ops.patches import offsets, place, sample_blocks
from nbdl.shapes import Shape


def by_rows(how: Any, many: int) -> bool:
    """Whether the functions below apply: one output a channel, and stride 1 along the row."""
    return many == 1 and how.stride[-1] == 1


def _lines(x: Any) -> Any:
    """(batch, *sizes, channels) with a row's places and channels as one axis."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _line_place(at: Shape, counts: Shape, how: Any, channels: int) -> tuple[slice, ...]:
    """``place`` in an array of lines."""
    outer = place(at[:-1], counts[:-1], how.stride[:-1], how.dilation[:-1])
    start = at[-1] * how.dilation[-1] * channels
    return (*outer, slice(start, start + counts[-1] * channels))


def _factors(xp: ModuleType, w: Any, repeats: int) -> Any:
    """The weights repeated along a row: (*kernel, repeats · channels)."""
    last = xp.moveaxis(w[:, 0], 0, -1)
    kernel, channels = last.shape[:-1], last.shape[-1]
    repeated = xp.broadcast_to(last[..., None, :], (*kernel, repeats, channels))
    return repeated.reshape(*kernel, repeats * channels)


def convolve(xp: ModuleType, x: Any, w: Any, how: Any, counts: Shape) -> Any:
    """y of padded x (batch, *sizes, channels) and w (channels, 1, *kernel)."""
    y = xp.empty((x.shape[0], *counts, w.shape[0]), x.dtype)
    lines, into, factors = _lines(x), _lines(y), _factors(xp, w, counts[-1])
    first, *others = offsets(w.shape[2:])
    for samples in sample_blocks(xp, y):
        target = into[samples]
        piece = lines[(samples, *_line_place(first, counts, how, w.shape[0]))]
        xp.multiply(piece, factors[first], out=target)
        product = xp.empty_like(target)
        for at in others:
            piece = lines[(samples, *_line_place(at, counts, how, w.shape[0]))]
            target += xp.multiply(piece, factors[at], out=product)
    return y


def spread(xp: ModuleType, dy: Any, w: Any, how: Any, dx: Any) -> None:
    """Adds what reaches x from dy to ``dx``, an array of x's padded sizes."""
    counts = dy.shape[1:-1]
    lines, into, factors = _lines(dy), _lines(dx), _factors(xp, w, counts[-1])
    for samples in sample_blocks(xp, dx):
        piece = lines[samples]
        product = xp.empty_like(piece)
        for at in offsets(w.shape[2:]):
            xp.multiply(piece, factors[at], out=product)
            target = into[(samples, *_line_place(at, counts, how, w.shape[0]))]
            target += product


def weigh(xp: ModuleType, x: Any, dy: Any, how: Any) -> Any:
    """dw (channels, 1, *window) of padded x and dy."""
    counts, channels = dy.shape[1:-1], dy.shape[-1]
    lines, gradient = _lines(x), _lines(dy)
    dw = xp.zeros((channels, 1, *how.window), x.dtype)
    axes = "abcd"[: gradient.ndim - 1]
    for samples in sample_blocks(xp, dy):
        for at in offsets(how.window):
            piece = lines[(samples, *_line_place(at, counts, how, channels))]
            line = xp.einsum(f"{axes}z,{axes}z->z", piece, gradient[samples])
            dw[(slice(None), 0, *at)] += line.reshape(counts[-1], channels).sum(axis=0)
    return dw
