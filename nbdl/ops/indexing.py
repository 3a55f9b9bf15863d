"""Choosing and placing elements by index."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.lifted import Lifted
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError, TraceError
from nbdl.ops.batching import one_by_one
from nbdl.ops.broadcasting import broadcast_to, sum_to
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.creation import ones
from nbdl.ops.families import Indexing
from nbdl.ops.movement import flip, reshape
from nbdl.ops.padding import Pad
from nbdl.ops.ranges import arange
from nbdl.ops.selection import where
from nbdl.ops.taking import Place, Take
from nbdl.shapes import Shape, Spec

# An index is split in two: its static part is a field of the operation, where arrays of
# integers or bools are marked with their number, and those arrays are inputs of the operation.


@dataclass(frozen=True)
class ArrayIndex:
    """The place of the ``number``-th index array in an index."""

    number: int


Static = int | slice | None | EllipsisType | ArrayIndex


def _filled(index: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index with its arrays put back in their places."""
    return tuple(
        arrays[i.number] if isinstance(i, ArrayIndex) else slice(*i) if type(i) is tuple else i
        for i in index
    )


def _shape_of(x: Spec, index: tuple[Any, ...], arrays: tuple[Spec, ...]) -> tuple[int, ...]:
    """The result's shape, by NumPy's own rule on an array that takes no memory."""
    if any(a.dtype == dtypes.bool for a in arrays):
        raise ArgumentError(
            "the shape of x[mask] depends on the mask's values, which are not known while only "
            "shapes are computed",
            hint="where(mask, x, 0) keeps the shape",
        )
    empty = np.broadcast_to(np.zeros((), np.int8), x.shape)
    zeros = tuple(np.broadcast_to(np.zeros((), np.int64), a.shape) for a in arrays)
    if 0 in x.shape and zeros:
        empty = np.broadcast_to(np.zeros((), np.int8), tuple(max(n, 1) for n in x.shape))
    return empty[_filled(index, zeros)].shape


_EVERY = ((None, None, None),)
"""The slice ``:`` as an index's static part says it: what ``vmap`` puts in front."""


def _scattered(index: tuple[Any, ...]) -> bool:
    """Whether NumPy moves the axes of the index arrays to the front: a slice lies between them."""
    places = [i for i, item in enumerate(index) if isinstance(item, (int, ArrayIndex))]
    arrays = any(isinstance(item, ArrayIndex) for item in index)
    return arrays and places[-1] - places[0] + 1 != len(places)


def _box(index: tuple[Any, ...], shape: Shape) -> list[range] | None:
    """The places along each axis that an index takes; None when index arrays say it."""
    named: list[Any] = [item for item in index if item is not None]
    if any(isinstance(item, ArrayIndex) for item in named):
        return None
    at = next((i for i, item in enumerate(named) if item is Ellipsis), len(named))
    rest = len(shape) - len(named) + (at < len(named))
    named[at : at + 1] = _EVERY * rest
    return [
        range(n)[slice(*item)] if type(item) is tuple else range(item % n, item % n + 1)
        for item, n in zip(named, shape, strict=True)
    ]


def _taken(index: tuple[Any, ...], ndim: int, arrays: tuple[Tensor, ...]) -> int | None:
    """The axis from which one array of integers takes whole slices; None for another index."""
    if len(arrays) != 1 or arrays[0].dtype == dtypes.bool:
        return None
    at = next(i for i, item in enumerate(index) if isinstance(item, ArrayIndex))
    if any(item not in (*_EVERY, ...) for item in (*index[:at], *index[at + 1 :])):
        return None
    return at + ndim - len(index) if ... in index[:at] else at


def _framed(x: Tensor, box: list[range], shape: Shape) -> Tensor | None:
    """Zeros of ``shape`` with x in a box whose steps are 1 or -1; None for other steps."""
    if any(abs(places.step) != 1 and len(places) > 1 for places in box):
        return None
    backwards = tuple(a for a, places in enumerate(box) if len(places) > 1 and places.step < 0)
    x = reshape(x, tuple(len(places) for places in box))
    x = flip(x, backwards) if backwards else x
    first = [min(places) if len(places) else 0 for places in box]
    widths = [(a, n - a - len(p)) for a, n, p in zip(first, shape, box, strict=True)]
    return Pad(tuple(widths))(x) if any(a or b for a, b in widths) else x


@dataclass(frozen=True)
class GetItem(Indexing):
    """x[index]; the second and further inputs are the index's arrays."""

    index: tuple[Any, ...]
    saves = ("arrays",)
    computes = False

    def forward(self, xp: Any, x: Any, *arrays: Any) -> Any:
        return x[_filled(self.index, arrays) if arrays else self.place]

    @functools.cached_property
    def place(self) -> tuple[Any, ...]:
        """The index as NumPy takes it, where it has no arrays."""
        return _filled(self.index, ())

    def decompose(self, x: Tensor, *arrays: Tensor) -> Tensor | None:
        axis = _taken(self.index, x.ndim, arrays)
        return None if axis is None else Take(axis)(x, *arrays)

    def infer(self, x: Spec, *arrays: Spec) -> Spec:
        return Spec(_shape_of(x, self.index, arrays), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, *arrays: Tensor) -> tuple[Any, ...]:
        return (
            lambda: PutItem(self.index, x.shape)(dy, *arrays),
            *(None for _ in arrays),
        )

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        for a, m in zip(inputs[1:], mine[1:], strict=True):
            if m and a.dtype == dtypes.bool:
                raise TraceError(
                    "x[mask] inside vmap: each example's result would have a size of its own",
                    hint="where(mask, x, 0) keeps the shape",
                )
        if any(mine[1:]) or _scattered(self.index):
            return one_by_one(self, world.count, inputs, mine)
        return GetItem(_EVERY + self.index)(*inputs)


