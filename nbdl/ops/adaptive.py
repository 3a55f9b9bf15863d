"""Adaptive pooling: as many windows as there are to be outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.movement import moveaxis
from nbdl.ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from nbdl.shapes import Shape

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]

Size = int | Sequence[int | None] | None
_AVERAGE = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_LARGEST = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _sizes(name: str, n: int, x: Tensor, output_size: Size) -> Shape:
    """The output's sizes; None keeps the input's."""
    if x.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name} got input of shape {x.shape}, expected (batch, channels, ...)")
    several = isinstance(output_size, (tuple, list))
    given: Any = tuple(output_size) if several else (output_size,) * n  # type: ignore[arg-type]
    if len(given) != n:
        raise ArgumentError(f"{name}: output_size={output_size} must be one number or {n}")
    space = x.shape[-n:]
    sizes = tuple(m if s is None else int(s) for s, m in zip(given, space, strict=True))
    if any(s < 0 for s in sizes):
        raise ArgumentError(f"{name}: output_size={output_size} cannot be negative")
    return sizes


def _whole_windows(space: Shape, sizes: Shape) -> Shape | None:
    """The window's size where windows of one size fit exactly, else None."""
    if all(s and n % s == 0 for n, s in zip(space, sizes, strict=True)):
        return tuple(n // s for n, s in zip(space, sizes, strict=True))
    return None


def _ends(n: int, m: int) -> list[tuple[int, int]]:
    """Where the m windows over n places begin and end: floor(i·n/m) to ceil((i+1)·n/m)."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _mean(n: int, input: Any, output_size: Size) -> Tensor:
    x = astensor(input)
    sizes = _sizes(f"adaptive_avg_pool{n}d", n, x, output_size)
    window = _whole_windows(x.shape[-n:], sizes)
    if window is not None:
        return _AVERAGE[n](x, window)
    for axis, m in enumerate(sizes, x.ndim - n):
        shares = np.zeros((x.shape[axis], m), x.dtype)
        for i, (start, end) in enumerate(_ends(x.shape[axis], m)):
            shares[start:end, i] = 1 / (end - start)
        place = "cpu" if x.device == "meta" else x.device
        x = moveaxis(matmul(moveaxis(x, axis, -1), astensor(shares).to(place)), -1, axis)
    return x


def _largest(n: int, input: Any, output_size: Size, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{n}d"
    x = astensor(input)
    sizes = _sizes(name, n, x, output_size)
    window = _whole_windows(x.shape[-n:], sizes)
    if window is not None:
        return _LARGEST[n](x, window, return_indices=return_indices)
    space = x.shape[-n:]
    places = astensor(np.arange(math.prod(space)).reshape(space), like=x)
    places = broadcast_to(places, x.shape)
    for axis in reversed(range(n)):
        x, places = _largest_along(x, places, axis - n, sizes[axis])
    return (x, places) if return_indices else x


def _largest_along(x: Tensor, places: Tensor, axis: int, m: int) -> tuple[Tensor, Tensor]:
    """The first largest element of each of m windows along an axis, and its place.

    From the last axis to the first, that is the first of the whole window in memory's order,
    which alone gets the gradient, as in max pooling.
    """
    last = moveaxis(x, axis, -1)
    best = [
        last[..., start:end].argmax(axis=-1, keepdims=True) + start
        for start, end in _ends(x.shape[axis], m)
    ]
    index = moveaxis(concat(best, axis=-1), -1, axis)
    return take_along_axis(x, index, axis), take_along_axis(places, index, axis)


def adaptive_avg_pool1d(input: Any, output_size: Size) -> Tensor:
    """Means of ``output_size`` windows.  input: (N, C, L) -> y: (N, C, output_size)."""
    return _mean(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Size) -> Tensor:
    """Means of windows; None keeps a size.  input: (N, C, H, W) -> y: (N, C, *output_size)."""
    return _mean(2, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Size) -> Tensor:
    """Means of windows.  input: (N, C, D, H, W) -> y: (N, C, *output_size)."""
    return _mean(3, input, output_size)


def adaptive_max_pool1d(input: Any, output_size: Size, return_indices: bool = False) -> Any:
    """Largest of ``output_size`` windows.  input: (N, C, L) -> y: (N, C, output_size)."""
    return _largest(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Size, return_indices: bool = False) -> Any:
    """Largest of windows.  input: (N, C, H, W) -> y: (N, C, *output_size).

    ``return_indices`` gives also the place of each in the flattened H·W.
    """
    return _largest(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Size, return_indices: bool = False) -> Any:
    """Largest of windows.  input: (N, C, D, H, W) -> y: (N, C, *output_size)."""
    return _largest(3, input, output_size, return_indices)
