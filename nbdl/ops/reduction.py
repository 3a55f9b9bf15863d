"""Reductions: many elements become one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.ops.arithmetic import conj, exp, log
from nbdl.ops.broadcasting import Sum, broadcast_to
from nbdl.ops.comparison import isfinite
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor, cast, floats, widened
from nbdl.ops.creation import ones
from nbdl.ops.cumulative import cumprod
from nbdl.ops.families import Reduction, reduction, require_kind, require_real
from nbdl.ops.movement import flip, permute_dims, reshape
from nbdl.ops.numerics import wide
from nbdl.ops.selection import where
from nbdl.ops.sums import sum_of
from nbdl.shapes import Spec, normalize_axes

__all__ = [
    "mean",
    "prod",
    "max",
    "min",
    "amax",
    "amin",
    "any",
    "all",
    "count_nonzero",
    "logsumexp",
]


class Mean(Reduction):
    """Mean of elements along axes."""

    onnx = "ReduceMean"
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        total = sum_of(xp, wide(x), self.axis, self.keepdims)
        y = xp.asarray(total / total.dtype.type(self.count(x.shape)))
        return y.astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor:
        y = Sum(self.axis, self.keepdims)(widened(x)) / self.count(x.shape)
        return cast(y, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        n = self.count(x.shape)
        dx = reshape(dy, self.expanded(x.shape)) / n if n else reshape(dy, self.expanded(x.shape))
        return broadcast_to(dx, x.shape)


class Prod(Reduction):
    """Product of elements along axes."""

    onnx = "ReduceProd"
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        total = dtypes.accumulator(x.dtype)
        y = x.prod(axis=self.axis, keepdims=self.keepdims, dtype=total)
        return xp.asarray(y).astype(x.dtype, copy=False)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # The product of the others, without a division, so that zeros are right.
        kept = tuple(i for i in range(x.ndim) if i not in self.axis)
        order = (*kept, *self.axis)
        sizes = tuple(x.shape[i] for i in kept)
        rows = reshape(permute_dims(conj(x), order), (*sizes, self.count(x.shape)))
        before = _products_before(rows)
        after = flip(_products_before(flip(rows, -1)), -1)
        others = reshape(before * after, tuple(x.shape[i] for i in order))
        back = tuple(order.index(i) for i in range(x.ndim))
        return reshape(dy, self.expanded(x.shape)) * permute_dims(others, back)


def _products_before(rows: Tensor) -> Tensor:
    """Along the last axis, the product of all elements before each."""
    n = rows.shape[-1]
    if n == 0:
        return rows
    one = ones((*rows.shape[:-1], 1), dtype=rows.dtype, device=rows.device)
    return concat([one, cumprod(rows[..., : n - 1], -1)], axis=-1)


class _Extreme(Reduction, abstract=True):
    """The largest or the smallest; equal ones share the gradient evenly."""

    saves = ("y", "x")

    def infer(self, x: Spec) -> Spec:
        require_kind(self.title, "biuf", x)
        if x.size == 0 and self.count(x.shape) == 0:
            raise ShapeError(
                f"{self.name} of a tensor of shape {x.shape} along axis {self.axis}: there are "
                "no elements to choose from",
                hint="check that the batch or the selection is not empty",
            )
        return super().infer(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        shape = self.expanded(x.shape)
        winners = x == reshape(y, shape)
        share = cast(winners, dy.dtype)
        return where(winners, reshape(dy, shape) / share.sum(self.axis, keepdims=True), 0)


class Max(_Extreme):
    """The largest along axes; NaN wins."""

    onnx = "ReduceMax"
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return x.max(axis=self.axis, keepdims=self.keepdims)


class Min(_Extreme):
    """The smallest along axes; NaN wins."""

    onnx = "ReduceMin"
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return x.min(axis=self.axis, keepdims=self.keepdims)


class Any_(Reduction):
    """Whether some element is not 0."""

    differentiable = False

    def forward(self, xp: Any, x: Any) -> Any:
        return x.any(axis=self.axis, keepdims=self.keepdims)

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.bool


class All_(Reduction):
    """Whether no element is 0."""

    differentiable = False

    def forward(self, xp: Any, x: Any) -> Any:
        return x.all(axis=self.axis, keepdims=self.keepdims)

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.bool


class LogSumExp(Reduction):
    """log of the sum of exp, without overflow."""

    onnx = "ReduceLogSumExp"
    saves = ("y", "x")
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        wide = x.astype(dtypes.accumulator(x.dtype), copy=False)
        top = wide.real.max(axis=self.axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, top.dtype.type(0))
        total = sum_of(xp, xp.exp(wide - top), self.axis, True)
        y = xp.log(total) + top
        if not self.keepdims:
            y = y.squeeze(self.axis)
        return y.astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor | None:
        if x.dtype.kind == "c":
            return None
        wider = widened(x)
        top = Max(self.axis, True)(wider)
        top = where(isfinite(top), top, 0)
        y = log(Sum(self.axis, True)(exp(wider - top))) + top
        if not self.keepdims:
            y = reshape(y, self.infer(x.spec).shape)
        return cast(y, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        shape = self.expanded(x.shape)
        y = reshape(y, shape)
        y = where((y == math.inf) | (y == -math.inf), 0, y)
        return reshape(dy, shape) * exp(conj(x - y))


Axis = int | Sequence[int] | None


def mean(x: Any, /, axis: Axis = None, *, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Mean of elements along ``axis`` (an int, several, or None for all).

    x: (...) floats -> y: without those axes. Integers become the default float.
    """
    x = astensor(x)
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if wanted is not None and not dtypes.is_differentiable(wanted):
        raise DtypeError(
            f"mean: dtype={wanted} cannot hold a mean", hint="a float or complex dtype"
        )
    x = floats(x) if wanted is None else cast(x, wanted)
    return reduction(Mean, axis, x.ndim, keepdims)(x)


