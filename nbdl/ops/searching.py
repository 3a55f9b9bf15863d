"""Searching: where the largest element is, and where one belongs among sorted ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, promote
from nbdl.ops.families import require_kind, require_real
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.logic import logical_or
from nbdl.ops.movement import reshape
from nbdl.ops.ranges import arange
from nbdl.ops.reduction import max as largest
from nbdl.ops.reduction import min as smallest
from nbdl.ops.selection import where
from nbdl.shapes import Spec, normalize_axis, reduced_shape

__all__ = ["argmax", "argmin", "searchsorted"]


class Search(Op, abstract=True):
    """Gives places, as int64; no gradient."""

    differentiable = False

    def flops(self, *specs: Spec) -> int:
        """One comparison for each element."""
        return specs[0].size


@dataclass(frozen=True)
class Argbest(Search):
    """Place of the first largest (smallest) element along an axis; NaN wins."""

    axis: int
    largest: bool = True
    keepdims: bool = False
    onnx = "ArgMax"
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        find = xp.argmax if self.largest else xp.argmin
        y = find(x, axis=self.axis)
        return xp.expand_dims(y, self.axis) if self.keepdims else y

    def decompose(self, x: Tensor) -> Tensor:
        best = (largest if self.largest else smallest)(x, self.axis, keepdims=True)
        hits = logical_or(x == best, x != x) if dtypes.is_float(x.dtype) else x == best
        n = x.shape[self.axis]
        places = reshape(arange(n, device=x.device), (n, *(1,) * (x.ndim - 1 - self.axis)))
        return smallest(where(hits, places, n), self.axis, keepdims=self.keepdims)

    def infer(self, x: Spec) -> Spec:
        name = "argmax" if self.largest else "argmin"
        require_kind(name, "biuf", x)
        if x.shape[self.axis] == 0:
            raise ShapeError(
                f"{name} of a tensor of shape {x.shape} along axis {self.axis}: there are no "
                "elements to choose from"
            )
        return Spec(reduced_shape(x.shape, (self.axis,), self.keepdims), dtypes.int64)


@dataclass(frozen=True)
class Searchsorted(Search):
    """Where elements belong in sorted rows."""

    right: bool = False

    def forward(self, xp: Any, rows: Any, x: Any) -> Any:
        side = "right" if self.right else "left"
        if rows.ndim == 1:
            return xp.searchsorted(rows, x, side=side).astype(xp.int64, copy=False)
        count = math.prod(rows.shape[:-1])
        sorted_rows = rows.reshape(count, rows.shape[-1])
        wanted = x.reshape(count, x.shape[-1])
        if not x.size:
            return xp.zeros(x.shape, xp.int64)
        found = [xp.searchsorted(r, v, side=side) for r, v in zip(sorted_rows, wanted, strict=True)]
        return xp.stack(found).reshape(x.shape).astype(xp.int64, copy=False)

    def infer(self, rows: Spec, x: Spec) -> Spec:
        if rows.ndim == 0 or (rows.ndim > 1 and rows.shape[:-1] != x.shape[:-1]):
            raise ShapeError(
                f"searchsorted: rows {rows.shape} and x {x.shape} need equal sizes but for the "
                "last axis, or rows with one axis"
            )
        return Spec(x.shape, dtypes.int64)


# ----- in order -------------------------------------------------------------------------------


def argmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Place of the first largest element along ``axis``, or among all; NaN wins.

    x: (...) -> y: without the axis, int64. Raises ShapeError when there are no elements.
    """
    return _argbest(x, axis, keepdims, True)


def argmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """Place of the first smallest element along ``axis``, or among all; NaN wins.

    x: (...) -> y: without the axis, int64. Raises ShapeError when there are no elements.
    """
    return _argbest(x, axis, keepdims, False)


def _argbest(x: Any, axis: int | None, keepdims: bool, largest: bool) -> Tensor:
    x = astensor(x)
    require_real("argmax" if largest else "argmin", x)
    rank = x.ndim
    if axis is None or rank == 0:
        normalize_axis(axis or 0, rank)
        y = Argbest(0, largest)(reshape(x, (x.size,)))
        return reshape(y, (1,) * rank) if keepdims else y
    return Argbest(normalize_axis(axis, rank), largest, keepdims)(x)


def searchsorted(
    sorted_sequence: Any, x: Any, /, *, side: str = "left", sorter: Any = None
) -> Tensor:
    """Where elements of ``x`` belong in rows that are sorted along the last axis.

    sorted_sequence: (n,) or (..., n), x: (...) -> y: x's shape, int64: before equal ones for
    side="left", after them for "right". ``sorter`` is an argsort that sorts the rows.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side={side!r} must be 'left' or 'right'")
    rows, x = promote(sorted_sequence, x)
    if sorter is not None:
        rows = take_along_axis(rows, sorter, -1)
    op = Searchsorted(side == "right")
    op.infer(rows.spec, x.spec)
    return op(rows, x)


METHODS = {"argmax": argmax, "argmin": argmin}
