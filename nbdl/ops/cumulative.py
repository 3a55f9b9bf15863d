"""Running results along an axis: sums, products, linear recurrences, extremes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.arithmetic import conj, exp
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.creation import ones, zeros
from nbdl.ops.families import require_real
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.movement import reshape
from nbdl.ops.selection import where
from nbdl.shapes import Spec, as_int, normalize_axis

__all__ = [
    "cumsum",
    "cumprod",
    "cumulative_sum",
    "cumulative_prod",
    "cummax",
    "cummin",
    "logcumsumexp",
    "linear_scan",
    "diff",
]


class Scan(Op, abstract=True):
    """A running result along one axis: the output has the input's shape."""

    def flops(self, *specs: Spec) -> int:
        """One for each element."""
        return specs[0].size


def _last(axis: int, *arrays: Any) -> tuple[Any, ...]:
    """The arrays with ``axis`` put first, to walk along it."""
    return tuple(a.swapaxes(0, axis) for a in arrays)


def _running_sum(xp: Any, x: Any, axis: int) -> Any:
    """NumPy's cumsum, but slice by slice where those are large: five times as fast then."""
    dtype = dtypes.accumulator(x.dtype)
    large = x.size >= 64 * x.shape[axis] and x.strides[axis] != x.itemsize
    if xp is not np or not x.size or not large:
        return xp.cumsum(x, axis=axis, dtype=dtype)
    y = np.empty_like(x, dtype=dtype)
    slices, sums = _last(axis, x, y)
    sums[0] = slices[0]
    before = sums[0]
    for part, into in zip(slices[1:], sums[1:], strict=True):
        before = np.add(before, part, out=into)
    return y


@dataclass(frozen=True)
class Cumsum(Scan):
    """Running sum, from the start or from the end."""

    axis: int
    reverse: bool = False
    onnx = "CumSum"
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        turned = xp.flip(x, self.axis) if self.reverse else x
        y = _running_sum(xp, turned, self.axis).astype(x.dtype, copy=False)
        return xp.flip(y, self.axis) if self.reverse else y

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Cumsum(self.axis, not self.reverse)(dy)


@dataclass(frozen=True)
class Cumprod(Scan):
    """Running product from the start."""

    axis: int
    saves = ("x",)
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        y = xp.cumprod(x, axis=self.axis, dtype=dtypes.accumulator(x.dtype))
        return y.astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # dx[k] = before[k] * (dy[k] + x[k+1] dy[k+1] + x[k+1] x[k+2] dy[k+2] + ...): no
        # division, so that zeros are right.
        n, x = x.shape[self.axis], conj(x)
        if n == 0:
            return dy
        inner = (slice(None),) * self.axis
        one = ones(_sized(x, self.axis, 1), dtype=x.dtype, device=x.device)
        before = concat([one, cumprod(x[(*inner, slice(0, n - 1))], self.axis)], axis=self.axis)
        following = concat([x[(*inner, slice(1, n))], one], axis=self.axis)
        return before * LinearScan(self.axis, True)(following, dy)


@dataclass(frozen=True)
class LinearScan(Scan):
    """y[t] = a[t] * y[t-1] + b[t] along an axis, from the start or from the end."""

    axis: int
    reverse: bool = False
    saves = ("y", "a")
    axis_fields = ("axis",)

    def forward(self, xp: Any, a: Any, b: Any) -> Any:
        wide = dtypes.accumulator(b.dtype)
        factors, terms = _last(self.axis, a, b)
        y = xp.empty(terms.shape, wide)
        n = len(terms)
        state = xp.zeros(terms.shape[1:], wide)
        for t in range(n - 1, -1, -1) if self.reverse else range(n):
            state = factors[t] * state + terms[t]
            y[t] = state
        return y.swapaxes(0, self.axis).astype(b.dtype, copy=False)

    def infer(self, a: Spec, b: Spec) -> Spec:
        if a.shape != b.shape:
            raise ShapeError(
                f"linear_scan needs a and b of one shape, got a {a.shape} and b {b.shape}"
            )
        return b

    def grad(self, dy: Tensor, y: Tensor, a: Tensor, b: Tensor) -> tuple[Any, ...]:
        # The adjoint runs the other way with the factors of the next place.
        factors = _shifted(conj(a), self.axis, not self.reverse)
        db = LinearScan(self.axis, not self.reverse)(factors, dy)
        return lambda: db * _shifted(conj(y), self.axis, self.reverse), db


