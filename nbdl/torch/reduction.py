"""PyTorch's reductions: ``dim`` and ``keepdim``; max, min, sort … along an axis give pairs."""

from __future__ import annotations

from typing import Any, NamedTuple

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.conversion import astensor
from nbdl.torch.naming import door


class ValuesIndices(NamedTuple):
    """The values chosen along an axis, and where they stood."""

    values: Tensor
    indices: Tensor


def _extreme(kind: str, x: Any, dim: Any, keepdim: bool) -> Any:
    """``max``/``min``: of all, of two tensors, or along an axis with the places."""
    x = astensor(x)
    if dim is None:
        return door(kind)(x)
    if isinstance(dim, Tensor):
        return door(f"{kind}imum")(x, dim)
    indices = door(f"arg{kind}")(x, axis=dim, keepdims=True)
    values = door("take_along_axis")(x, indices, axis=dim)
    if keepdim:
        return ValuesIndices(values, indices)
    return ValuesIndices(door("squeeze")(values, axis=dim), door("squeeze")(indices, axis=dim))


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim`` (values, indices); with a tensor, the larger of two."""
    return _extreme("max", input, dim, keepdim)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim`` (values, indices); with a tensor, the smaller of two."""
    return _extreme("min", input, dim, keepdim)


def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest elements along ``dim``, one axis or several."""
    return door("max")(input, axis=_axes(dim), keepdims=keepdim)


def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest elements along ``dim``, one axis or several."""
    return door("min")(input, axis=_axes(dim), keepdims=keepdim)


def _axes(dim: Any) -> Any:
    """No axes mean all of them."""
    if isinstance(dim, (tuple, list)):
        return tuple(dim) or None
    return dim


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """PyTorch's older words: ``std(unbiased)`` and ``std(dim, unbiased)``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return _axes(dim), correction


def var(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Tensor:  # fmt: skip
    """The variance, divided by n - 1 unless ``correction=0`` (``unbiased=False``)."""
    axis, correction = _correction(dim, unbiased, correction)
    return door("var")(input, axis=axis, keepdims=keepdim, correction=correction)


def std(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Tensor:  # fmt: skip
    """The standard deviation, divided by n - 1 unless ``correction=0`` (``unbiased=False``)."""
    axis, correction = _correction(dim, unbiased, correction)
    return door("std")(input, axis=axis, keepdims=keepdim, correction=correction)


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements; with ``dim`` (values, indices)."""
    x = astensor(input)
    flat = door("reshape")(x, (-1,)) if dim is None else x
    axis = 0 if dim is None else dim
    order = door("argsort")(flat, axis=axis)
    middle = (flat.shape[axis] - 1) // 2
    chosen = door("take")(order, astensor([middle]), axis=axis)
    values = door("take_along_axis")(flat, chosen, axis=axis)
    if dim is None:
        return values[0]
    if keepdim:
        return ValuesIndices(values, chosen)
    return ValuesIndices(door("squeeze")(values, axis=axis), door("squeeze")(chosen, axis=axis))


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in rising order along ``dim``."""
    x = astensor(input)
    if x.ndim == 0:
        return ValuesIndices(x, door("zeros_like")(x, dtype="int64"))
    indices = door("argsort")(x, axis=dim, descending=descending, stable=True)
    return ValuesIndices(door("take_along_axis")(x, indices, axis=dim), indices)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along ``dim``."""
    return sort(input, dim, descending, stable).indices


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest (or smallest) along ``dim``, in order."""
    return ValuesIndices(*door("topk")(input, k, axis=dim, largest=largest))


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """(value, index) of the k-th smallest along ``dim``, counted from 1."""
    return ValuesIndices(*door("kthvalue")(input, k, axis=dim, keepdims=keepdim))


def cummax(input: Any, dim: int) -> Any:
    """(values, indices) of the largest so far along ``dim``."""
    return ValuesIndices(*door("cummax")(input, dim))


def cummin(input: Any, dim: int) -> Any:
    """(values, indices) of the smallest so far along ``dim``."""
    return ValuesIndices(*door("cummin")(input, dim))


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
    """The p-norm of the elements; ``"fro"`` is 2."""
    order = float(p) if isinstance(p, str) and p != "fro" else p
    return door("norm")(input, order, axis=_axes(dim), keepdims=keepdim)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Indices of elements that are not 0.  -> y: (count, axes), or a tuple of vectors."""
    places = door("nonzero")(input)
    return places if as_tuple else door("stack")(list(places), axis=1)


def unique(input: Any, sorted: bool = True, return_inverse: bool = False,
           return_counts: bool = False) -> Any:  # fmt: skip
    """The different elements in rising order, with inverse places and counts if asked for."""
    values, _, inverse, counts = door("unique_all")(input)
    extra = (inverse,) * return_inverse + (counts,) * return_counts
    return (values, *extra) if extra else values


def std_mean(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``std`` and ``mean`` together."""
    axis, correction = _correction(dim, unbiased, correction)
    return door("std_mean")(input, axis=axis, keepdims=keepdim, correction=correction)


def var_mean(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``var`` and ``mean`` together."""
    axis, correction = _correction(dim, unbiased, correction)
    return door("var_mean")(input, axis=axis, keepdims=keepdim, correction=correction)


def quantile(input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
             interpolation: str = "linear") -> Tensor:  # fmt: skip
    """The values below which the parts ``q`` (a number or a vector) lie."""
    if interpolation != "linear":
        raise ArgumentError(f'quantile: interpolation={interpolation!r} is not possible',
                            hint='interpolation="linear"')  # fmt: skip
    parts = astensor(q)
    found = [door("quantile")(input, float(part), axis=dim, keepdims=keepdim)
             for part in parts.reshape(-1).tolist()]  # fmt: skip
    return door("stack")(found) if parts.ndim else found[0]
