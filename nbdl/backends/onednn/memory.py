"""How tensors lie in memory: strided layouts, and those that oneDNN chose for itself."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from nbdl.backends.onednn.library import Handle, library
from nbdl.errors import BackendError, DtypeError, ShapeError, brief

_TYPES = {
    "float16": (1, 2), "bfloat16": (2, 2), "float32": (3, 4), "int32": (4, 4),
    "int8": (5, 1), "uint8": (6, 1), "float64": (7, 8),
}  # fmt: skip
"""oneDNN's number and the size in bytes of each dtype."""
_NAMES = {number: name for name, (number, _) in _TYPES.items()}

_MOST_AXES = 12
_FORMAT_TAG_ANY = 1
_BLOCKED = 2
# Queries of a memory descriptor.
_STRIDES, _NDIMS, _DIMS, _DATA_TYPE = 14, 256, 257, 258
_PADDED_DIMS, _FORMAT_KIND, _BLOCKS, _BLOCK_SIZES, _BLOCK_AXES = 260, 262, 263, 264, 265

Dims = ctypes.c_int64 * _MOST_AXES
_Numbers = ctypes.POINTER(ctypes.c_int64)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A strided tensor in memory.

    Attributes:
        shape: sizes of the axes.
        strides: distances of neighbours along each axis in elements, 0 where an axis repeats.
        dtype: float32, bfloat16, float16, float64, int32, int8 or uint8. Which of them a
            primitive computes with depends on the primitive and the processor.

    Raises ShapeError (empty tensors, negative strides) and DtypeError.
    """

    shape: Shape
    strides: Shape
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check(self.shape, self.dtype)
        if len(self.strides) != len(self.shape) or min(self.strides, default=0) < 0:
            raise ShapeError(
                f"oneDNN cannot walk shape {self.shape} with strides {self.strides}",
                hint="one stride of 0 or more for each axis; copy an array that runs backwards",
            )

    @classmethod
    def dense(
        cls, shape: Sequence[int], dtype: str = "float32", order: Sequence[int] | None = None
    ) -> Layout:
        """Elements side by side; ``order`` names the axes from the slowest to the fastest.

        Default is C order; channels-last images are ``order=(0, 2, 3, 1)``.
        """
        axes = tuple(range(len(shape)) if order is None else order)
        if sorted(axes) != list(range(len(shape))):
            raise ShapeError(f"order {axes} does not name each axis of shape {tuple(shape)} once")
        strides, step = [0] * len(axes), 1
        for axis in reversed(axes):
            strides[axis], step = step, step * shape[axis]
        return cls(tuple(shape), tuple(strides), dtype)

    @property
    def nbytes(self) -> int:
        """From the first element to the end of the last one."""
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return (last + 1) * _TYPES[self.dtype][1]

    def lies_like(self, other: AnyOf) -> bool:
        """Whether the elements of both lie at the same places; axes of size 1 do not matter."""
        return (
            isinstance(other, Layout)
            and (self.shape, self.dtype) == (other.shape, other.dtype)
            and all(
                a == b or n == 1
                for n, a, b in zip(self.shape, self.strides, other.strides, strict=True)
            )
        )

    def __str__(self) -> str:
        dense = Layout.dense(self.shape).strides == self.strides
        return f"{self.dtype}{list(self.shape)}" + ("" if dense else f" strides {self.strides}")


@dataclass(frozen=True)
class AnyLayout:
    """A tensor whose layout the primitive may choose; it tells in its ``layouts``."""

    shape: Shape
    dtype: str = "float32"

    def __post_init__(self) -> None:
        _check(self.shape, self.dtype)

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)} any layout"


@dataclass(frozen=True)
class Opaque:
    """A layout that oneDNN chose and that no strides describe.

    Attributes:
        shape: as oneDNN sees it; grouped weights have their groups as first axis.
        dtype: of the elements.
        nbytes: how much memory it takes, padding of its blocks included.
        blocks: ``(axis, size)`` of the inner blocks from the outside in.
        content: what distinguishes it from other layouts of the same shape.
    """

    shape: Shape
    dtype: str
    nbytes: int
    blocks: tuple[tuple[int, int], ...]
    content: tuple[Shape, Shape] | int
    descriptor: Handle = field(compare=False, repr=False)

    def __str__(self) -> str:
        names = "".join(f"{size}{chr(ord('a') + axis)}" for axis, size in self.blocks)
        return f"{self.dtype}{list(self.shape)} blocks {names or 'of its own'}"


AnyOf: TypeAlias = Layout | AnyLayout | Opaque


def _check(shape: Shape, dtype: str) -> None:
    if dtype not in _TYPES:
        raise DtypeError(
            f"oneDNN does not compute with dtype {brief(dtype)}", hint=f"one of {', '.join(_TYPES)}"
        )
    if not 1 <= len(shape) <= _MOST_AXES:
        raise ShapeError(f"oneDNN wants 1 to {_MOST_AXES} axes, got shape {shape}")
    if min(shape) < 1:
        raise ShapeError(
            f"oneDNN's primitives are not made for empty tensors: {dtype}{list(shape)}",
            hint="leave the call out where there is nothing to compute",
        )


def describe(layout: AnyOf, shape: Shape | None = None) -> Handle:
    """A memory descriptor of ``layout``, seen as ``shape`` if that is given.

    ``shape`` splits or adds axes of size 1: each of its axes lies within one axis of the layout.
    """
    if isinstance(layout, Opaque):
        return layout.descriptor
    shape = layout.shape if shape is None else shape
    number, sizes = _TYPES[layout.dtype][0], Dims(*shape)
    if isinstance(layout, AnyLayout):
        name = "memory_desc_create_with_tag"
        return library().make(name, len(shape), sizes, number, _FORMAT_TAG_ANY)
    strides = Dims(*split(layout.shape, layout.strides, shape))
    return library().make("memory_desc_create_with_strides", len(shape), sizes, number, strides)


def split(shape: Shape, strides: Shape, parts: Shape) -> Shape:
    """The strides of ``parts``, into which the axes of ``shape`` were split from the left."""
    if math.prod(shape) != math.prod(parts):
        raise ShapeError(f"a layout of shape {shape} cannot be seen as {parts}")
    result, rest = [], list(zip(shape, strides, strict=True))
    size, stride = rest.pop(0)
    for part in parts:
        while size == 1 and part > 1:
            size, stride = rest.pop(0)
        if size % part:
            raise ShapeError(f"a layout of shape {shape} cannot be seen as {parts}")
        size //= part
        result.append(size * stride)
    return tuple(result)


def _query(descriptor: int, what: int, kind: type) -> int:
    place = kind()
    library().call("memory_desc_query", descriptor, what, ctypes.byref(place))
    return int(place.value)


def _sizes(descriptor: int, what: int, count: int) -> Shape:
    place = _Numbers()
    library().call("memory_desc_query", descriptor, what, ctypes.byref(place))
    return tuple(place[i] for i in range(count))


def layout_of(descriptor: int, joined: bool = False) -> Layout | Opaque:
    """The layout that a memory descriptor speaks of: strided if strides can say it.

    With ``joined`` the first two axes are seen as one: groups and what they contain.
    """
    lib = library()
    ndim = _query(descriptor, _NDIMS, ctypes.c_int)
    shape = _sizes(descriptor, _DIMS, ndim)
    dtype = _NAMES.get(_query(descriptor, _DATA_TYPE, ctypes.c_int))
    if dtype is None:
        raise BackendError("oneDNN chose a dtype that nbdl does not know")
    nbytes = int(lib.size(descriptor))
    own = lib.make("memory_desc_clone", descriptor)
    if _query(descriptor, _FORMAT_KIND, ctypes.c_int) != _BLOCKED:
        return Opaque(shape, dtype, nbytes, (), own.address, own)
    count = _query(descriptor, _BLOCKS, ctypes.c_int)
    padded = _sizes(descriptor, _PADDED_DIMS, ndim)
    strides = _sizes(descriptor, _STRIDES, ndim)
    if not count and padded == shape:
        plain = _joined(shape, strides, dtype) if joined else Layout(shape, strides, dtype)
        if plain is not None:
            return plain
    sizes, axes = _sizes(descriptor, _BLOCK_SIZES, count), _sizes(descriptor, _BLOCK_AXES, count)
    blocks = tuple(zip(axes, sizes, strict=True))
    return Opaque(shape, dtype, nbytes, blocks, (padded, strides), own)


def _joined(shape: Shape, strides: Shape, dtype: str) -> Layout | None:
    """The layout with its first two axes as one, or None if no stride leads along both."""
    (groups, size), (outer, inner) = shape[:2], strides[:2]
    if groups > 1 and size > 1 and outer != size * inner:
        return None
    stride = inner if size > 1 else outer
    return Layout((groups * size, *shape[2:]), (stride, *strides[2:]), dtype)
