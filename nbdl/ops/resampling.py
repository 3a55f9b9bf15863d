"""Pictures in other sizes: interpolation, and channels for pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor
from nbdl.ops.gathering import take
from nbdl.ops.movement import moveaxis, permute_dims, reshape, swapaxes
from nbdl.ops.powers import sqrt
from nbdl.ops.rounding import abs as absolute
from nbdl.shapes import as_tuple

__all__ = [
    "channel_shuffle",
    "interpolate",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

SMOOTH = {"linear": (1,), "bilinear": (2,), "trilinear": (3,), "bicubic": (2,)}
"""Modes that mix neighbours -> for how many axes after the channels each is meant."""

MODES = ("nearest", "nearest-exact", "area", *SMOOTH)
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """A picture in another size.  input: (N, C, ...) -> y: (N, C, *size).

    Args:
        size: the new sizes of the axes after the channels; or
        scale_factor: by how much they grow.
        mode: "nearest", "nearest-exact", "area" (means), "linear" (one axis), "bilinear" (two),
            "bicubic" (two; Keys, 1981), "trilinear" (three).
        align_corners: of the modes that mix: the corner pixels' centres stay where they are.
        recompute_scale_factor: use the ratio of the sizes in place of ``scale_factor``.
        antialias: of bilinear and bicubic: when a picture shrinks, the filter widens with it, so
            that no detail is skipped.

    Raises:
        ArgumentError: an unknown mode, not exactly one of size and scale_factor, or a setting
            that the mode does not know.
        ShapeError: an input without axes after the channels.
    """
    x = astensor(input)
    _check_mode(x, mode, align_corners, antialias)
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate needs either size or scale_factor")
    sizes, scales = _sizes(x, size, scale_factor, bool(recompute_scale_factor))
    if mode == "area":
        return _AREA[x.ndim - 2](x, sizes)
    for axis, (n, m, scale) in enumerate(zip(x.shape[2:], sizes, scales, strict=True), 2):
        step = 1 / scale
        if align_corners:
            step = (n - 1) / (m - 1) if m > 1 else 0.0
        if antialias:
            x = _averaged(x, axis, m, step, mode)
        elif mode not in SMOOTH:
            x = _nearest(x, axis, m, step, 0.5 if mode == "nearest-exact" else 0.0)
        elif n != m or scale != 1:
            at = np.arange(m) * step if align_corners else (np.arange(m) + 0.5) * step - 0.5
            x = _cubic(x, axis, at) if mode == "bicubic" else _linear(x, axis, at)
    return x


def _check_mode(x: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    space = x.ndim - 2
    if not 1 <= space <= 3:
        raise ShapeError(
            f"interpolate needs (batch, channels, ...) with one to three axes after the channels, "
            f"got {x.shape}"
        )
    if mode not in MODES:
        raise unknown("interpolation mode", mode, MODES)
    if mode in SMOOTH and space not in SMOOTH[mode]:
        fitting = next(name for name, axes in SMOOTH.items() if space in axes)
        raise ArgumentError(
            f"interpolate: mode={mode!r} is for {SMOOTH[mode][0]} axes after the channels, the "
            f"input {x.shape} has {space}",
            hint=f"mode={fitting!r}",
        )
    if align_corners is not None and mode not in SMOOTH:
        raise ArgumentError(
            f"interpolate: align_corners={align_corners} means nothing to mode={mode!r}",
            hint=f"one of {', '.join(SMOOTH)} mixes neighbours",
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(
            f"interpolate: antialias=True is for bilinear and bicubic, got mode={mode!r}"
        )


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


def _nearest(x: Tensor, axis: int, m: int, step: float, offset: float) -> Tensor:
    """m elements along one axis, each a copy of the one it lies nearest to."""
    n = x.shape[axis]
    if n == m and step == 1:
        return x
    places = np.floor((np.arange(m) + offset) * step).astype(np.int64)
    return take(x, astensor(np.clip(places, 0, n - 1), like=x), axis=axis)


def _shares(x: Tensor, axis: int, shares: np.ndarray) -> Tensor:
    """Factors along one axis, as a tensor beside x."""
    shape = [1] * x.ndim
    shape[axis] = shares.size
    return astensor(shares.astype(x.dtype).reshape(shape), like=x)


def _linear(x: Tensor, axis: int, at: np.ndarray) -> Tensor:
    """Linear interpolation along one axis, at places between its elements."""
    n = x.shape[axis]
    at = np.maximum(at, 0.0)
    low = np.clip(np.floor(at).astype(np.int64), 0, n - 1)
    left, right = (
        take(x, astensor(i, like=x), axis=axis) for i in (low, np.minimum(low + 1, n - 1))
    )
    return left + (right - left) * _shares(x, axis, at - low)


def _cubic(x: Tensor, axis: int, at: np.ndarray) -> Tensor:
    """Cubic convolution along one axis; beyond the ends its last element is repeated."""
    low = np.floor(at).astype(np.int64)
    total = None
    for k in range(-1, 3):
        places = np.clip(low + k, 0, x.shape[axis] - 1)
        share = _shares(x, axis, keys(np.abs(at - low - k), -0.75))
        part = take(x, astensor(places, like=x), axis=axis) * share
        total = part if total is None else total + part
    assert total is not None
    return total


def keys(d: Any, a: float) -> Any:
    """The cubic kernel at distances d >= 0 of arrays (or tensors).

    Keys: "Cubic convolution interpolation for digital image processing", 1981.
    """
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return near * (d <= 1) + far * ((d > 1) & (d < 2))


def _averaged(x: Tensor, axis: int, m: int, step: float, mode: str) -> Tensor:
    """m elements along one axis by a filter that is as wide as what one output stands for."""
    n = x.shape[axis]
    wide = max(step, 1.0)
    reach = wide * (2 if mode == "bicubic" else 1)
    centre = (np.arange(m) + 0.5) * step
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    places = np.arange(n)[:, None]
    d = np.abs(places - centre + 0.5) / wide
    shares = keys(d, -0.5) if mode == "bicubic" else np.maximum(1 - d, 0.0)
    shares = np.where((places >= first) & (places < end), shares, 0.0)
    shares /= shares.sum(0)
    matrix = astensor(shares.astype(x.dtype), like=x)
    return moveaxis(matmul(moveaxis(x, axis, -1), matrix), -1, axis)


def upsample(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """``interpolate`` by the name it had before.  input: (N, C, ...) -> y: (N, C, *size)."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """``interpolate`` that repeats elements.  input: (N, C, ...) -> y: (N, C, *size)."""
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Bilinear ``interpolate``, corners in place.  input: (N, C, H, W) -> y: (N, C, *size)."""
    return interpolate(input, size, scale_factor, "bilinear", True)


def channel_shuffle(input: Any, groups: int) -> Tensor:
    """Channels of all groups in turn.  input: (N, groups · C, ...) -> y: the same shape.

    Zhang et al.: "ShuffleNet: an extremely efficient convolutional neural network for mobile
    devices", CVPR 2018. Raises ShapeError unless ``groups`` divides the channels.
    """
    x = astensor(input)
    if x.ndim < 3 or groups < 1 or x.shape[1] % groups:
        raise ShapeError(
            f"channel_shuffle needs (batch, channels, ...) and groups that divide the channels, "
            f"got input {x.shape} and groups={groups}"
        )
    n, c, *rest = x.shape
    y = swapaxes(reshape(x, (n, groups, c // groups, *rest)), 1, 2)
    return reshape(y, x.shape)


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
