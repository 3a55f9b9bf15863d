"""Choosing between values elementwise: where, masks, bounds, the larger and the smaller."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError
from nbdl.ops.conversion import astensor, cast, promote, promote_all
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import chosen, clipped, kept
from nbdl.shapes import broadcast_shapes

__all__ = ["where", "masked_fill", "maximum", "minimum", "fmax", "fmin", "clip", "clamp"]


class Where(Elementwise):
    """x where the condition holds, else y."""

    onnx = "Where"
    kernel = "where(condition, x, y)"
    saves = ("condition",)
    compiled_from = 32768

    def forward(self, xp: Any, condition: Any, x: Any, y: Any) -> Any:
        return chosen(xp, condition, x, y)

    def grad(
        self, dz: Tensor, z: Tensor, condition: Tensor, x: Tensor, y: Tensor
    ) -> tuple[Any, ...]:
        return None, lambda: where(condition, dz, 0), lambda: where(condition, 0, dz)


class Maximum(Elementwise):
    """The larger of x and y; NaN wins."""

    method = "maximum"
    onnx = "Max"
    kernel = "maximum(x, y)"
    saves = ("x", "y")
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.maximum(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: _share(dz, x, y), lambda: _share(dz, y, x)


class Minimum(Elementwise):
    """The smaller of x and y; NaN wins."""

    method = "minimum"
    onnx = "Min"
    kernel = "minimum(x, y)"
    saves = ("x", "y")
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.minimum(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: _share(dz, y, x), lambda: _share(dz, x, y)


class LargerShare(Elementwise):
    """The part of dz that belongs to x where the larger of x and y was taken: half at a tie."""

    kernel = "where(x == y, dz / 2, where(x < y, 0, dz))"
    flops_per_element = 3
    saves = ("x", "y")
    kinds = "f"
    compiled_from = 16384

    def forward(self, xp: Any, dz: Any, x: Any, y: Any) -> Any:
        share = kept(xp, dz, ~(x < y))
        return chosen(xp, x == y, (dz / 2).astype(dz.dtype, copy=False), share)

    def grad(self, dd: Tensor, d: Tensor, dz: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return _share(dd, x, y), None, None


class Fmax(Elementwise):
    """The larger of x and y; NaN loses."""

    kernel = "fmax(x, y)"
    saves = ("x", "y")
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.fmax(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        takes_x = (x >= y) | (y != y)
        return lambda: where(takes_x, dz, 0), lambda: where(takes_x, 0, dz)


class Fmin(Elementwise):
    """The smaller of x and y; NaN loses."""

    kernel = "fmin(x, y)"
    saves = ("x", "y")
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.fmin(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        takes_x = (x <= y) | (y != y)
        return lambda: where(takes_x, dz, 0), lambda: where(takes_x, 0, dz)


@dataclass(frozen=True)
class Clip(Elementwise):
    """x kept between two numbers."""

    low: Any
    high: Any
    onnx = "Clip"
    kernel = "minimum(maximum(x, low), high)"
    flops_per_element = 2
    saves = ("x",)
    kinds = "iuf"

    def forward(self, xp: Any, x: Any) -> Any:
        return clipped(xp, x, self.low, self.high)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return where((x >= self.low) & (x <= self.high), dy, 0)


def where(condition: Any, x: Any, y: Any, /) -> Tensor:
    """x where ``condition`` holds, else y, elementwise.

    condition, x, y: broadcasting -> z: their common shape, the dtype of x with y. Gradients
    flow only to the chosen side; numbers that are not chosen do no harm unless they are NaN
    *and* their own gradient is asked for: mend such inputs before the function that fails.
    """
    condition = astensor(condition)
    if condition.value.dtype != dtypes.bool:
        if condition.value.dtype.kind not in "iu":
            raise DtypeError(
                f"where needs a bool condition, got {condition.dtype}",
                hint="write the question: where(x > 0, ...)",
            )
        condition = cast(condition, dtypes.bool)
    x, y = promote_all(x, y)
    return _where(condition, x, y)


def masked_fill(x: Any, mask: Any, value: Any) -> Tensor:
    """``x`` with ``value`` where ``mask`` is True.

    x, mask: broadcasting -> y: their common shape, x's dtype.
    """
    x = astensor(x)
    value = astensor(value, like=x)
    if value.dtype.kind == "c" and x.dtype.kind != "c":
        raise DtypeError(
            f"masked_fill: a value of dtype {value.dtype} does not fit into x of dtype {x.dtype}",
            hint=f"value.real, or x.to({str(value.dtype)!r})",
        )
    return cast(where(mask, value, x), x.dtype)


def maximum(x: Any, y: Any, /) -> Tensor:
    """The larger of x and y, elementwise; NaN wins; a tie's gradient is split evenly.

    x, y: broadcasting -> z: their common shape and dtype.
    """
    x, y = promote(x, y)
    return _maximum(x, y)


def minimum(x: Any, y: Any, /) -> Tensor:
    """The smaller of x and y, elementwise; NaN wins; a tie's gradient is split evenly.

    x, y: broadcasting -> z: their common shape and dtype.
    """
    x, y = promote(x, y)
    return _minimum(x, y)


def fmax(x: Any, y: Any, /) -> Tensor:
    """The larger of x and y, elementwise; NaN only where both are.  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    return _fmax(x, y)


def fmin(x: Any, y: Any, /) -> Tensor:
    """The smaller of x and y, elementwise; NaN only where both are.  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    return _fmin(x, y)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """x kept between ``min`` and ``max`` (numbers or tensors; None: no bound).

    x: (...) -> y: (...), same dtype for numbers; the gradient passes where min <= x <= max.
    Raises ShapeError when x and the bounds do not broadcast.
    """
    x = astensor(x)
    if min is None and max is None:
        return x
    if _is_number(min) and _is_number(max):
        kinds = [type(bound) for bound in (min, max) if bound is not None]
        dtype = x.dtype
        for kind in kinds:
            dtype = dtypes.promote_scalar(dtype, kind(0))
        return Clip(*_bounds(dtype, min, max))(cast(x, dtype))
    bounds = [astensor(bound).shape for bound in (min, max) if bound is not None]
    broadcast_shapes(x.shape, *bounds, what="clip: x and its bounds")
    if min is not None:
        x, low = promote(x, min)
        x = where(x < low, low, x)
    if max is not None:
        x, high = promote(x, max)
        x = where(x > high, high, x)
    return x


clamp = clip


def _is_number(bound: Any) -> Any:
    return bound is None or isinstance(bound, (int, float))


def _bounds(dtype: np.dtype, low: Any, high: Any) -> tuple[Any, Any]:
    """The two numbers, a missing or unreachable one replaced by the dtype's own end."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        first, last = int(info.min), int(info.max)
        low = first if low is None else sorted((first, int(low), last))[1]
        high = last if high is None else sorted((first, int(high), last))[1]
        return low, high
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


_where, _maximum, _minimum, _fmax, _fmin = Where(), Maximum(), Minimum(), Fmax(), Fmin()
_share = LargerShare()


def _where_method(x: Tensor, condition: Any, other: Any) -> Tensor:
    """x where ``condition`` holds, else ``other`` (PyTorch's method)."""
    return where(condition, x, other)


METHODS = {"where": _where_method, "masked_fill": masked_fill, "clip": clip, "clamp": clip}