def _sized(x: Tensor, axis: int, n: int) -> tuple[int, ...]:
    return tuple(n if i == axis else m for i, m in enumerate(x.shape))


def _shifted(x: Tensor, axis: int, back: bool) -> Tensor:
    """Each place takes its neighbour before it (after it when ``back``); 0 comes in."""
    n = x.shape[axis]
    zero = zeros(_sized(x, axis, min(n, 1)), dtype=x.dtype, device=x.device)
    inner = (slice(None),) * axis
    if back:
        return concat([x[(*inner, slice(min(n, 1), n))], zero], axis=axis)
    return concat([zero, x[(*inner, slice(0, max(n - 1, 0)))]], axis=axis)


@dataclass(frozen=True)
class CumulativeArg(Scan):
    """Place of the largest (smallest) element so far, the last one at a tie."""

    axis: int
    largest: bool = True
    differentiable = False
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        values = _last(self.axis, x)[0]
        index = xp.empty(values.shape, xp.int64)
        for t in range(len(values)):
            if t == 0:
                best, place = values[0], xp.zeros(values.shape[1:], xp.int64)
            else:
                new = values[t] >= best if self.largest else values[t] <= best
                new |= xp.isnan(values[t])
                best, place = xp.where(new, values[t], best), xp.where(new, t, place)
            index[t] = place
        return index.swapaxes(0, self.axis)

    def infer(self, x: Spec) -> Spec:
        return Spec(x.shape, dtypes.int64)


@dataclass(frozen=True)
class LogCumsumExp(Scan):
    """Running log of the sum of exp."""

    axis: int
    saves = ("y", "x")
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        rows = _last(self.axis, x.astype(dtypes.accumulator(x.dtype), copy=False))[0]
        y = xp.empty(rows.shape, rows.dtype)
        state = xp.full(rows.shape[1:], -math.inf, rows.dtype)
        for t in range(len(rows)):
            state = xp.logaddexp(state, rows[t])
            y[t] = state
        return y.swapaxes(0, self.axis).astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # r[k] = dy[k] + exp(y[k] - y[k+1]) * r[k+1]: y never falls, so nothing overflows.
        n = x.shape[self.axis]
        if n == 0:
            return dy
        inner = (slice(None),) * self.axis
        here, following = y[(*inner, slice(0, n - 1))], y[(*inner, slice(1, n))]
        nothing = here == -math.inf
        ratio = where(nothing, 0, exp(where(nothing, 0, here - following)))
        last = zeros(_sized(x, self.axis, 1), dtype=x.dtype, device=x.device)
        r = LinearScan(self.axis, True)(concat([ratio, last], axis=self.axis), dy)
        return r * exp(x - where(y == -math.inf, 0, y))


def _whole(x: Tensor, dtype: Any) -> Tensor:
    """Integers and bools add up in 64 bits."""
    if dtype is not None:
        return cast(x, dtypes.as_dtype(dtype))
    if x.dtype.kind in "ib":
        return cast(x, dtypes.int64)
    return cast(x, dtypes.uint64) if x.dtype.kind == "u" else x


def cumsum(x: Any, /, axis: int, *, dtype: Any = None) -> Tensor:
    """Running sum along ``axis``.  x: (...) -> y: (...); integers sum in int64."""
    x = _whole(astensor(x), dtype)
    place = normalize_axis(axis, x.ndim)
    return x if x.ndim == 0 else Cumsum(place)(x)


