"""Sorting, and what is found in sorted order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.families import require_kind, require_real
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.masks import known
from nbdl.ops.movement import flatten, reshape
from nbdl.ops.searching import Search
from nbdl.shapes import Spec, normalize_axis

__all__ = [
    "sort",
    "argsort",
    "topk",
    "kthvalue",
    "median",
    "quantile",
    "unique",
    "unique_values",
    "unique_counts",
    "unique_inverse",
    "unique_all",
    "isin",
    "bincount",
]


@dataclass(frozen=True)
class Argsort(Search):
    """Places of the elements in order along an axis; stable, NaN is the largest."""

    axis: int
    descending: bool = False
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        if not self.descending:
            return xp.argsort(x, axis=self.axis, kind="stable").astype(xp.int64, copy=False)
        turned = xp.argsort(xp.flip(x, self.axis), axis=self.axis, kind="stable")
        return xp.flip(x.shape[self.axis] - 1 - turned, self.axis).astype(xp.int64, copy=False)

    def infer(self, x: Spec) -> Spec:
        require_kind("sort", "biuf", x)
        return Spec(x.shape, dtypes.int64)


@dataclass(frozen=True)
class Argtopk(Search):
    """Places of the k largest (smallest) elements along the last axis, best first."""

    k: int
    largest: bool = True

    def forward(self, xp: Any, x: Any) -> Any:
        n = x.shape[-1]
        if self.k * 4 >= n or (x.dtype.kind == "f" and bool(xp.isnan(x).any())):
            return Argsort(x.ndim - 1, self.largest).forward(xp, x)[..., : self.k]
        best = xp.argpartition(x, n - self.k if self.largest else self.k, axis=-1)
        best = xp.sort(best[..., n - self.k :] if self.largest else best[..., : self.k], axis=-1)
        chosen = xp.take_along_axis(x, best, axis=-1)
        order = Argsort(x.ndim - 1, self.largest).forward(xp, chosen)
        return xp.take_along_axis(best, order, axis=-1).astype(xp.int64, copy=False)

    def infer(self, x: Spec) -> Spec:
        require_kind("topk", "biuf", x)
        return Spec((*x.shape[:-1], self.k), dtypes.int64)


def argsort(x: Any, /, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """Places of the elements in order along ``axis``; NaN is the largest.

    x: (...) -> y: (...), int64. Always stable: equal elements keep their order.
    """
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    if x.ndim == 0:
        return cast(x * 0, dtypes.int64)
    require_real("sort", x)
    return Argsort(place, descending)(x)


def sort(x: Any, /, axis: int = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along ``axis``; NaN is the largest.  x: (...) -> y: (...).

    Stable; the gradient goes back to where each element came from. ``argsort`` gives places.
    """
    x = astensor(x)
    if x.ndim == 0:
        normalize_axis(axis, 0)
        return x
    return take_along_axis(x, argsort(x, axis, descending=descending), axis)


