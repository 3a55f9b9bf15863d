"""Max pooling with windows at random places.

Graham: "Fractional max-pooling", arXiv:1412.6071, 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.gathering import gather
from nbdl.ops.movement import reshape
from nbdl.ops.random import rand
from nbdl.ops.searching import argmax
from nbdl.ops.windows import Size, batched
from nbdl.shapes import Shape, as_tuple

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]


def _fractional(
    n: int, input: Any, kernel_size: Size, output_size: Any, output_ratio: Any,
    return_indices: bool, samples: Any,
) -> Any:  # fmt: skip
    name = f"fractional_max_pool{n}d"
    x, single = batched(name, n, input)
    kernel, sizes = as_tuple(kernel_size, n, "kernel_size"), x.shape[2:]
    counts = _counts(name, n, sizes, kernel, output_size, output_ratio)
    if samples is None:
        samples = rand((*x.shape[:2], n), dtype=x.dtype, device=_place(x))
    samples = astensor(samples)
    if samples.ndim != 3 or samples.shape[0] < x.shape[0] or samples.shape[1:] != (x.shape[1], n):
        raise ShapeError(
            f"{name} got _random_samples of shape {samples.shape} for input {x.shape}, expected "
            f"(batch, channels, {n})"
        )
    places = _places(x, samples[: x.shape[0]], kernel, counts)
    windows = (*x.shape[:2], math.prod(counts), math.prod(kernel))
    flat = reshape(x, (*x.shape[:2], math.prod(sizes)))
    inside = gather(flat.detach(), 2, reshape(places, (*windows[:2], windows[2] * windows[3])))
    best = argmax(reshape(inside, windows), axis=3, keepdims=True)
    index = gather(reshape(places, windows), 3, best)[..., 0]
    shape = (*x.shape[1 if single else 0 : 2], *counts)
    y = reshape(gather(flat, 2, index), shape)
    return (y, reshape(index, shape)) if return_indices else y


def _place(x: Tensor) -> Any:
    return None if x.device == "meta" else x.device


def _counts(
    name: str, n: int, sizes: Shape, kernel: Shape, output_size: Any, output_ratio: Any
) -> Shape:
    """How many windows along each axis, from the one of the two that is given."""
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(f"{name} needs either output_size or output_ratio")
    if output_size is not None:
        counts = as_tuple(output_size, n, "output_size")
    else:
        ratio = output_ratio if isinstance(output_ratio, Sequence) else (output_ratio,) * n
        if len(ratio) != n or any(not 0 < r < 1 for r in ratio):
            raise ArgumentError(f"{name}: output_ratio={output_ratio} must be between 0 and 1")
        counts = tuple(int(m * r) for m, r in zip(sizes, ratio, strict=True))
    if min(counts) < 1 or any(c + k - 1 > m for c, k, m in zip(counts, kernel, sizes, strict=True)):
        raise ShapeError(
            f"{name}: {counts} windows of kernel_size={kernel} do not fit an input of sizes "
            f"{sizes}"
        )
    return counts


def _places(x: Tensor, samples: Tensor, kernel: Shape, counts: Shape) -> Tensor:
    """Places in the flattened sizes: (batch, channels, *counts, *kernel), int64."""
    n, sizes = len(counts), x.shape[2:]
    lead, places = x.shape[:2], None
    for axis in range(n):
        # PyTorch's order: width first for pictures, depth first for volumes
        column = n - 1 - axis if n == 2 else axis
        starts = _starts(samples[:, :, column : column + 1], sizes[axis], kernel[axis],
                         counts[axis])  # fmt: skip
        shape = [1] * (2 * n)
        shape[axis], shape[n + axis] = counts[axis], kernel[axis]
        inner = astensor(np.arange(kernel[axis]), like=starts)
        along = reshape(starts, (*lead, counts[axis], 1)) + inner
        along = reshape(along, (*lead, *shape)) * math.prod(sizes[axis + 1 :])
        places = along if places is None else places + along
    assert places is not None
    return broadcast_to(places, (*lead, *counts, *kernel))


def _starts(sample: Tensor, size: int, kernel: int, count: int) -> Tensor:
    """Where windows begin along one axis: steps of about equal size, the last at the end."""
    shape = (*sample.shape[:2], 1)
    last = broadcast_to(astensor(np.array([size - kernel]), like=sample), shape)
    if count == 1:
        return last
    alpha = (size - kernel) / (count - 1)
    steps = astensor(np.arange(count - 1).astype(sample.dtype), like=sample)
    first = cast(sample * alpha, np.dtype(np.int64))
    return concat([cast((steps + sample) * alpha, np.dtype(np.int64)) - first, last], axis=2)


def fractional_max_pool2d(
    input: Any,
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """The largest of windows whose steps are drawn, so that any output size is possible.

    input: (N, C, H, W) or (C, H, W) -> y: (N, C, *output_size).

    Args:
        kernel_size: size of the window, one int or (vertical, horizontal).
        output_size: how many windows; or
        output_ratio: their share of the input's sizes, between 0 and 1.
        return_indices: return (y, indices into the flattened sizes, int64).
        _random_samples: (N, C, 2) in [0, 1), instead of drawing them: (width's, height's).

    Raises:
        ShapeError: wrong rank, or more windows than fit.
        ArgumentError: not exactly one of output_size and output_ratio.
    """
    return _fractional(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Any,
    kernel_size: Size,
    output_size: Size | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """As fractional_max_pool2d for volumes.  input: (N, C, D, H, W) -> y: (N, C, *output_size).

    ``_random_samples`` is (N, C, 3): the depth's, the height's, the width's.
    """
    return _fractional(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
