"""Reshaping, transposing, joining and splitting."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import op as core_op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Movement
from nbdl.shapes import Shape, Spec, normalize_axes, normalize_axis, reshaped

__all__ = [
    "reshape",
    "flatten",
    "ravel",
    "unflatten",
    "squeeze",
    "expand_dims",
    "unsqueeze",
    "atleast_1d",
    "atleast_2d",
    "permute_dims",
    "permute",
    "moveaxis",
    "movedim",
    "swapaxes",
    "transpose",
    "concat",
    "cat",
    "stack",
    "split",
    "chunk",
    "unbind",
    "unstack",
    "flip",
]


_COPIED = 8192
"""Elements from which compiled code puts them into another order faster than NumPy."""


def _is_turned(xp: Any, x: Any) -> bool:
    """Whether reshaping most likely means copying."""
    return xp is np and not x.flags.c_contiguous


@dataclass(frozen=True)
class Reshape(Movement):
    """The same elements, in order, with other sizes."""

    shape: Shape
    onnx = "Reshape"
    computes = False
    shape_fields = ("shape",)

    def forward(self, xp: Any, x: Any) -> Any:
        if x.size >= _COPIED and x.dtype == dtypes.float32 and _is_turned(xp, x):
            copied = core_op.compiled(self, [x])
            if copied is not None:
                return copied
        return x.reshape(self.shape)

    def infer(self, x: Spec) -> Spec:
        return Spec(reshaped(x.shape, self.shape), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return reshape(dy, x.shape)


@dataclass(frozen=True)
class PermuteDims(Movement):
    """The axes in another order."""

    axes: tuple[int, ...]
    onnx = "Transpose"
    computes = False

    def forward(self, xp: Any, x: Any) -> Any:
        return x.transpose(self.axes)

    def infer(self, x: Spec) -> Spec:
        return Spec(tuple(x.shape[a] for a in self.axes), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return permute_dims(dy, tuple(self.axes.index(i) for i in range(len(self.axes))))

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        return PermuteDims((0, *(a + 1 for a in self.axes)))(*inputs)


@dataclass(frozen=True)
class Concat(Movement):
    """Tensors joined along an axis."""

    axis: int
    onnx = "Concat"
    axis_fields = ("axis",)

    def forward(self, xp: Any, *xs: Any) -> Any:
        return xp.concatenate(xs, axis=self.axis)

    def infer(self, *xs: Spec) -> Spec:
        first = xs[0]
        for i, x in enumerate(xs):
            if x.ndim != first.ndim or any(
                a != b and axis != self.axis
                for axis, (a, b) in enumerate(zip(first.shape, x.shape, strict=True))
            ):
                raise ShapeError(
                    f"concat along axis {self.axis}: tensor 0 has shape {first.shape}, tensor "
                    f"{i} has shape {x.shape}",
                    hint="all sizes but that of the joined axis must be equal",
                )
        total = builtins.sum(x.shape[self.axis] for x in xs)
        shape = tuple(total if i == self.axis else n for i, n in enumerate(first.shape))
        return Spec(shape, first.dtype)

    def grad(self, dy: Tensor, y: Tensor, *xs: Tensor) -> tuple[Any, ...]:
        return Split(self.axis, tuple(x.shape[self.axis] for x in xs))(dy)


@dataclass(frozen=True)
class Stack(Movement):
    """Tensors of one shape joined along a new axis."""

    axis: int
    axis_fields = ("axis",)

    def forward(self, xp: Any, *xs: Any) -> Any:
        return xp.stack(xs, axis=self.axis)

    def infer(self, *xs: Spec) -> Spec:
        first = xs[0]
        for i, x in enumerate(xs):
            if x.shape != first.shape:
                raise ShapeError(
                    f"stack: tensor 0 has shape {first.shape}, tensor {i} has shape {x.shape}",
                    hint="stack needs equal shapes; concat joins along an axis that is there",
                )
        shape = (*first.shape[: self.axis], len(xs), *first.shape[self.axis :])
        return Spec(shape, first.dtype)

    def grad(self, dy: Tensor, y: Tensor, *xs: Tensor) -> tuple[Any, ...]:
        return Unbind(self.axis)(dy)


@dataclass(frozen=True)
class Split(Movement):
    """Pieces of given sizes along an axis."""

    axis: int
    sizes: tuple[int, ...]
    onnx = "Split"
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, ...]:
        inner = (slice(None),) * self.axis
        pieces, start = [], 0
        for n in self.sizes:
            pieces.append(x[(*inner, slice(start, start + n))])
            start += n
        return tuple(pieces)

    def infer(self, x: Spec) -> tuple[Spec, ...]:
        return tuple(
            Spec(tuple(n if i == self.axis else m for i, m in enumerate(x.shape)), x.dtype)
            for n in self.sizes
        )

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        return Concat(self.axis)(*dys)


@dataclass(frozen=True)
class Unbind(Movement):
    """The parts along an axis, which is dropped."""

    axis: int
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> tuple[Any, ...]:
        return tuple(xp.moveaxis(x, self.axis, 0))

    def infer(self, x: Spec) -> tuple[Spec, ...]:
        part = Spec(x.shape[: self.axis] + x.shape[self.axis + 1 :], x.dtype)
        return (part,) * x.shape[self.axis]

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        return Stack(self.axis)(*dys)


@dataclass(frozen=True)
class Flip(Movement):
    """The order of elements turned round along axes."""

    axis: tuple[int, ...]
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.flip(x, self.axis)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Flip(self.axis)(dy)


# ----- sizes ----------------------------------------------------------------------------------


def reshape(x: Any, /, shape: int | Sequence[int], *, copy: bool | None = None) -> Tensor:
    """The same elements, in order, with other sizes; one may be -1.

    x: (...) -> y: ``shape``. Raises ShapeError when the number of elements would change.
    """
    x = astensor(x)
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    if -1 in wanted or wanted != x.shape:
        wanted = reshaped(x.shape, wanted)
    return Reshape(wanted)(x)


def flatten(x: Any, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from ``start_axis`` to ``end_axis`` joined to one (PyTorch's).

    x: (A, B, C), start_axis=1 -> y: (A, B*C).
    """
    x = astensor(x)
    start = normalize_axis(start_axis, x.ndim, "start_axis")
    end = normalize_axis(end_axis, x.ndim, "end_axis")
    if start > end:
        raise ArgumentError(
            f"flatten needs start_axis <= end_axis, got start_axis={start_axis}, "
            f"end_axis={end_axis} for shape {x.shape}"
        )
    joined = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], joined, *x.shape[end + 1 :]))


