"""What passes over NaN, or puts numbers in its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.array_api import finfo
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.comparison import isnan
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.families import Elementwise
from nbdl.ops.logic import logical_not
from nbdl.ops.numerics import wide
from nbdl.ops.selection import where

__all__ = ["nan_to_num", "nanmean", "nansum"]


@dataclass(frozen=True)
class NanToNum(Elementwise):
    """x with numbers in place of NaN and infinities."""

    nan: float
    posinf: float | None
    neginf: float | None
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        limits = finfo(x.dtype)
        high = float(limits.max) if self.posinf is None else self.posinf
        low = float(limits.min) if self.neginf is None else self.neginf
        y = xp.nan_to_num(wide(x), nan=self.nan, posinf=high, neginf=low)
        return y.astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor | None:
        if x.dtype.kind == "c":
            return None
        limits = finfo(x.dtype)
        high = float(limits.max) if self.posinf is None else self.posinf
        low = float(limits.min) if self.neginf is None else self.neginf
        finite = where(x == math.inf, high, where(x == -math.inf, low, x))
        return where(isnan(x), self.nan, finite)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return where(x - x == 0, dy, 0)


def nan_to_num(
    x: Any, /, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with ``nan`` (default 0) in place of NaN, and numbers in place of infinities.

    The defaults for infinities are the largest and smallest numbers of the dtype. The
    derivative where something was replaced is 0. Integers stay as they are.
    """
    x = astensor(x)
    return NanToNum(nan or 0.0, posinf, neginf)(x) if x.dtype.kind in "fcV" else x


def nansum(x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Sum of the elements that are not NaN: see ``sum``."""
    x = astensor(x)
    x = where(isnan(x), 0, x) if x.dtype.kind in "fcV" else x
    return total(x, axis, dtype=dtype, keepdims=keepdims)


def nanmean(x: Any, /, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """Mean of the elements that are not NaN; NaN where there is none: see ``mean``."""
    x = floats(x)
    count = total(cast(logical_not(isnan(x)), x.dtype), axis, keepdims=keepdims)
    return nansum(x, axis, keepdims=keepdims) / count