@dataclass(frozen=True)
class PutItem(Indexing):
    """Zeros of ``shape`` with dy added at ``index``: the transpose of GetItem."""

    index: tuple[Any, ...]
    shape: tuple[int, ...]
    saves = ("arrays",)

    def forward(self, xp: Any, dy: Any, *arrays: Any) -> Any:
        total = xp.zeros(self.shape, dtypes.accumulator(dy.dtype))
        index = _filled(self.index, arrays)
        if any(a.dtype != dtypes.bool for a in arrays):
            backends.add_at(xp, total, index, dy.astype(total.dtype, copy=False))
        else:
            total[index] = dy
        return total.astype(dy.dtype, copy=False)

    def decompose(self, dy: Tensor, *arrays: Tensor) -> Tensor | None:
        box = _box(self.index, self.shape)
        if box is not None:
            return _framed(dy, box, self.shape)
        axis = _taken(self.index, len(self.shape), arrays)
        return None if axis is None else Place(axis, self.shape)(dy, *arrays)

    def infer(self, dy: Spec, *arrays: Spec) -> Spec:
        return Spec(self.shape, dy.dtype)

    def grad(self, dz: Tensor, z: Tensor, dy: Tensor, *arrays: Tensor) -> tuple[Any, ...]:
        return (GetItem(self.index)(dz, *arrays), *(None for _ in arrays))

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        if any(mine[1:]) or _scattered(self.index):
            return one_by_one(self, world.count, inputs, mine)
        return PutItem(_EVERY + self.index, (world.count, *self.shape))(*inputs)


@dataclass(frozen=True)
class SetItem(Indexing):
    """x with v at ``index``; the last one wins where an index array names a place twice."""

    index: tuple[Any, ...]
    saves = ("arrays",)

    def forward(self, xp: Any, x: Any, v: Any, *arrays: Any) -> Any:
        result = x.copy()
        index = _filled(self.index, arrays)
        if any(a.dtype != dtypes.bool for a in arrays):  # places that may repeat
            backends.put_at(xp, result, index, v)
        else:
            result[index] = v
        return result

    def decompose(self, x: Tensor, v: Tensor, *arrays: Tensor) -> Tensor | None:
        box = _box(self.index, x.shape)
        if box is None:
            return None
        place = GetItem(self.index).infer(x.spec).shape
        v = reshape(v, v.shape[max(v.ndim - len(place), 0) :])
        framed = _framed(broadcast_to(v, place), box, x.shape)
        inside = _framed(ones(place, dtype=dtypes.bool, device=x.device), box, x.shape)
        return None if framed is None or inside is None else where(inside, framed, x)

    def infer(self, x: Spec, v: Spec, *arrays: Spec) -> Spec:
        if not any(a.dtype == dtypes.bool for a in arrays):
            place = _shape_of(x, self.index, arrays)
            tail = v.shape[max(v.ndim - len(place), 0) :]
            fits = all(n in (1, m) for n, m in zip(tail[::-1], place[::-1], strict=False))
            if not fits or any(n != 1 for n in v.shape[: v.ndim - len(place)]):
                raise ShapeError(
                    f"x[index] = value: the place has shape {place} (x {x.shape}), the value "
                    f"has shape {v.shape}",
                    hint="sizes must be equal or 1, counted from the last axis",
                )
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, v: Tensor, *arrays: Tensor) -> Any:
        zero = astensor(0, like=dy)
        return (
            lambda: SetItem(self.index)(dy, zero, *arrays),
            lambda: _summed(self._reached(dy, x.shape, arrays), v.shape),
            *(None for _ in arrays),
        )

    def _reached(self, dy: Tensor, shape: tuple[int, ...], arrays: tuple[Tensor, ...]) -> Tensor:
        """What of dy comes from v: where places repeat, only the element that stayed counts."""
        taken = GetItem(self.index)(dy, *arrays)
        if not any(a.dtype != dtypes.bool for a in arrays):
            return taken
        numbers = reshape(arange(taken.size), taken.shape).to(dy.device)
        nobody = broadcast_to(astensor(-1, like=numbers), shape)
        stayed = GetItem(self.index)(SetItem(self.index)(nobody, numbers, *arrays), *arrays)
        return where(stayed == numbers, taken, 0)


def _summed(dy: Tensor, shape: Shape) -> Tensor:
    """``sum_to`` for a value that may have axes of size 1 in front that the place lacks."""
    return reshape(sum_to(dy, shape[max(len(shape) - dy.ndim, 0) :]), shape)