def ravel(x: Any, /) -> Tensor:
    """All elements along one axis.  x: (...) -> y: (size,)."""
    return reshape(x, (astensor(x).size,))


def unflatten(x: Any, /, axis: int, sizes: Sequence[int]) -> Tensor:
    """One axis split into several; one size may be -1.  x: (A, B*C) -> y: (A, B, C)."""
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    try:
        inner = reshaped((x.shape[place],), sizes)
    except ShapeError as error:
        raise ShapeError(
            f"unflatten: sizes={tuple(sizes)} must multiply to {x.shape[place]}, the size of axis "
            f"{place} of shape {x.shape}",
            hint="one size may be -1",
        ) from error
    return reshape(x, (*x.shape[:place], *inner, *x.shape[place + 1 :]))


def squeeze(x: Any, /, axis: int | Sequence[int] | None = None) -> Tensor:
    """Without the axes of size 1: those of ``axis``, or all.

    x: (A, 1, B) -> y: (A, B). Raises ShapeError when a named axis has another size.
    """
    x = astensor(x)
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    axes = normalize_axes(axis, x.ndim)
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(
                f"squeeze: axis {a} of shape {x.shape} has size {x.shape[a]}, not 1",
                hint="leave axis out to drop all axes of size 1",
            )
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def expand_dims(x: Any, /, axis: int | Sequence[int] = 0) -> Tensor:
    """With axes of size 1 at the places ``axis`` of the result.  x: (A, B), 1 -> y: (A, 1, B)."""
    x = astensor(x)
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    places = normalize_axes(given, x.ndim + len(given))
    sizes = iter(x.shape)
    return reshape(
        x, tuple(1 if i in places else next(sizes) for i in range(x.ndim + len(places)))
    )


