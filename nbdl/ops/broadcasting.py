"""Broadcasting and summing: each is the other's gradient."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Movement, Reduction, reduction
from nbdl.ops.movement import reshape
from nbdl.ops.sums import sum_of
from nbdl.shapes import Shape, Spec

__all__ = ["sum", "broadcast_to"]


_view_of = np.ndarray


class Sum(Reduction):
    """Sum of elements along axes."""

    method = "sum"
    onnx = "ReduceSum"
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        if x.dtype.kind in "fc" and x.dtype.itemsize > 2:
            return sum_of(xp, x, self.axis, self.keepdims)
        y = x.sum(axis=self.axis, keepdims=self.keepdims, dtype=dtypes.accumulator(x.dtype))
        return y.astype(x.dtype, copy=False)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return broadcast_to(reshape(dy, self.expanded(x.shape)), x.shape)


@dataclass(frozen=True)
class BroadcastTo(Movement):
    """Axes of size 1 repeated, new ones in front."""

    shape: Shape
    onnx = "Expand"
    computes = False

    def forward(self, xp: Any, x: Any) -> Any:
        shape, mine = self.shape, x.shape
        added = len(shape) - len(mine)
        if added >= 0 and shape[added:] == mine and xp is np:
            try:  # what NumPy's function makes of it in ten times the time
                y = _view_of(shape, x.dtype, x, 0, (0,) * added + x.strides)
            except ValueError:  # there are gaps in x
                return np.broadcast_to(x, shape)
            y.setflags(write=False)
            return y
        return xp.broadcast_to(x, self.shape)

    def infer(self, x: Spec) -> Spec:
        tail = self.shape[len(self.shape) - x.ndim :]
        if x.ndim > len(self.shape) or any(
            n not in (1, m) for n, m in zip(x.shape, tail, strict=True)
        ):
            raise ShapeError(
                f"shape {x.shape} does not broadcast to {self.shape}",
                hint="sizes must be equal or 1, counted from the last axis",
            )
        return Spec(self.shape, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return sum_to(dy, x.shape)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        (x,) = inputs
        added = (1,) * (len(self.shape) + 1 - x.ndim)
        return broadcast_to(reshape(x, (x.shape[0], *added, *x.shape[1:])),
                            (x.shape[0], *self.shape))


def sum(
    x: Any, /, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Tensor:
    """Sum of elements along ``axis`` (an int, several, or None for all).

    x: (...) -> y: without those axes. Integers and bools sum in int64; ``dtype`` casts first.
    """
    x = astensor(x)
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    elif x.dtype.kind in "ib":
        x = cast(x, dtypes.int64)
    elif x.dtype.kind == "u":
        x = cast(x, dtypes.uint64)
    return reduction(Sum, axis, x.ndim, keepdims)(x)


def sum_to(x: Tensor, shape: Shape) -> Tensor:
    """Sum a broadcast result back to ``shape``."""
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1
    )
    y = Sum(axes, False)(x) if axes else x
    return y if y.shape == tuple(shape) else reshape(y, shape)


def broadcast_to(x: Any, /, shape: Sequence[int]) -> Tensor:
    """``x`` repeated along axes of size 1, and new ones in front.  x: (...) -> y: ``shape``."""
    if type(x) is not Tensor:
        x = astensor(x)
    wanted = shape if type(shape) is tuple else tuple(shape)
    return x if x.value.shape == wanted else _repeating(wanted)(x)


@functools.lru_cache(maxsize=1024)
def _repeating(shape: Shape) -> BroadcastTo:
    """The operation for a shape; the usual ones are made once and kept."""
    return BroadcastTo(shape)


METHODS = {"broadcast_to": broadcast_to}