def prod(x: Any, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Product of elements along ``axis`` (an int, several, or None for all).

    x: (...) -> y: without those axes. Integers and bools multiply in int64. The gradient is
    right where elements are 0.
    """
    x = astensor(x)
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    elif x.dtype.kind in "ibu":
        x = cast(x, dtypes.uint64 if x.dtype.kind == "u" else dtypes.int64)
    return reduction(Prod, axis, x.ndim, keepdims)(x)


def max(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The largest element along ``axis``; NaN wins; equal ones share the gradient evenly.

    x: (...) -> y: without those axes. Raises ShapeError when there are no elements.
    """
    return _extreme(Max, x, axis, keepdims)


def min(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The smallest element along ``axis``; NaN wins; equal ones share the gradient evenly.

    x: (...) -> y: without those axes. Raises ShapeError when there are no elements.
    """
    return _extreme(Min, x, axis, keepdims)


def _extreme(op: type[_Extreme], x: Any, axis: Axis, keepdims: bool) -> Tensor:
    if type(x) is not Tensor:
        x = astensor(x)
    if x.value.dtype.kind == "c":
        require_real(op.__name__.lower(), x)
    return reduction(op, axis, x.ndim, keepdims)(x)


amax, amin = max, min


def any(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Whether some element along ``axis`` is not 0.  x: (...) -> y: bool."""
    x = astensor(x)
    return reduction(Any_, axis, x.ndim, keepdims)(x)


def all(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Whether no element along ``axis`` is 0.  x: (...) -> y: bool."""
    x = astensor(x)
    return reduction(All_, axis, x.ndim, keepdims)(x)


def count_nonzero(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """How many elements along ``axis`` are not 0.  x: (...) -> y: int64."""
    return (astensor(x) != 0).sum(axis, keepdims=keepdims)


def logsumexp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) along ``axis``, without overflow.

    x: (...) floats -> y: without those axes. Raises ShapeError when there are no elements.
    """
    x = floats(x)
    if x.ndim == 0:
        return reshape(LogSumExp((0,))(reshape(x, (1,))), ())
    axes = normalize_axes(axis, x.ndim)
    if x.size == 0 and math.prod(x.shape[a] for a in axes) == 0:
        raise ArgumentError(
            f"logsumexp of a tensor of shape {x.shape} along axis {axes}: there are no elements",
            hint="check that the batch or the selection is not empty",
        )
    return LogSumExp(axes, keepdims)(x)


METHODS = {
    "mean": mean,
    "prod": prod,
    "max": max,
    "min": min,
    "amax": max,
    "amin": min,
    "any": any,
    "all": all,
    "count_nonzero": count_nonzero,
    "logsumexp": logsumexp,
}
