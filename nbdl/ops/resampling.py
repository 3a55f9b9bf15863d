"""Pictures in other sizes: interpolation, and channels for pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.conversion import astensor
from nbdl.ops.gathering import take
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.powers import sqrt
from nbdl.ops.rounding import abs as absolute
from nbdl.shapes import as_tuple

__all__ = ["interpolate", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle"]

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """A picture in another size.  input: (N, C, ...) -> y: (N, C, *size).

    Args:
        size: the new sizes of the axes after the channels; or
        scale_factor: by how much they grow.
        mode: "nearest", "nearest-exact", "linear" (one axis), "bilinear" (two), "trilinear".
        align_corners: of the linear modes: the corner pixels' centres stay where they are.
        recompute_scale_factor: use the ratio of the sizes in place of ``scale_factor``.

    Raises:
        ArgumentError: an unknown mode, or not exactly one of size and scale_factor.
        ShapeError: an input without axes after the channels.
    """
    x = astensor(input)
    space = x.ndim - 2
    if space < 1:
        raise ShapeError(f"interpolate needs (batch, channels, ...), got {x.shape}")
    if mode not in ("nearest", "nearest-exact", *LINEAR):
        raise unknown("interpolation mode", mode, ("nearest", "nearest-exact", *LINEAR))
    if mode in LINEAR and LINEAR[mode] != space:
        fitting = next(name for name, n in LINEAR.items() if n == min(space, 3))
        raise ArgumentError(
            f"interpolate: mode={mode!r} is for {LINEAR[mode]} axes after the channels, the input "
            f"{x.shape} has {space}",
            hint=f"mode={fitting!r}",
        )
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate needs either size or scale_factor")
    sizes, scales = _sizes(x, size, scale_factor, bool(recompute_scale_factor))
    for axis, (n, m, scale) in enumerate(zip(x.shape[2:], sizes, scales, strict=True), 2):
        if mode in LINEAR:
            x = _linear(x, axis, n, m, scale, bool(align_corners))
        elif n != m or scale != 1:
            offset = 0.5 if mode == "nearest-exact" else 0.0
            places = np.floor((np.arange(m) + offset) / scale).astype(np.int64)
            x = take(x, _index(x, np.clip(places, 0, n - 1)), axis=axis)
    return x


def _sizes(
    x: Tensor, size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """New sizes, and by how much each axis grows."""
    space = x.shape[2:]
    if size is not None:
        sizes = as_tuple(size, len(space), "size")
        if any(m < 1 for m in sizes):
            raise ArgumentError(f"interpolate: size={sizes} must be 1 or more")
        return sizes, tuple(m / n for m, n in zip(sizes, space, strict=True))
    several = isinstance(scale_factor, (tuple, list))
    factors = tuple(scale_factor) if several else (scale_factor,) * len(space)
    if len(factors) != len(space) or any(f <= 0 for f in factors):
        raise ArgumentError(f"interpolate: scale_factor={scale_factor} does not fit {x.shape}")
    sizes = tuple(int(np.floor(n * f)) for n, f in zip(space, factors, strict=True))
    if recompute:
        return sizes, tuple(m / n for m, n in zip(sizes, space, strict=True))
    return sizes, tuple(float(f) for f in factors)


def _linear(x: Tensor, axis: int, n: int, m: int, scale: float, corners: bool) -> Tensor:
    """Linear interpolation along one axis, from n to m places."""
    if n == m and scale == 1:
        return x
    if corners:
        at = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        at = np.maximum((np.arange(m) + 0.5) / scale - 0.5, 0.0)
    low = np.clip(np.floor(at).astype(np.int64), 0, n - 1)
    high = np.minimum(low + 1, n - 1)
    shape = [1] * x.ndim
    shape[axis] = m
    share = astensor((at - low).astype(x.dtype).reshape(shape)).to(_place(x))
    left, right = take(x, _index(x, low), axis=axis), take(x, _index(x, high), axis=axis)
    return left + (right - left) * share


def _place(x: Tensor) -> str:
    return "cpu" if x.device == "meta" else x.device


def _index(x: Tensor, places: np.ndarray) -> Tensor:
    return astensor(places).to(_place(x))


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """Channels become pixels.  input: (..., C·r², H, W) -> y: (..., C, H·r, W·r).

    Shi et al.: "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", CVPR 2016.
    """
    x, r = astensor(input), int(upscale_factor)
    if x.ndim < 3 or r < 1 or x.shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: the channels of input {x.shape} must be a multiple of "
            f"upscale_factor² = {r * r}"
        )
    *batch, c, h, w = x.shape
    n = len(batch)
    x = reshape(x, (*batch, c // (r * r), r, r, h, w))
    x = permute_dims(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshape(x, (*batch, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """Pixels become channels.  input: (..., C, H·r, W·r) -> y: (..., C·r², H, W)."""
    x, r = astensor(input), int(downscale_factor)
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise ShapeError(
            f"pixel_unshuffle: height and width of input {x.shape} must be multiples of "
            f"downscale_factor = {r}"
        )
    *batch, c, h, w = x.shape
    n = len(batch)
    x = reshape(x, (*batch, c, h // r, r, w // r, r))
    x = permute_dims(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return reshape(x, (*batch, c * r * r, h // r, w // r))


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 along the last axis.  x1, x2: (..., D) -> y: (...)."""
    d = absolute(astensor(x1) - astensor(x2) + eps)
    if p == 2:
        return sqrt((d * d).sum(-1, keepdims=keepdim))
    if p == float("inf"):
        return d.max(-1, keepdims=keepdim)
    return (d**p).sum(-1, keepdims=keepdim) ** (1 / p)
