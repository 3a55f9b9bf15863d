"""Pictures seen through a grid of places: spatial transformers.

Jaderberg et al.: "Spatial transformer networks", NeurIPS 2015.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, cast, promote
from nbdl.ops.gathering import gather
from nbdl.ops.movement import reshape
from nbdl.ops.resampling import keys
from nbdl.ops.rounding import abs as absolute
from nbdl.ops.rounding import floor, round
from nbdl.ops.selection import clip, where

__all__ = ["affine_grid", "grid_sample"]

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places that a grid names, between pixels by interpolation.

    input: (N, C, H, W), grid: (N, H', W', 2) -> y: (N, C, H', W'); or input (N, C, D, H, W) and
    grid (N, D', H', W', 3). The grid's last axis is (x, y[, z]), from -1 (left) to 1 (right).

    Args:
        mode: "bilinear" (of volumes: trilinear), "nearest", or "bicubic" (pictures only).
        padding_mode: what lies outside: "zeros", the "border" repeated, or its "reflection".
        align_corners: -1 and 1 are the outermost pixels' centres; default False: their edges.

    Raises:
        ShapeError: input and grid that do not fit; ArgumentError: an unknown mode.
    """
    x, places = promote(input, grid)
    n = x.ndim - 2
    _check_grid(x, places, n, mode, padding_mode)
    corners = bool(align_corners)
    at = [
        _pixels(places[..., axis], x.shape[-1 - axis], corners) for axis in range(n)
    ][::-1]  # the order of x's axes
    if mode == "bicubic":
        return _mixed(x, at, range(-1, 3), lambda d: keys(d, -0.75), padding_mode, corners)
    at = [_padded(a, m, padding_mode, corners) for a, m in zip(at, x.shape[2:], strict=True)]
    if mode == "nearest":
        return _picked(x, [round(a) for a in at])
    return _mixed(x, at, range(2), lambda d: 1 - d, "zeros", corners)


def _check_grid(x: Tensor, grid: Tensor, n: int, mode: str, padding_mode: str) -> None:
    if mode not in MODES:
        raise unknown("interpolation mode", mode, MODES)
    if padding_mode not in PADDINGS:
        raise unknown("padding mode", padding_mode, PADDINGS)
    if n not in (2, 3):
        raise ShapeError(f"grid_sample needs (N, C, H, W) or (N, C, D, H, W), got {x.shape}")
    if grid.ndim != n + 2 or grid.shape[-1] != n or grid.shape[0] != x.shape[0]:
        sizes = "H', W'" if n == 2 else "D', H', W'"
        raise ShapeError(
            f"grid_sample got a grid of shape {grid.shape} for input {x.shape}, expected "
            f"({x.shape[0]}, {sizes}, {n})"
        )
    if min(x.shape[2:]) < 1:
        raise ShapeError(f"grid_sample: the input {x.shape} has no pixels")
    if mode == "bicubic" and n != 2:
        raise ArgumentError("grid_sample: bicubic is for pictures, not volumes", hint='"bilinear"')


def _pixels(place: Tensor, size: int, corners: bool) -> Tensor:
    """-1..1 as pixel numbers."""
    return (place + 1) * ((size - 1) / 2) if corners else ((place + 1) * size - 1) / 2


def _padded(at: Tensor, size: int, padding: str, corners: bool) -> Tensor:
    """Pixel numbers outside of the picture brought inside, unless zeros lie there."""
    if padding == "reflection":
        at = _reflected(at, *((0, size - 1) if corners else (-0.5, size - 0.5)))
    return at if padding == "zeros" else clip(at, 0, size - 1)


def _reflected(at: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span == 0:
        return at * 0
    d = absolute(at - low)
    flips = floor(d / span).detach()
    rest = d - flips * span
    return where(flips % 2 == 0, rest + low, high - rest)


def _picked(x: Tensor, at: Sequence[Tensor]) -> Tensor:
    """x at whole pixel numbers, zeros outside.  at: (N, ...) for each axis -> (N, C, ...)."""
    flat, inside = None, None
    for axis, (a, size) in enumerate(zip(at, x.shape[2:], strict=True), 3):
        here = (a >= 0) & (a <= size - 1)
        inside = here if inside is None else inside & here
        step = math.prod(x.shape[axis:])
        part = cast(where(here, a.detach(), 0.0), np.dtype(np.int64)) * step
        flat = part if flat is None else flat + part
    assert flat is not None
    assert inside is not None
    n, c, *sizes = x.shape
    count = math.prod(flat.shape[1:])
    index = broadcast_to(reshape(flat, (n, 1, count)), (n, c, count))
    y = reshape(gather(reshape(x, (n, c, math.prod(sizes))), 2, index), (n, c, *flat.shape[1:]))
    return where(reshape(inside, (n, 1, *flat.shape[1:])), y, 0.0)


def _mixed(
    x: Tensor, at: Sequence[Tensor], reach: range, kernel: Any, padding: str, corners: bool
) -> Tensor:
    """Neighbours of each place, weighed by a kernel of their distance along each axis."""
    low = [floor(a).detach() for a in at]
    taps = []
    for a, start, size in zip(at, low, x.shape[2:], strict=True):
        numbers = [(start + k, kernel(absolute(a - (start + k)))) for k in reach]
        taps.append([(_padded(i, size, padding, corners), share) for i, share in numbers])
    total = None
    for chosen in itertools.product(*taps):
        share = math.prod(s for _, s in chosen)
        part = _picked(x, [i for i, _ in chosen]) * reshape(share, (share.shape[0], 1,
                                                                    *share.shape[1:]))  # fmt: skip
        total = part if total is None else total + part
    assert total is not None
    return total


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid of an affine map, for ``grid_sample``.

    theta: (N, 2, 3), size (N, C, H, W) -> grid: (N, H, W, 2); or theta (N, 3, 4), size
    (N, C, D, H, W) -> (N, D, H, W, 3). ``align_corners`` as grid_sample's. Raises ShapeError.
    """
    theta, sizes = astensor(theta), tuple(int(m) for m in size)
    n = len(sizes) - 2
    if n not in (2, 3) or theta.shape != (sizes[0], n, n + 1):
        raise ShapeError(
            f"affine_grid got theta of shape {theta.shape} for size {sizes}, expected (N, 2, 3) "
            f"and (N, C, H, W), or (N, 3, 4) and (N, C, D, H, W)"
        )
    if min(sizes) < 1:
        raise ArgumentError(f"affine_grid: size={sizes} must be 1 or more")
    axes = [_places(m, bool(align_corners)) for m in sizes[:1:-1]]  # x, y[, z]
    mesh = np.meshgrid(*axes[::-1], indexing="ij")[::-1]
    base = np.stack([*mesh, np.ones_like(mesh[0])], -1).reshape(1, -1, n + 1)
    points = matmul(astensor(base.astype(theta.dtype), like=theta), theta.mT)
    return reshape(points, (sizes[0], *sizes[2:], n))


def _places(size: int, corners: bool) -> np.ndarray:
    """Pixels' centres along an axis from -1 to 1."""
    if size == 1:
        return np.zeros(1)
    ends = np.linspace(-1.0, 1.0, size)
    return ends if corners else ends * ((size - 1) / size)
