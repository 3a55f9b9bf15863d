"""Elements that come to one place combined: sum, product, mean, largest, smallest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError, unknown
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Indexing
from nbdl.ops.gathering import Gather, check_sizes, flat_places, gather, scatter_add
from nbdl.ops.movement import reshape
from nbdl.ops.placing import places
from nbdl.ops.selection import where
from nbdl.shapes import Spec, normalize_axis

__all__ = ["index_reduce", "scatter_reduce"]

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@dataclass(frozen=True)
class _ScatterReduce(Indexing, abstract=True):
    """x combined with elements of ``source`` at ``index`` along an axis."""

    axis: int
    axis_fields = ("axis",)
    saves = ("y", "x", "index", "source")
    ufunc = ""

    def forward(self, xp: Any, x: Any, index: Any, source: Any) -> Any:
        y = x.flatten()
        places = flat_places(xp, x.shape, index, self.axis)
        backends.combine_at(xp, self.ufunc, y, places.reshape(-1), source.reshape(-1))
        return y.reshape(x.shape)

    def infer(self, x: Spec, index: Spec, source: Spec) -> Spec:
        check_sizes("scatter_reduce", x, index, self.axis)
        return x

    def _added(self, like: Tensor, index: Tensor, source: Tensor) -> Tensor:
        return scatter_add(like, self.axis, index, source)


class _ScatterExtreme(_ScatterReduce, abstract=True):
    """The largest or the smallest; equal ones share the gradient."""

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor, source: Tensor) -> Any:
        here = cast(x == y, dy.dtype)
        there = cast(source == Gather(self.axis)(y, index), dy.dtype)
        part = dy / self._added(here, index, there)
        return part * here, None, lambda: Gather(self.axis)(part, index) * there


class ScatterMax(_ScatterExtreme):
    """The largest of x and what comes to its place."""

    ufunc = "maximum"


class ScatterMin(_ScatterExtreme):
    """The smallest of x and what comes to its place."""

    ufunc = "minimum"


class ScatterProd(_ScatterReduce):
    """The product of x and what comes to its place."""

    ufunc = "multiply"

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor, source: Tensor) -> Any:
        # Factors that are 0 are counted apart, so that nothing is divided by 0.
        x0, s0 = x == 0, source == 0
        x1, s1 = where(x0, 1, x), where(s0, 1, source)
        zeros = self._added(cast(x0, dy.dtype), index, cast(s0, dy.dtype))
        others = dy * ScatterProd(self.axis)(x1, index, s1)

        def share(zero: Tensor, value: Tensor, count: Tensor, rest: Tensor) -> Tensor:
            alone, none = where(count == 1, rest, 0), where(count == 0, rest / value, 0)
            return where(zero, alone, none)

        def to_source() -> Tensor:
            taken = Gather(self.axis)
            return share(s0, s1, taken(zeros, index), taken(others, index))

        return share(x0, x1, zeros, others), None, to_source


def scatter_reduce(
    x: Any, /, axis: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Tensor:
    """x with elements of ``source`` combined at ``index`` along ``axis`` (PyTorch's).

    Args:
        x, axis, index, source: as for ``scatter``.
        reduce: "sum", "prod", "mean", "amax" or "amin" of all that come to one place.
        include_self: whether x's own element counts among them.

    Equal largest (smallest) elements share the gradient. Raises ArgumentError, ShapeError.
    """
    x = astensor(x)
    if reduce not in REDUCTIONS:
        raise unknown("reduce", reduce, REDUCTIONS)
    place = normalize_axis(axis, x.ndim)
    shape, index = x.shape, astensor(index)
    source = cast(astensor(source, like=x), x.dtype)
    if not shape:
        x, index, source = (reshape(t, (1,)) if t.ndim == 0 else t for t in (x, index, source))
    check_sizes("scatter_reduce", source.spec, index.spec, -1, "source")
    if source.shape != index.shape:
        source = source[tuple(slice(n) for n in index.shape)]
    ones = broadcast_to(astensor(1, like=x), index.shape)
    counts = scatter_add(x.detach() * 0, place, index, ones)
    start = x if include_self else where(counts > 0, _neutral(reduce, x.dtype), x)
    y = _combined(start, place, index, source, reduce)
    if reduce == "mean":
        total = counts + 1 if include_self else where(counts == 0, 1, counts)
        y = y / total if y.dtype.kind in "fcV" else y // total
    return reshape(y, shape)


def _neutral(reduce: str, dtype: np.dtype) -> Any:
    """What leaves a combination as it is."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return int(limits.min if reduce == "amax" else limits.max)
    return -np.inf if reduce == "amax" else np.inf


def _combined(x: Tensor, axis: int, index: Tensor, source: Tensor, reduce: str) -> Tensor:
    if reduce in ("sum", "mean"):
        return scatter_add(x, axis, index, source)
    gather(x, axis, index)  # its checks of sizes and range
    rule = {"prod": ScatterProd, "amax": ScatterMax, "amin": ScatterMin}[reduce]
    return rule(axis)(x, index, source)


def index_reduce(
    x: Any, /, axis: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Tensor:
    """x with slices of ``source`` combined at a vector of places: see ``scatter_reduce``.

    x: (A, B), axis=0, index: (n,), source: (n, B) -> y: (A, B). ``reduce``: not "sum"
    (``index_add`` does that).
    """
    if reduce not in REDUCTIONS[1:]:
        raise unknown("reduce", reduce, REDUCTIONS[1:])
    x = astensor(x)
    place, index = places("index_reduce", x, axis, index)
    source = astensor(source, like=x)
    expected = (*x.shape[:place], index.size, *x.shape[place + 1 :]) if x.ndim else source.shape
    if source.shape != expected:
        raise ShapeError(f"index_reduce needs a source of shape {expected}, got {source.shape}")
    sizes = tuple(index.size if i == place else 1 for i in range(max(x.ndim, 1)))
    wide = broadcast_to(reshape(index, sizes), source.shape or (1,))
    return scatter_reduce(x, axis, wide, source, reduce, include_self=include_self)


METHODS = {"index_reduce": index_reduce, "scatter_reduce": scatter_reduce}