def topk(
    x: Any, /, k: int, axis: int = -1, *, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    """The ``k`` largest (smallest) elements along ``axis``, best first, and their places.

    x: (..., n) -> values, int64 indices: (..., k). Raises ArgumentError unless 0 <= k <= n.
    """
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    n = x.shape[place] if x.ndim else 1
    if not 0 <= k <= n:
        raise ArgumentError(
            f"topk: k={k} is out of range for axis {place} of size {n} (shape {x.shape})",
            hint=f"k from 0 to {n}",
        )
    if x.ndim == 0:
        return (x, cast(x * 0, dtypes.int64)) if k else (x[None][:0], cast(x[None][:0], "int64"))
    index = Argtopk(k, largest)(x.swapaxes(place, -1)).swapaxes(place, -1)
    return take_along_axis(x, index, place), index


def kthvalue(
    x: Any, /, k: int, axis: int = -1, *, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """The k-th smallest element along ``axis`` (counted from 1), and its place."""
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    n = x.shape[place] if x.ndim else 1
    if not 1 <= k <= n:
        raise ArgumentError(
            f"kthvalue: k={k} is out of range for axis {place} of size {n}", hint=f"1 to {n}"
        )
    if x.ndim == 0:
        return x, cast(x * 0, dtypes.int64)
    index = argsort(x, place)[(slice(None),) * place + (slice(k - 1, k),)]
    value = take_along_axis(x, index, place)
    return (value, index) if keepdims else (value.squeeze(place), index.squeeze(place))


def median(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The middle element along ``axis``, the mean of two when their number is even (NumPy's).

    x: (...) -> y: without the axis, a float dtype. NaN when one is NaN.
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)


def quantile(
    x: Any, q: float, /, axis: int | None = None, *, keepdims: bool = False
) -> Tensor:
    """The value below which a part ``q`` lies along ``axis``, by linear interpolation.

    x: (...) -> y: without the axis, a float dtype. Raises ArgumentError for q not in [0, 1].
    """
    x = floats(x)
    if not 0 <= q <= 1:
        raise ArgumentError(f"quantile: q={q} must be from 0 to 1")
    rank = x.ndim
    if axis is None:
        x, axis = flatten(x) if rank else reshape(x, (1,)), 0
    place = normalize_axis(axis, x.ndim)
    n = x.shape[place]
    if n == 0:
        raise ShapeError(f"quantile of a tensor of shape {x.shape}: there are no elements")
    ordered = sort(x, place)
    low = int(np.floor(q * (n - 1)))
    weight = q * (n - 1) - low
    inner = (slice(None),) * place
    a = ordered[(*inner, slice(low, low + 1))]
    if weight:
        b = ordered[(*inner, slice(low + 1, low + 2))]
        a = a + (b - a) * weight
    last = ordered[(*inner, slice(n - 1, n))]
    a = a + (last - last)  # NaN sorts last, and makes the whole NaN
    if not keepdims:
        return a.squeeze(place)
    return a if a.ndim == rank else reshape(a, (1,) * rank)


class UniqueAll(NamedTuple):
    """What ``unique_all`` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` gives."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Any, /) -> UniqueAll:
    """The different values in order; first places; x in terms of them; how often each comes.

    x: (...) -> values, indices, counts: (n,), inverse_indices: (...). Every NaN is different.
    """
    x = astensor(x)
    known("unique", x)
    xp = backends.namespace(x.value)
    flat = x.value.reshape(-1)
    options = {} if xp is not np else {"equal_nan": False}
    values, indices, inverse, counts = xp.unique(
        flat, return_index=True, return_inverse=True, return_counts=True, **options
    )
    parts = (values, indices, inverse.reshape(x.shape), counts)
    return UniqueAll(*(Tensor._wrap(xp.asarray(p)) for p in parts))


def unique_values(x: Any, /) -> Tensor:
    """The different values of x, in order.  x: (...) -> y: (n,)."""
    return unique_all(x).values


def unique_counts(x: Any, /) -> UniqueCounts:
    """The different values of x, and how often each comes."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The different values of x, and x in terms of their places."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique(
    x: Any, /, *, return_inverse: bool = False, return_counts: bool = False
) -> Any:
    """The different values of x in order (PyTorch's); with their places and counts on request.

    x: (...) -> values: (n,), inverse: (...), counts: (n,).
    """
    found = unique_all(x)
    parts = [found.values]
    if return_inverse:
        parts.append(found.inverse_indices)
    if return_counts:
        parts.append(found.counts)
    return tuple(parts) if len(parts) > 1 else parts[0]


def isin(x: Any, values: Any, /, *, invert: bool = False) -> Tensor:
    """Whether each element of x is among ``values``.  x: (...), values: any -> y: (...), bool."""
    x, values = promote(x, values)
    table = reshape(values, (1,) * x.ndim + (values.size,))
    found = (reshape(x, (*x.shape, 1)) == table).any(-1)
    return found.logical_not() if invert else found


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … comes, or the sum of its weights.

    x: (n,) integers, not negative -> y: (largest + 1,), at least ``minlength``.
    """
    x = astensor(x)
    known("bincount", x)
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and int(x.min()) < 0):
        raise ArgumentError(
            f"bincount needs a vector of integers that are not negative, got {x.dtype} of shape "
            f"{x.shape}" + (f" with {int(x.min())}" if x.size and x.dtype.kind in "iu" else "")
        )
    xp = backends.namespace(x.value)
    scale = None if weights is None else astensor(weights).value
    if scale is None or xp is np:
        return Tensor._wrap(xp.bincount(x.value, weights=scale, minlength=minlength))
    size = max(minlength, int(x.value.max()) + 1 if x.size else 0)
    total = xp.zeros(size, xp.float64)
    backends.add_at(xp, total, (x.value,), scale.astype(total.dtype, copy=False))
    return Tensor._wrap(total)


METHODS = {
    "sort": sort,
    "argsort": argsort,
    "topk": topk,
    "median": median,
    "quantile": quantile,
    "unique": unique,
}
