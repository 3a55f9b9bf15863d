"""Choosing and placing elements along an axis by integer index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Indexing
from nbdl.ops.indexing import PutItem
from nbdl.ops.masks import known
from nbdl.ops.movement import flatten, reshape
from nbdl.ops.taking import Place, Take
from nbdl.shapes import Spec, broadcast_shapes, normalize_axis

__all__ = [
    "take",
    "index_select",
    "take_along_axis",
    "gather",
    "scatter",
    "scatter_add",
    "index_add",
    "one_hot",
]


def flat_places(xp: Any, shape: tuple[int, ...], index: Any, axis: int) -> Any:
    """Where the elements lie in the flattened array that ``index`` names along ``axis``."""
    places = index.astype(xp.int64)
    if places.size and places.min() < 0:
        places[places < 0] += shape[axis]
    places *= math.prod(shape[axis + 1 :])
    for i, n in enumerate(index.shape):
        if i != axis:
            offsets = xp.arange(n) * math.prod(shape[i + 1 :])
            places += offsets.reshape(n, *(1,) * (index.ndim - 1 - i))
    return places


def _compiled(name: str, whole: Any, index: Any, part: Any, axis: int) -> bool:
    """Whether ``name`` of backends.indexed did it; whole, and index and part, differ along axis."""
    before, after = index.shape[:axis], index.shape[axis + 1 :]
    if (before, after) != (whole.shape[:axis], whole.shape[axis + 1 :]):
        return False
    run = getattr(backends.indexed(), name)
    return bool(run(*[
        a.reshape(math.prod(before), a.shape[axis], math.prod(after))
        for a in (whole, index.astype(np.int64, copy=False), part)
    ]))  # fmt: skip


def check_sizes(name: str, x: Spec, index: Spec, axis: int, what: str = "x") -> None:
    """Raise ShapeError unless the index has x's rank, and only along the axis more elements."""
    if x.ndim != index.ndim:
        raise ShapeError(
            f"{name} needs {what} and index with equally many axes, got {what} {x.shape} and "
            f"index {index.shape}"
        )
    for i, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)):
        if m > n and i != axis:
            raise ShapeError(
                f"{name} along axis {axis}: index {index.shape} is larger than {what} {x.shape} "
                f"at axis {i}",
                hint="only along the gathered axis may the index be longer",
            )


@dataclass(frozen=True)
class Gather(Indexing):
    """For each place of the index, the element of x there, but at ``index`` along the axis."""

    axis: int
    onnx = "GatherElements"
    saves = ("index",)
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any, index: Any) -> Any:
        if index.size >= backends.LARGE and xp is np:
            y = np.empty(index.shape, x.dtype)
            if _compiled("gather", x, index, y, self.axis):
                return y
        if xp is np:
            check_range("gather", index, x.shape, self.axis)
        return x.reshape(-1).take(flat_places(xp, x.shape, index, self.axis))

    def infer(self, x: Spec, index: Spec) -> Spec:
        check_sizes("gather", x, index, self.axis)
        return Spec(index.shape, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor) -> tuple[Any, ...]:
        return lambda: Spread(self.axis, x.shape)(dy, index), None


@dataclass(frozen=True)
class Spread(Indexing):
    """Zeros of ``shape`` with elements added at ``index`` along an axis: Gather's transpose."""

    axis: int
    shape: tuple[int, ...]
    saves = ("index",)
    axis_fields = ("axis",)
    shape_fields = ("shape",)

    def forward(self, xp: Any, dy: Any, index: Any) -> Any:
        total = xp.zeros(self.shape, dtypes.accumulator(dy.dtype))
        if index.size >= backends.LARGE and xp is np:
            if _compiled("spread", total, index, dy, self.axis):
                return total
            total.fill(0)
        places = flat_places(xp, self.shape, index, self.axis).reshape(-1)
        values = dy.reshape(-1).astype(total.dtype, copy=False)
        backends.add_at(xp, total.reshape(-1), (places,), values)
        return total.astype(dy.dtype, copy=False)

    def infer(self, dy: Spec, index: Spec) -> Spec:
        return Spec(self.shape, dy.dtype)

    def grad(self, dz: Tensor, z: Tensor, dy: Tensor, index: Tensor) -> tuple[Any, ...]:
        return Gather(self.axis)(dz, index), None


