"""Counting elements by value, and the commonest one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.masks import known
from nbdl.ops.reduction import max, min
from nbdl.ops.searching import searchsorted
from nbdl.ops.sorting import argsort, bincount
from nbdl.shapes import normalize_axis

__all__ = ["aminmax", "argwhere", "bucketize", "histc", "mode", "unique_consecutive"]


class Extremes(NamedTuple):
    """The smallest and the largest element."""

    min: Tensor
    max: Tensor


def aminmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Extremes:
    """The smallest and the largest element along ``axis``, or of all."""
    return Extremes(min(x, axis, keepdims=keepdims), max(x, axis, keepdims=keepdims))


def argwhere(x: Any, /) -> Tensor:
    """Places of the elements that are not 0.  x: (...) -> y: (found, axes), int64."""
    x = astensor(x)
    known("argwhere", x)
    xp = backends.namespace(x.value)
    return Tensor._wrap(xp.argwhere(x.value).astype(xp.int64))


def bucketize(x: Any, boundaries: Any, /, *, right: bool = False) -> Tensor:
    """Number of the bucket that each element falls in.  x: (...), boundaries: (n,) -> (...).

    Bucket i lies between boundaries i-1 and i; the boundary itself belongs to the bucket before
    it, with ``right`` to the one after it.
    """
    boundaries = astensor(boundaries)
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize needs a vector of boundaries, got shape {boundaries.shape}")
    return searchsorted(boundaries, x, side="right" if right else "left")


def histc(x: Any, /, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall in each of ``bins`` equal parts of min..max.  -> y: (bins,).

    Equal bounds (the default) stand for the smallest and largest element; elements outside are
    not counted. Raises ArgumentError for bins below 1, or min above max.
    """
    x = astensor(x)
    known("histc", x)
    if bins < 1 or max < min:
        raise ArgumentError(f"histc: bins={bins} must be positive and min={min} <= max={max}")
    values = backends.to_numpy(x.value).reshape(-1).astype(np.float64)
    low, high = float(min), float(max)
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 1, high + 1
    if not np.isfinite([low, high]).all():
        raise ArgumentError(f"histc: the range {low} to {high} must be finite")
    inside = values[(values >= low) & (values <= high)]
    places = np.minimum(((inside - low) / (high - low) * bins).astype(np.int64), bins - 1)
    return cast(bincount(astensor(places), minlength=bins), x.dtype).to(x.device)


def mode(x: Any, /, axis: int = -1, *, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The commonest element along ``axis`` (the smallest of several), and its last place."""
    x = astensor(x)
    if x.ndim == 0:
        return x, cast(x * 0, np.dtype(np.int64))
    place = normalize_axis(axis, x.ndim)
    if not x.shape[place]:
        raise ShapeError(f"mode of shape {x.shape} along axis {place}: there are no elements")
    known("mode", x)
    xp = backends.namespace(x.value)
    order = xp.moveaxis(argsort(x, place).value, place, -1)
    rows = xp.take_along_axis(xp.moveaxis(x.value, place, -1), order, -1)
    last = xp.concatenate([rows[..., 1:] != rows[..., :-1], xp.ones_like(rows[..., :1], bool)], -1)
    ends = xp.where(last, xp.arange(rows.shape[-1]), -1)
    before = xp.maximum.accumulate(
        xp.concatenate([xp.full_like(ends[..., :1], -1), ends[..., :-1]], -1), -1
    )
    lengths = xp.where(last, ends - before, 0)
    best = xp.argmax(lengths, -1)[..., None]
    index = xp.moveaxis(xp.take_along_axis(order, best, -1), -1, place)
    found = Tensor._wrap(index.astype(xp.int64))
    value = take_along_axis(x, found, place)
    return (value, found) if keepdims else (value.squeeze(place), found.squeeze(place))


def unique_consecutive(
    x: Any, /, *, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None
) -> Any:
    """The elements (or slices along ``axis``) without those equal to the one before.

    -> values, or a tuple with the run of each element and the lengths of the runs, int64.
    """
    x = astensor(x)
    known("unique_consecutive", x)
    axis = None if axis is None else normalize_axis(axis, x.ndim)
    xp = backends.namespace(x.value)
    rows = x.value.reshape(-1) if axis is None else xp.moveaxis(x.value, axis, 0)
    flat = rows.reshape(rows.shape[0], math.prod(rows.shape[1:]))
    fresh = xp.ones(len(rows), bool)
    if len(rows):
        fresh[1:] = (flat[1:] != flat[:-1]).any(axis=1)
    values = rows[fresh] if axis is None else xp.moveaxis(rows[fresh], 0, axis)
    starts = xp.concatenate([xp.flatnonzero(fresh), xp.asarray([len(rows)])])
    runs = xp.cumsum(fresh) - 1
    results = [Tensor._wrap(values)]
    if return_inverse:
        shaped = runs.reshape(x.shape) if axis is None else runs
        results.append(Tensor._wrap(shaped.astype(xp.int64)))
    if return_counts:
        results.append(Tensor._wrap(xp.diff(starts).astype(xp.int64)))
    return results[0] if len(results) == 1 else tuple(results)


METHODS = {"mode": mode, "aminmax": aminmax, "argwhere": argwhere, "histc": histc}
