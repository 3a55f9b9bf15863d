"""Rules of shapes and axes: plain Python, shared by every floor above."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbdl.errors import ArgumentError, AxisError, ShapeError, brief

Shape = tuple[int, ...]


class Spec(NamedTuple):
    """A value without data: what a tensor would look like.

    A tensor whose value is a Spec runs through every operation by its shape rule alone; this
    is how a model is checked without computing anything.
    """

    shape: Shape
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes the data would take."""
        return self.size * self.dtype.itemsize


def broadcast_shapes(*shapes: Shape, what: str = "the operands") -> Shape:
    """The common shape by NumPy's broadcasting rule; raises ShapeError naming all shapes."""
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size == 1:
                continue
            if result[axis] not in (1, size):
                listed = " and ".join(str(tuple(s)) for s in shapes)
                raise ShapeError(
                    f"{what} have shapes {listed}, which do not broadcast: "
                    f"sizes {result[axis]} and {size} meet at axis {axis - rank}",
                    hint="sizes must be equal or 1, counted from the last axis",
                )
            result[axis] = size
    return tuple(result)


def normalize_axis(axis: int, ndim: int, name: str = "axis") -> int:
    """``axis`` in ``0..ndim-1``; negative counts from the end; raises AxisError outside."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise ArgumentError(f"{name} must be an integer, got {axis!r}") from None
    rank = max(ndim, 1)
    if not -rank <= index < rank:
        raise AxisError(
            f"{name}={axis} is out of range for a tensor with {ndim} dimensions",
            hint=f"{name} from {-rank} to {rank - 1}",
        )
    return index % rank


def normalize_axes(
    axis: int | Sequence[int] | None, ndim: int, name: str = "axis"
) -> tuple[int, ...]:
    """Axes as a sorted tuple of non-negative integers; None means all; no axis twice."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    result = tuple(sorted(normalize_axis(a, ndim, name) for a in axes))
    if len(set(result)) != len(result):
        raise ArgumentError(f"{name}={axis} names the same axis twice")
    return result if ndim else ()


def reduced_shape(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """``shape`` with ``axes`` removed, or kept with size 1."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def reshaped(shape: Shape, target: Sequence[int]) -> Shape:
    """``target`` with its single -1 worked out; raises ShapeError when sizes do not match."""
    wanted = tuple(operator.index(n) for n in target)
    size = math.prod(shape)
    if wanted.count(-1) > 1:
        raise ShapeError(f"reshape to {wanted}: only one size can be -1")
    if -1 in wanted:
        rest = math.prod(n for n in wanted if n != -1)
        if rest and size % rest == 0:
            wanted = tuple(size // rest if n == -1 else n for n in wanted)
    if any(n < 0 for n in wanted) or math.prod(wanted) != size:
        raise ShapeError(
            f"cannot reshape {tuple(shape)} ({size} elements) to {tuple(target)}",
            hint="the number of elements must stay the same; one size may be -1",
        )
    return wanted


def as_int(value: object, name: str, least: int) -> int:
    """An integer of at least ``least``; raises ArgumentError else."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least:
        raise ArgumentError(f"{name}={brief(value)} must be an integer of at least {least}")
    return number


def as_tuple(value: int | Sequence[int], n: int, name: str) -> tuple[int, ...]:
    """An int repeated ``n`` times, or a sequence of ``n`` (or one); raises ArgumentError else."""
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            value = tuple(value) * n
        if len(value) != n:
            raise ArgumentError(f"{name}={tuple(value)} must have {n} entries")
        return tuple(operator.index(v) for v in value)
    try:
        return (operator.index(value),) * n  # type: ignore[arg-type]
    except TypeError:
        raise ArgumentError(f"{name} must be an int or {n} ints, got {value!r}") from None


def as_shape(shape: int | Sequence[int]) -> Shape:
    """A size or sizes as a tuple of ints; raises ShapeError for a negative one."""
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if sizes and min(sizes) < 0:
        raise ShapeError(f"a shape cannot have a negative size, got {sizes}")
    return sizes
