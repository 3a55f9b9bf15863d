"""Distances between points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.movement import expand_dims, moveaxis, reshape
from nbdl.ops.selection import where
from nbdl.ops.statistics import vector_norm
from nbdl.shapes import normalize_axis

__all__ = ["cdist", "dist", "pdist", "renorm"]


def _points(name: str, which: str, x: Tensor) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name} needs {which} of shape (..., points, coordinates), got {x.shape}")


def cdist(x1: Any, x2: Any, /, p: float = 2.0) -> Tensor:
    """Distances between all points of two sets.  x1: (..., n, d), x2: (..., m, d) -> (..., n, m).

    ``p``: the norm's order, from 0 (how many coordinates differ) to inf. The derivative between
    equal points is 0.
    """
    if not p >= 0:
        raise ArgumentError(f"cdist: p={p} must not be negative")
    x1, x2 = promote(floats(x1), floats(x2))
    _points("cdist", "x1", x1)
    _points("cdist", "x2", x2)
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: x1 {x1.shape} and x2 {x2.shape} have points with {x1.shape[-1]} and "
            f"{x2.shape[-1]} coordinates"
        )
    return vector_norm(expand_dims(x1, -2) - expand_dims(x2, -3), axis=-1, ord=p)


def pdist(x: Any, /, p: float = 2.0) -> Tensor:
    """Distances between every two points of one set.  x: (n, d) -> y: (n·(n-1)/2,)."""
    x = floats(x)
    if x.ndim != 2:
        raise ShapeError(f"pdist needs x of shape (points, coordinates), got {x.shape}")
    if not p >= 0:
        raise ArgumentError(f"pdist: p={p} must not be negative")
    first, second = np.triu_indices(x.shape[0], 1)
    return vector_norm(x[first] - x[second], axis=-1, ord=p)


def dist(x: Any, y: Any, /, p: float = 2.0) -> Tensor:
    """The length of ``x - y`` over all elements.  x, y: broadcasting -> a number."""
    x, y = promote(floats(x), floats(y))
    return vector_norm(x - y, ord=p)


def renorm(x: Any, /, p: float, axis: int, maxnorm: float) -> Tensor:
    """x with slices along ``axis`` that are longer than ``maxnorm`` scaled down to it."""
    x = floats(x)
    if x.ndim < 2:
        raise ShapeError(f"renorm needs at least two axes, got shape {x.shape}")
    if not p > 0 or not maxnorm >= 0:
        raise ArgumentError(f"renorm: p={p} must be positive, maxnorm={maxnorm} not negative")
    place = normalize_axis(axis, x.ndim)
    rows = moveaxis(x, place, 0)
    flat = reshape(rows, (rows.shape[0], math.prod(rows.shape[1:])))
    lengths = vector_norm(flat, axis=1, keepdims=True, ord=p)
    factor = where(lengths > maxnorm, maxnorm / (lengths + 1e-7), 1)
    return moveaxis(reshape(flat * cast(astensor(factor), x.dtype), rows.shape), 0, place)