@dataclass(frozen=True)
class Scatter(Indexing):
    """x with elements of ``source`` put at ``index`` along an axis."""

    axis: int
    onnx = "ScatterElements"
    saves = ("index",)
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any, index: Any, source: Any) -> Any:
        result = x.flatten()
        part = source[tuple(slice(0, n) for n in index.shape)]
        backends.put_at(xp, result, flat_places(xp, x.shape, index, self.axis), part)
        return result.reshape(x.shape)

    def infer(self, x: Spec, index: Spec, source: Spec) -> Spec:
        check_sizes("scatter", x, index, self.axis)
        check_sizes("scatter", source, index, -1, "source")
        return x

    def grad(
        self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor, source: Tensor
    ) -> tuple[Any, ...]:
        def kept() -> Tensor:
            nothing = broadcast_to(astensor(0, like=dy), index.shape)
            return Scatter(self.axis)(dy, index, nothing)

        return kept, None, lambda: _grown(Gather(self.axis)(dy, index), source.shape)


@dataclass(frozen=True)
class ScatterAdd(Indexing):
    """x with elements of ``source`` added at ``index`` along an axis."""

    axis: int
    saves = ("index",)
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any, index: Any, source: Any) -> Any:
        total = x.flatten().astype(dtypes.accumulator(x.dtype), copy=False)
        part = source[tuple(slice(0, n) for n in index.shape)]
        places = flat_places(xp, x.shape, index, self.axis).reshape(-1)
        backends.add_at(xp, total, (places,), part.reshape(-1).astype(total.dtype, copy=False))
        return total.reshape(x.shape).astype(x.dtype, copy=False)

    def infer(self, x: Spec, index: Spec, source: Spec) -> Spec:
        check_sizes("scatter_add", x, index, self.axis)
        check_sizes("scatter_add", source, index, -1, "source")
        return x

    def grad(
        self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor, source: Tensor
    ) -> tuple[Any, ...]:
        return dy, None, lambda: _grown(Gather(self.axis)(dy, index), source.shape)