_PLAIN = {int, NoneType}


def _parsed(x: Tensor, index: Any) -> tuple[tuple[Any, ...], tuple[Tensor, ...]]:
    """An index as its hashable static part and its arrays."""
    items = index if isinstance(index, tuple) else (index,)
    static: list[Any] = []
    arrays: list[Tensor] = []
    for item in items:
        if type(item) is slice:
            bounds = item.start, item.stop, item.step
            static.append(bounds if _PLAIN.issuperset(map(type, bounds)) else tuple(
                [None if v is None else operator.index(v) for v in bounds]
            ))
        elif item is None or item is Ellipsis:
            static.append(item)
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            static.append(int(item))
        elif _is_number(item):
            static.append(int(item) if type(item.value) is not Spec else 0)
        else:
            static.append(ArrayIndex(len(arrays)))
            arrays.append(_index_array(x, item))
    return tuple(static), tuple(arrays)


def _is_number(item: Any) -> bool:
    """Whether a tensor is one integer that can be read (inside vmap it is many)."""
    whole = isinstance(item, Tensor) and item.ndim == 0 and item.dtype.kind in "iu"
    return whole and not isinstance(item.value, Lifted)


def _index_array(x: Tensor, item: Any) -> Tensor:
    array = astensor(item) if not isinstance(item, bool) else Tensor(np.array(item))
    if isinstance(item, (list, tuple)) and not array.size:
        array = cast(array, dtypes.int64)
    if array.dtype.kind not in "iub":
        raise DtypeError(
            f"a tensor cannot be indexed by {array.dtype} values",
            hint="use integers or bools: index.to('int64')",
        )
    return array if array.device in (x.device, "meta") or x.device == "meta" else array.to(x.device)


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``: integers, slices (negative steps too), None, ..., integer and bool arrays.

    NumPy's rules. Raises IndexRangeError for an index out of range.
    """
    static, arrays = _parsed(x, index)
    _check_range(x, static)
    if not arrays:
        return _view(static)(x)
    return GetItem(static)(x, *_checked(x, static, arrays))


@functools.lru_cache(maxsize=1024)
def _view(static: tuple[Any, ...]) -> GetItem:
    """The operation of an index without arrays; the usual ones are made once and kept."""
    return GetItem(static)


def setitem(x: Tensor, index: Any, value: Any) -> Tensor:
    """A tensor like ``x`` with ``value`` (which broadcasts) at ``index``."""
    static, arrays = _parsed(x, index)
    _check_range(x, static)
    v = cast(astensor(value, like=x), x.dtype)
    arrays = _checked(x, static, arrays)
    y = SetItem(static)(x, v, *arrays)
    if v.ndim and backends.has_data(v.value) and not any(a.dtype == dtypes.bool for a in arrays):
        place = GetItem(static).infer(x.spec, *(a.spec for a in arrays)).shape
        if v.ndim > len(place) and v.size:
            broadcast_to(v, place)
    return y


def _check_range(x: Tensor, static: tuple[Any, ...]) -> None:
    """Raise IndexRangeError for an integer that is out of range, or too many indices."""
    if len(static) <= x.ndim and all([type(i) is tuple for i in static]):
        return  # slices alone, the usual case: those take what there is
    used = sum(1 for i in static if i is not None and i is not Ellipsis)
    if used > x.ndim and not any(isinstance(i, ArrayIndex) for i in static):
        raise IndexRangeError(f"{used} indices for a tensor of shape {x.shape}")
    axis = 0
    for place, item in enumerate(static):
        if item is Ellipsis:
            rest = sum(1 for i in static[place + 1 :] if i is not None)
            axis = x.ndim - rest
            continue
        if type(item) is int and axis < x.ndim and not -x.shape[axis] <= item < x.shape[axis]:
            raise IndexRangeError(
                f"index {item} is out of range for axis {axis} of size {x.shape[axis]}"
                f" (tensor of shape {x.shape})"
            )
        if item is not None:
            axis += 1


def _checked(
    x: Tensor, static: tuple[Any, ...], arrays: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """The index arrays, bools of a wrong shape and integers out of range refused."""
    if len(static) == 1 and len(arrays) == 1 and type(arrays[0].value) is np.ndarray:
        a = arrays[0]
        if a.dtype == dtypes.bool:
            if a.ndim > x.ndim or any(
                m not in (0, n) for m, n in zip(a.shape, x.shape, strict=False)
            ):
                raise IndexRangeError(
                    f"a mask of shape {a.shape} does not fit a tensor of shape {x.shape}",
                    hint="its sizes must be those of the first axes (or 0, which selects nothing)",
                )
        elif a.size and backends.has_data(x.value) and x.ndim:
            low, high = int(a.value.min()), int(a.value.max())
            if low < -x.shape[0] or high >= x.shape[0]:
                raise IndexRangeError(
                    f"index {low if low < -x.shape[0] else high} is out of range for axis 0 of "
                    f"size {x.shape[0]}"
                )
    return arrays
