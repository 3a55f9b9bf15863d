"""Tensors with some elements replaced or combined: what PyTorch's scatter family does."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.cumulative import cumsum
from nbdl.ops.diagonals import Diagonal, DiagonalFill, diag_embed
from nbdl.ops.gathering import scatter, scatter_add, take
from nbdl.ops.indexing import setitem
from nbdl.ops.movement import flatten, moveaxis, reshape
from nbdl.ops.ranges import arange
from nbdl.ops.selection import maximum, where
from nbdl.shapes import normalize_axis

__all__ = [
    "diagflat",
    "diagonal_scatter",
    "index_copy",
    "index_fill",
    "index_put",
    "masked_scatter",
    "narrow",
    "put",
    "select",
    "select_scatter",
    "slice_scatter",
    "unfold",
]


def narrow(x: Any, /, axis: int, start: Any, length: int) -> Tensor:
    """``length`` slices along ``axis`` from ``start`` on.  x: (A, B), 1, 0, n -> y: (A, n)."""
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    n, first = x.shape[place] if x.ndim else 0, _whole("start", start)
    first += n * (first < 0)
    if length < 0 or not 0 <= first <= first + length <= n:
        raise ArgumentError(
            f"narrow: {length} slices from {int(start)} do not lie within axis {place} of shape "
            f"{x.shape}"
        )
    return x[(slice(None),) * place + (slice(first, first + length),)]


def _whole(name: str, value: Any) -> int:
    """A whole number, or a tensor of one."""
    given = astensor(value)
    if given.ndim or given.dtype.kind not in "iu":
        raise ArgumentError(
            f"{name} must be an integer, got {given.dtype} of shape {given.shape}"
        )
    return int(given)


def select(x: Any, /, axis: int, index: int) -> Tensor:
    """One slice along ``axis``, which is dropped.  x: (A, B), 1, i -> y: (A,)."""
    x = astensor(x)
    if x.ndim == 0:
        raise ShapeError("select needs at least one axis, got shape ()")
    return x[(slice(None),) * normalize_axis(axis, x.ndim) + (index,)]


def unfold(x: Any, /, axis: int, size: int, step: int) -> Tensor:
    """Windows of ``size`` along ``axis``, ``step`` apart, as a new last axis (PyTorch's method).

    x: (..., n, ...) -> y: (..., (n - size) // step + 1, ..., size). Raises ArgumentError.
    """
    x = astensor(x)
    scalar = x.ndim == 0
    x = reshape(x, (1,)) if scalar else x
    place = normalize_axis(axis, x.ndim)
    n = x.shape[place]
    if not 0 <= size <= n or step < 1:
        raise ArgumentError(
            f"unfold: windows of {size}, {step} apart, along axis {place} of shape {x.shape}",
            hint=f"size from 0 to {n}, step from 1",
        )
    starts = np.arange(0, n - size + 1, step)
    windows = take(x, starts[:, None] + np.arange(size), axis=place)
    return windows[0] if scalar else moveaxis(windows, place + 1, -1)


def _put(x: Any, index: Any, source: Any, name: str) -> Tensor:
    """x with ``source``, of the place's own shape, at a basic index."""
    x, source = astensor(x), astensor(source, like=astensor(x))
    place = x[index].shape
    if source.shape != place:
        raise ShapeError(f"{name}: the place has shape {place}, source has shape {source.shape}")
    return setitem(x, index, source)


def select_scatter(x: Any, source: Any, /, axis: int, index: int) -> Tensor:
    """x with ``source`` as its slice ``index`` along ``axis``: see ``select``."""
    x = astensor(x)
    at = (slice(None),) * normalize_axis(axis, x.ndim) + (index,)
    return _put(x, at, source, "select_scatter")


def slice_scatter(
    x: Any, source: Any, /, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """x with ``source`` in place of the slices ``start:end:step`` along ``axis``."""
    x = astensor(x)
    at = (slice(None),) * normalize_axis(axis, x.ndim) + (slice(start, end, step),)
    return _put(x, at, source, "slice_scatter")


def diagonal_scatter(
    x: Any, source: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Tensor:
    """x with ``source`` on a diagonal of two axes: see ``diagonal``."""
    x = astensor(x)
    source = cast(astensor(source, like=x), x.dtype)
    last = moveaxis(x, (axis1, axis2), (-2, -1))
    expected = Diagonal(offset).infer(last.spec).shape
    if source.shape != expected:
        raise ShapeError(
            f"diagonal_scatter: the diagonal has shape {expected}, source has shape {source.shape}"
        )
    inside = DiagonalFill(offset, last.shape[-2:])
    there = inside(astensor(np.ones(expected, bool)))
    return moveaxis(where(there, inside(source), last), (-2, -1), (axis1, axis2))


def diagflat(x: Any, /, offset: int = 0) -> Tensor:
    """A square matrix with all elements of x on a diagonal."""
    return diag_embed(flatten(astensor(x)) if astensor(x).ndim else reshape(x, (1,)), offset)


def places(name: str, x: Tensor, axis: int, index: Any) -> tuple[int, Tensor]:
    """The axis and the vector of places along it."""
    place = normalize_axis(axis, x.ndim)
    index = astensor(index)
    if index.ndim > 1:
        raise ShapeError(f"{name} needs a vector as index, got shape {index.shape}")
    if index.dtype.kind not in "iu":
        raise DtypeError(f"{name} needs an index of integers, got {index.dtype}")
    return place, reshape(index, (index.size,))


def index_fill(x: Any, /, axis: int, index: Any, value: Any) -> Tensor:
    """x with ``value`` in the slices ``index`` along ``axis``.  index: (n,)."""
    x = astensor(x)
    place, index = places("index_fill", x, axis, index)
    if x.ndim == 0:
        return cast(astensor(value, like=x), x.dtype)
    value = astensor(value, like=x)
    if value.ndim:
        raise ShapeError(f"index_fill needs a number as value, got shape {value.shape}")
    return setitem(x, (slice(None),) * place + (index,), value)


def index_copy(x: Any, /, axis: int, index: Any, source: Any) -> Tensor:
    """x with the slices of ``source`` at ``index`` along ``axis``.  index: (n,)."""
    x = astensor(x)
    place, index = places("index_copy", x, axis, index)
    source = cast(astensor(source, like=x), x.dtype)
    if x.ndim == 0:
        return reshape(source, ())
    expected = (*x.shape[:place], index.size, *x.shape[place + 1 :])
    if source.shape != expected:
        raise ShapeError(f"index_copy needs a source of shape {expected}, got {source.shape}")
    return setitem(x, (slice(None),) * place + (index,), source)


def index_put(x: Any, /, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """x with ``values`` at ``x[indices]``, a tuple of index tensors; or added there."""
    x = astensor(x)
    at = tuple(slice(None) if i is None else i for i in indices)
    values = cast(astensor(values, like=x), x.dtype)
    if not accumulate:
        return setitem(x, at, values)
    numbers = reshape(arange(x.size), x.shape)[at]
    flat = flatten(numbers) if numbers.ndim else reshape(numbers, (1,))
    added = flatten(broadcast_to(values, numbers.shape)) if numbers.ndim else reshape(values, (1,))
    return reshape(scatter_add(flatten(x), 0, flat, added), x.shape)


def put(x: Any, /, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """x with ``source`` at ``index`` of the flattened elements, put or added there."""
    x = astensor(x)
    index, source = astensor(index), cast(astensor(source, like=x), x.dtype)
    if index.size != source.size:
        raise ShapeError(f"put: index {index.shape} and source {source.shape} differ in size")
    change = scatter_add if accumulate else scatter
    flat = reshape(x, (x.size,))
    y = change(flat, 0, reshape(index, (index.size,)), reshape(source, (source.size,)))
    return reshape(y, x.shape)


def masked_scatter(x: Any, mask: Any, source: Any, /) -> Tensor:
    """x with the first elements of ``source``, in order, where ``mask`` is True."""
    x, mask = astensor(x), astensor(mask)
    if mask.dtype != dtypes.bool:
        raise DtypeError(f"masked_scatter needs a bool mask, got {mask.dtype}", hint="mask != 0")
    source = cast(astensor(source, like=x), x.dtype)
    shape = np.broadcast_shapes(x.shape, mask.shape)
    x, mask = broadcast_to(x, shape), broadcast_to(mask, shape)
    if not x.size:
        return x
    order = maximum(cumsum(reshape(cast(mask, dtypes.int64), (x.size,)), 0) - 1, 0)
    needed = int(order.max()) + bool(mask.any())
    if needed > source.size:
        raise ShapeError(f"masked_scatter: the mask takes {needed} elements, source {source.shape}")
    chosen = take(reshape(source, (source.size,)), order, axis=0) if source.size else x
    return where(mask, reshape(chosen, shape), x)


METHODS = {
    "diagflat": diagflat,
    "index_copy": index_copy,
    "index_fill": index_fill,
    "index_put": index_put,
    "masked_scatter": masked_scatter,
    "narrow": narrow,
    "put": put,
    "select": select,
    "select_scatter": select_scatter,
    "slice_scatter": slice_scatter,
    "diagonal_scatter": diagonal_scatter,
    "unfold": unfold,
}
