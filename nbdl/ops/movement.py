"""Reshaping, transposing and turning round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import op as core_op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor
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
    "flip": flip,
    "T": property(_all_axes_reversed),
}