unsqueeze = expand_dims


def atleast_1d(x: Any, /) -> Tensor:
    """With at least one axis.  x: () -> y: (1,); others as they are."""
    x = astensor(x)
    return x if x.ndim else reshape(x, (1,))


def atleast_2d(x: Any, /) -> Tensor:
    """With at least two axes, new ones in front.  x: (A,) -> y: (1, A)."""
    x = astensor(x)
    return x if x.ndim > 1 else reshape(x, (1, *atleast_1d(x).shape))


# ----- order of axes --------------------------------------------------------------------------


def permute_dims(x: Any, /, axes: Sequence[int]) -> Tensor:
    """The axes in the order ``axes``.  x: (A, B, C), axes (2, 0, 1) -> y: (C, A, B)."""
    x = astensor(x)
    order = tuple(normalize_axis(a, x.ndim, "axes") for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(
            f"permute_dims: axes={tuple(axes)} must name each of the {x.ndim} axes of shape "
            f"{x.shape} once"
        )
    return PermuteDims(order)(x)


def permute(x: Any, *axes: Any) -> Tensor:
    """``x.permute(2, 0, 1)``: PyTorch's spelling of ``permute_dims``."""
    one = len(axes) == 1 and isinstance(axes[0], (tuple, list))
    return permute_dims(x, axes[0] if one else axes)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
    """Axes moved to other places, the rest in order.  x: (A, B, C), 0, -1 -> y: (B, C, A)."""
    x = astensor(x)
    sources = [normalize_axis(a, x.ndim, "source") for a in _listed(source)]
    places = [normalize_axis(a, x.ndim, "destination") for a in _listed(destination)]
    if len(sources) != len(places) or len(set(sources)) < len(sources) or len(set(places)) < len(
        places
    ):
        raise ArgumentError(
            f"moveaxis: source={source} and destination={destination} must name equally many "
            "axes, none twice"
        )
    order = [i for i in range(x.ndim) if i not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return permute_dims(x, order)


movedim = moveaxis


def _listed(axes: int | Sequence[int]) -> Sequence[int]:
    return axes if isinstance(axes, (tuple, list)) else (axes,)


def swapaxes(x: Any, axis1: int, axis2: int, /) -> Tensor:
    """Two axes exchanged.  x: (A, B, C), 0, 2 -> y: (C, B, A)."""
    x = astensor(x)
    a = normalize_axis(axis1, x.ndim, "axis1")
    b = normalize_axis(axis2, x.ndim, "axis2")
    order = list(range(x.ndim))
    if order:
        order[a], order[b] = b, a
    return permute_dims(x, order)


transpose = swapaxes


def _all_axes_reversed(x: Tensor) -> Tensor:
    """The axes in reverse order; of a matrix its transpose.  x: (A, B) -> y: (B, A)."""
    return permute_dims(x, tuple(range(x.ndim - 1, -1, -1)))


# ----- joining and splitting ------------------------------------------------------------------


def _together(name: str, xs: Any) -> tuple[Tensor, ...]:
    """Tensors of one dtype out of a sequence; an empty one is refused."""
    tensors = [astensor(x) for x in xs]
    if not tensors:
        raise ArgumentError(f"{name} needs at least one tensor, got none")
    dtype = tensors[0].dtype
    for x in tensors[1:]:
        dtype = dtypes.promote(dtype, x.dtype)
    return tuple(cast(x, dtype) for x in tensors)


def concat(xs: Sequence[Any], /, axis: int | None = 0) -> Tensor:
    """Tensors joined along ``axis``; None joins their flattened elements.

    xs: (A, B), (A, C), axis=1 -> y: (A, B+C). Raises ShapeError when other sizes differ.
    """
    tensors = _together("concat", xs)
    if axis is None:
        return Concat(0)(*(ravel(x) for x in tensors))
    if tensors[0].ndim == 0:
        raise ShapeError(
            "concat: numbers (tensors without axes) cannot be joined along an axis",
            hint="stack makes a new axis",
        )
    return Concat(normalize_axis(axis, tensors[0].ndim))(*tensors)


cat = concat


def stack(xs: Sequence[Any], /, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.  n of (A, B), axis=0 -> y: (n, A, B)."""
    tensors = _together("stack", xs)
    return Stack(normalize_axis(axis, tensors[0].ndim + 1))(*tensors)


def split(x: Any, /, size_or_sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Pieces along ``axis``: of one size (the last may be smaller), or of the sizes given.

    x: (7, A), 3 -> (3, A), (3, A), (1, A). Raises ShapeError when sizes do not add up.
    """
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    if x.ndim == 0:
        raise ShapeError("split: a number (tensor without axes) has no axis to split")
    total = x.shape[place]
    if isinstance(size_or_sizes, int):
        n = size_or_sizes
        if n < 0 or (n == 0 and total):
            raise ArgumentError(f"split needs a positive size, got {n}")
        sizes = [builtins.min(n, total - i) for i in range(0, total, n)] if total else [0]
    else:
        sizes = [int(n) for n in size_or_sizes]
        if builtins.sum(sizes) != total or builtins.any(n < 0 for n in sizes):
            raise ShapeError(
                f"split: sizes {sizes} must add up to {total}, the size of axis {place} of "
                f"shape {x.shape}"
            )
    return Split(place, tuple(sizes))(x)


def chunk(x: Any, /, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of equal size along ``axis``; the last may be smaller."""
    x = astensor(x)
    if chunks < 1:
        raise ArgumentError(f"chunk needs chunks >= 1, got {chunks}")
    place = normalize_axis(axis, x.ndim)
    total = x.shape[place] if x.ndim else 1
    if total == 0:
        return Split(place, (0,) * chunks)(x)
    return split(x, -(-total // chunks), axis)


def unbind(x: Any, /, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along ``axis``, which is dropped.  x: (n, A, B) -> n of (A, B)."""
    x = astensor(x)
    place = normalize_axis(axis, x.ndim)
    if x.ndim == 0:
        raise ShapeError("unbind: a number (tensor without axes) has no axis to unbind")
    return Unbind(place)(x)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along ``axis`` (array API's name of ``unbind``)."""
    return unbind(x, axis)


def flip(x: Any, /, axis: int | Sequence[int] | None = None) -> Tensor:
    """The order of elements turned round along ``axis``, or along all.  x: (...) -> y: (...)."""
    x = astensor(x)
    return Flip(normalize_axes(axis, x.ndim))(x)


def _sizes_from(args: tuple[Any, ...]) -> tuple[int, ...]:
    """``x.reshape(2, 3)`` and ``x.reshape((2, 3))`` mean the same."""
    one = len(args) == 1 and isinstance(args[0], (tuple, list))
    return tuple(args[0]) if one else tuple(args)


def _reshape(x: Tensor, *shape: Any) -> Tensor:
    """The same elements with other sizes: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``."""
    return reshape(x, _sizes_from(shape))


METHODS = {
    "reshape": _reshape,
    "view": _reshape,
    "flatten": flatten,
    "unflatten": unflatten,
    "ravel": ravel,
    "squeeze": squeeze,
    "unsqueeze": expand_dims,
    "expand_dims": expand_dims,
    "permute": permute,
    "permute_dims": permute_dims,
    "moveaxis": moveaxis,
    "movedim": moveaxis,
    "swapaxes": swapaxes,
    "transpose": swapaxes,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "flip": flip,
    "T": property(_all_axes_reversed),
}
