"""Joining tensors along an axis, and splitting them again; ``joining`` has the other ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Movement
from nbdl.ops.movement import ravel
from nbdl.shapes import Spec, normalize_axis

__all__ = [
    "concat",
    "cat",
    "stack",
    "split",
    "chunk",
    "unbind",
    "unstack",
]


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
        total = sum(x.shape[self.axis] for x in xs)
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
        sizes = [min(n, total - i) for i in range(0, total, n)] if total else [0]
    else:
        sizes = [int(n) for n in size_or_sizes]
        if sum(sizes) != total or any(n < 0 for n in sizes):
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


METHODS = {"split": split, "chunk": chunk, "unbind": unbind}