def cumprod(x: Any, /, axis: int, *, dtype: Any = None) -> Tensor:
    """Running product along ``axis``; its gradient is right where elements are 0.

    x: (...) -> y: (...); integers multiply in int64.
    """
    x = _whole(astensor(x), dtype)
    place = normalize_axis(axis, x.ndim)
    return x if x.ndim == 0 else Cumprod(place)(x)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running sum (array API): ``axis`` may be left out for one axis; a 0 in front on request."""
    x, place = _one_axis("cumulative_sum", x, axis)
    y = cumsum(x, place, dtype=dtype)
    return _with_initial(y, place, 0) if include_initial else y


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running product (array API): see ``cumulative_sum``; a 1 in front on request."""
    x, place = _one_axis("cumulative_prod", x, axis)
    y = cumprod(x, place, dtype=dtype)
    return _with_initial(y, place, 1) if include_initial else y


def _one_axis(name: str, x: Any, axis: int | None) -> tuple[Tensor, int]:
    x = astensor(x)
    if x.ndim == 0:
        x = reshape(x, (1,))
    if axis is None:
        if x.ndim != 1:
            raise ShapeError(f"{name} of shape {x.shape} needs axis=: there are {x.ndim} axes")
        axis = 0
    return x, normalize_axis(axis, x.ndim)


def _with_initial(y: Tensor, axis: int, value: int) -> Tensor:
    make = ones if value else zeros
    return concat([make(_sized(y, axis, 1), dtype=y.dtype, device=y.device), y], axis=axis)


def cummax(x: Any, /, axis: int) -> tuple[Tensor, Tensor]:
    """The largest so far along ``axis``, and its place.  x: (...) -> values, int64 indices."""
    return _cumulative_extreme(x, axis, True)


def cummin(x: Any, /, axis: int) -> tuple[Tensor, Tensor]:
    """The smallest so far along ``axis``, and its place.  x: (...) -> values, int64 indices."""
    return _cumulative_extreme(x, axis, False)


def _cumulative_extreme(x: Any, axis: int, largest: bool) -> tuple[Tensor, Tensor]:
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    if x.ndim == 0:
        return x, zeros((), dtype=dtypes.int64, device=x.device)
    index = CumulativeArg(place, largest)(x)
    return take_along_axis(x, index, place), index


def logcumsumexp(x: Any, /, axis: int) -> Tensor:
    """Running log(sum(exp(x))) along ``axis``.  x: (...) floats -> y: (...)."""
    x = floats(x)
    require_real("logcumsumexp", x)
    place = normalize_axis(axis, x.ndim)
    return x if x.ndim == 0 else LogCumsumExp(place)(x)


def linear_scan(a: Any, b: Any, /, axis: int = 0, *, reverse: bool = False) -> Tensor:
    """The linear recurrence y[t] = a[t] * y[t-1] + b[t] along ``axis``, y before t=0 being 0.

    a, b: (...) of one shape -> y: (...). Walks the axis step by step; ``reverse`` starts at
    the end. Raises ShapeError when the shapes differ.
    """
    a, b = promote(a, b)
    op = LinearScan(normalize_axis(axis, b.ndim), reverse)
    op.infer(a.spec, b.spec)
    return op(a, b)


def diff(
    x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None
) -> Tensor:
    """Differences of neighbours along ``axis``, ``n`` times.

    x: (..., m, ...) -> y: (..., m - n, ...); ``prepend`` and ``append`` are joined first.
    """
    x = astensor(x)
    if as_int(n, "n", least=0) == 0:
        return x
    place = normalize_axis(axis, x.ndim)
    parts = [astensor(p) for p in (prepend, x, append) if p is not None]
    if len(parts) > 1:
        x = concat(parts, axis=place)
    inner = (slice(None),) * place
    for _ in range(n):
        later, earlier = x[(*inner, slice(1, None))], x[(*inner, slice(None, -1))]
        x = later != earlier if x.dtype == dtypes.bool else later - earlier
    return x


METHODS = {
    "cumsum": cumsum,
    "cumprod": cumprod,
    "cummax": cummax,
    "cummin": cummin,
    "logcumsumexp": logcumsumexp,
    "diff": diff,
}