def _grown(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros after the end of each axis, up to ``shape``."""
    if x.shape == shape:
        return x
    return PutItem(tuple((0, n, None) for n in x.shape), shape)(x)


# ----- doors ----------------------------------------------------------------------------------


def check_range(name: str, index: np.ndarray, shape: tuple[int, ...], axis: int) -> None:
    """Raise IndexRangeError for an index past the axis; negative ones count from the end."""
    if not index.size:
        return
    size = shape[axis] if shape else 1
    low, high = int(index.min()), int(index.max())
    if low < -size or high >= size:
        raise IndexRangeError(
            f"{name}: index {low if low < -size else high} is out of range for axis {axis} "
            f"of size {size} (tensor of shape {shape})",
            hint=f"indices from {-size} to {size - 1}" if size else "the axis is empty",
        )


def _index(name: str, x: Tensor, index: Any, axis: int, check: bool = True) -> Tensor:
    """An index tensor on x's device: integers, with ``check`` those in range."""
    given = astensor(index)
    if isinstance(index, (list, tuple)) and not given.size:
        given = cast(given, dtypes.int64)
    if given.dtype.kind not in "iu":
        raise DtypeError(
            f"{name} needs an index of integers, got {given.dtype}",
            hint="index.to('int64'); a bool mask selects with x[mask]",
        )
    if check and type(given.value) is np.ndarray:
        check_range(name, given.value, x.shape, axis)
    return given if given.device in (x.device, "meta") or x.device == "meta" else given.to(x.device)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """Slices along ``axis`` by index; without ``axis`` of the flattened elements.

    x: (A, B, C), indices: (n,), axis=1 -> y: (A, n, C); more axes of indices come in place of
    the axis. Raises IndexRangeError, DtypeError.
    """
    x = astensor(x)
    if axis is None:
        x, axis = flatten(x), 0
    place = normalize_axis(axis, x.ndim)
    if x.ndim == 0:
        x = reshape(x, (1,))
    return Take(place)(x, _index("take", x, indices, place))


def index_select(x: Any, axis: int, index: Any) -> Tensor:
    """Slices along ``axis`` by a vector of indices (PyTorch's).  x: (A, B), (n,) -> (A, n)."""
    index = astensor(index)
    if index.ndim > 1:
        raise ShapeError(f"index_select needs a vector as index, got shape {index.shape}")
    return take(x, reshape(index, (index.size,)), axis=axis)


def take_along_axis(x: Any, indices: Any, /, axis: int = -1) -> Tensor:
    """For each place, the element at ``indices`` along ``axis`` (array API).

    x, indices: shapes that broadcast but for the axis -> y: indices' size along the axis.
    """
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    index = _index("take_along_axis", x, indices, place, check=False)  # Gather does it
    if index.ndim != x.ndim:
        raise ShapeError(
            f"take_along_axis needs x and indices with equally many axes, got x {x.shape} and "
            f"indices {index.shape}"
        )
    others = broadcast_shapes(
        *(tuple(1 if i == place else n for i, n in enumerate(t.shape)) for t in (x, index)),
        what="take_along_axis: x and indices (but for the axis)",
    )
    wide = [
        broadcast_to(t, tuple(t.shape[i] if i == place else n for i, n in enumerate(others)))
        for t in (x, index)
    ]
    return Gather(place)(*wide)


def gather(x: Any, axis: int, index: Any) -> Tensor:
    """For each place of ``index``, x's element there, at ``index`` along ``axis`` (PyTorch's).

    x: (A, B), index: (a <= A, n), axis=1 -> y: (a, n) with y[i, j] = x[i, index[i, j]].
    """
    return _by_index(Gather, "gather", x, axis, index)


def scatter(x: Any, axis: int, index: Any, source: Any) -> Tensor:
    """x with ``source`` put at ``index`` along ``axis`` (PyTorch's); source may be a number.

    x: (A, B), index: (a, n), source: at least (a, n) -> y: (A, B) with
    y[i, index[i, j]] = source[i, j] for axis=1; one of them where places repeat.
    """
    return _by_index(Scatter, "scatter", x, axis, index, source)


def scatter_add(x: Any, axis: int, index: Any, source: Any) -> Tensor:
    """x with ``source`` added at ``index`` along ``axis``: see ``scatter``."""
    return _by_index(ScatterAdd, "scatter_add", x, axis, index, source)


def _by_index(
    op: Any, name: str, x: Any, axis: int, index: Any, source: Any = None
) -> Tensor:
    """The common preamble of gather and scatter: sizes and ranges checked."""
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    shape = x.shape
    index = _index(name, x, index, place, check=op is not Gather)  # which does it itself
    inputs = [x, index]
    if source is not None:
        given = cast(astensor(source, like=x), x.dtype)
        number = isinstance(source, (int, float, complex))
        inputs.append(broadcast_to(given, index.shape) if number else given)
    if not shape:
        inputs = [reshape(t, (1,)) if t.ndim == 0 else t for t in inputs]
    op(place).infer(*(t.spec for t in inputs))
    y = op(place)(*inputs)
    if shape:
        return y
    return reshape(y, index.shape if op is Gather else ())


def index_add(x: Any, axis: int, index: Any, source: Any, *, alpha: float = 1) -> Tensor:
    """x with slices of ``source`` (times ``alpha``) added along ``axis`` at a vector of places.

    x: (A, B), axis=0, index: (n,), source: (n, B) -> y: (A, B). Raises ShapeError.
    """
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    index = _index("index_add", x, index, place)
    source = cast(astensor(source, like=x), x.dtype)
    if alpha != 1:
        source = source * alpha
    if x.ndim == 0:
        return x + source.sum()
    expected = (*x.shape[:place], index.size, *x.shape[place + 1 :])
    if source.shape != expected or index.ndim > 1:
        raise ShapeError(
            f"index_add along axis {place}: index {index.shape} and x {x.shape} need a source "
            f"of shape {expected}, got {source.shape}"
        )
    return x + Place(place, x.shape)(source, reshape(index, (index.size,)))


def one_hot(x: Any, num_classes: int = -1, *, dtype: Any = None) -> Tensor:
    """A 1 at each class and 0 elsewhere (PyTorch's).

    x: (...) integers -> y: (..., num_classes), int64 unless ``dtype``; -1: the largest + 1.
    Raises IndexRangeError for a class that is not in 0..num_classes-1.
    """
    x = astensor(x)
    if x.dtype.kind not in "iu":
        raise DtypeError(f"one_hot needs integer classes, got {x.dtype}", hint="x.to('int64')")
    if num_classes == -1:
        known("one_hot without num_classes", x)
        if not x.size:
            raise ArgumentError("one_hot of an empty tensor needs num_classes")
        num_classes = int(x.max()) + 1
    if num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes={num_classes} must be positive")
    if backends.has_data(x.value) and x.size:
        low, high = int(x.min()), int(x.max())
        if low < 0 or high >= num_classes:
            raise IndexRangeError(
                f"one_hot: class {low if low < 0 else high} is not in 0..{num_classes - 1}"
            )
    classes = astensor(np.arange(num_classes)).to(device=None if x.device == "meta" else x.device)
    return cast(reshape(x, (*x.shape, 1)) == classes, dtypes.as_dtype(dtype or dtypes.int64))


METHODS = {
    "take": take,
    "index_select": index_select,
    "take_along_axis": take_along_axis,
    "gather": gather,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "index_add": index_add,
}
