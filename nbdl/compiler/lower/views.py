"""Where values lie: buffers, and strided views of them.

Reshaping, transposing, slicing and broadcasting move nothing: they are other strides on the same
buffer, as in NumPy, which is asked for the strides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.core.op import Op
from nbdl.ops.broadcasting import BroadcastTo
from nbdl.ops.concatenation import Split, Unbind
from nbdl.ops.conversion import Clone
from nbdl.ops.indexing import GetItem
from nbdl.ops.movement import Flip, PermuteDims, Reshape
from nbdl.shapes import Shape, Spec

VIEWS: tuple[type[Op], ...] = (Reshape, PermuteDims, BroadcastTo, GetItem, Split, Unbind, Flip,
                               Clone)  # fmt: skip
"""Operations whose results can be views of their input."""


@dataclass(eq=False)
class Buffer:
    """A stretch of memory.

    Attributes:
        nbytes: its length.
        kind: "arena" (planned, reused), "state" (a parameter, an optimizer's moment: lives in an
            array that others see), "input" (filled before each run) or "constant".
        array: the memory of constants.
    """

    nbytes: int
    kind: str = "arena"
    array: np.ndarray | None = None


@dataclass(frozen=True)
class View:
    """A strided part of a buffer; offset and strides count elements."""

    buffer: Buffer
    shape: Shape
    dtype: np.dtype
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def spec(self) -> Spec:
        """Shape and dtype."""
        return Spec(self.shape, self.dtype)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.spec.size

    @property
    def nbytes(self) -> int:
        """Bytes of its elements."""
        return self.spec.nbytes

    @property
    def touched(self) -> int:
        """Bytes of memory that reading it takes: broadcast elements count once."""
        sizes = [n for n, s in zip(self.shape, self.strides, strict=True) if s]
        return math.prod(sizes) * self.dtype.itemsize if self.size else 0

    @property
    def order(self) -> tuple[int, ...]:
        """The axes from the slowest to the fastest in memory."""
        return memory_order(self.shape, self.strides)

    def is_dense(self, order: tuple[int, ...] | None = None) -> bool:
        """Whether the elements lie without gaps, with the axes in ``order`` (default: as is)."""
        axes = tuple(range(len(self.shape))) if order is None else order
        expected = 1
        for a in reversed(axes):
            if self.shape[a] != 1 and self.strides[a] != expected:
                return False
            expected *= self.shape[a]
        return True

    def array(self, memory: np.ndarray) -> np.ndarray:
        """The elements as an array on ``memory``, the buffer's bytes."""
        flat = memory[self.offset * self.dtype.itemsize :].view(np.uint8)
        whole = flat[: len(flat) // self.dtype.itemsize * self.dtype.itemsize].view(self.dtype)
        steps = [s * self.dtype.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(whole, self.shape, steps)


def memory_order(shape: Shape, strides: tuple[int, ...]) -> tuple[int, ...]:
    """Axes by falling stride; those of size 1 and broadcast ones keep their place."""
    order = list(range(len(shape)))
    moving = [a for a in order if shape[a] > 1 and strides[a]]
    ranked = iter(sorted(moving, key=lambda a: -abs(strides[a])))
    return tuple(next(ranked) if a in moving else a for a in order)


def dense_strides(shape: Shape, order: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Strides without gaps, the axes in ``order`` from the slowest to the fastest."""
    axes = tuple(range(len(shape))) if order is None else order
    strides = [0] * len(shape)
    step = 1
    for a in reversed(axes):
        strides[a] = step
        step *= max(shape[a], 1)
    return tuple(strides)


def new_view(spec: Spec, order: tuple[int, ...] | None = None, kind: str = "arena") -> View:
    """A view of a new buffer of its own."""
    buffer = Buffer(spec.nbytes, kind)
    return View(buffer, spec.shape, spec.dtype, dense_strides(spec.shape, order))


def views_of(op: Op, x: View) -> list[View] | None:
    """The results of a movement as views of ``x``, or None where elements must be copied."""
    if isinstance(op, GetItem) and any(_picks(item) for item in op.index):
        return None
    item = x.dtype.itemsize
    ground = np.empty(0, x.dtype)
    dummy: Any = np.lib.stride_tricks.as_strided(ground, x.shape, [s * item for s in x.strides])
    if isinstance(op, Reshape):
        results = _reshaped(dummy, op.infer(x.spec).shape)
    else:
        results = op.forward(np, dummy)
    if results is None:
        return None
    several = results if isinstance(results, tuple) else (results,)
    start = dummy.__array_interface__["data"][0]
    return [
        View(x.buffer, y.shape, x.dtype, tuple(s // item for s in y.strides),
             x.offset + (y.__array_interface__["data"][0] - start) // item)
        for y in several
    ]  # fmt: skip


def _picks(item: Any) -> bool:
    """Whether an index item is an array, which copies."""
    return type(item).__name__ == "ArrayIndex"


def _reshaped(x: np.ndarray, shape: Shape) -> np.ndarray | None:
    """``x`` with another shape, if that needs no copy."""
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:
        return None
