"""Numbers to look at: any array as float64 blocks, read a part at a time and never as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbdl import backends, dtypes, nn
from nbdl.core.rows import elements
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.inspection.records import TensorStats
from nbdl.inspection.statistics import numbers_stats

NUMBER, NAN, UP, DOWN, MASKED = range(5)
"""What a cell is: a number, or why it is none."""

Part = Callable[..., Any]
PARTS: dict[str, Part] = {"abs": np.abs, "angle": np.angle, "real": np.real, "imag": np.imag}
"""What can be seen of a complex number."""

WORK = 2_000_000
"""Elements that one picture is made of at most: of larger parts an even sample."""

EXACT = 4_000_000
"""Elements up to which statistics are of all; of more, of an even sample of about so many."""


@dataclass(frozen=True)
class Numbers:
    """An array that can be looked at.

    Attributes:
        kind: Tensor, Parameter, Buffer, ndarray.
        value: NumPy's or CuPy's array, in the form it is in.
        mask: of a masked array, True where there is no number.
        dtype, device: as a person knows them.
        parameter: whether it is a model's.
        requires_grad: whether operations on it are recorded.
    """

    kind: str
    value: Any
    mask: Any = None
    device: str = "cpu"
    parameter: bool = False
    requires_grad: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> str:
        return str(self.value.dtype)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_complex(self) -> bool:
        return bool(self.value.dtype.kind == "c")

    @property
    def nbytes(self) -> int:
        """Bytes in memory: those of one element where all are the same one, broadcast."""
        spread = math.prod(
            size for size, stride in zip(self.shape, self.value.strides, strict=True) if stride
        )
        return int(spread * self.value.dtype.itemsize) if self.size else 0

    def read(self, index: tuple[Any, ...], part: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Some elements as float64, 0 where they are none; and what each is, as uint8."""
        found = np.asarray(backends.to_numpy(self.value[index]))
        if found.dtype.kind == "c":
            found = PARTS[part or "abs"](found)
        with np.errstate(all="ignore"):
            values = found.astype(np.float64)
        marks = np.zeros(values.shape, np.uint8)
        if not np.isfinite(values).all():
            marks[np.isnan(values)] = NAN
            marks[values == np.inf] = UP
            marks[values == -np.inf] = DOWN
        if self.mask is not None:
            marks[np.asarray(self.mask[index])] = MASKED
        return np.where(marks == NUMBER, values, 0.0), marks

    def stats(self, part: str = "", most: int = EXACT) -> tuple[TensorStats | None, int]:
        """The numbers that describe the values, and of how many elements they are."""
        values, marks = self.read(self._sample(most), part)
        if not values.size:
            return None, 0
        counted = np.where(marks == NUMBER, values, np.nan).reshape(-1)
        counted[(marks == UP).reshape(-1)] = np.inf
        counted[(marks == DOWN).reshape(-1)] = -np.inf
        counted = counted[(marks != MASKED).reshape(-1)]
        stats = numbers_stats(counted, self.size / values.size)
        if stats is not None and values.size < self.size:
            stats = self._with_every_bad(stats)
        return stats, values.size

    def _with_every_bad(self, stats: TensorStats) -> TensorStats:
        """NaN and infinities of all elements, which is quick: one is worth to be found."""
        value = self.value
        if self.mask is not None or value.dtype.kind not in "fV" or not value.flags.c_contiguous:
            return stats
        flat, nans, finite = value.reshape(-1), 0, 0
        for start in range(0, flat.size, EXACT):
            some = flat[start : start + EXACT]
            nans += int((some != some).sum())
            finite += int((abs(some) < np.inf).sum())
        return replace(stats, nans=nans, infinities=flat.size - nans - finite)

    def _sample(self, most: int) -> tuple[Any, ...]:
        """Slices that take an even sample of about ``most`` elements, without a copy of more."""
        steps = [1] * len(self.shape)
        while math.prod(-(-n // step) for n, step in zip(self.shape, steps, strict=True)) > most:
            longest = max(range(len(steps)), key=lambda axis: self.shape[axis] // steps[axis])
            steps[longest] += 1 + steps[longest] // 4
        return tuple(slice(None, None, step) for step in steps)


def numbers_of(thing: Any) -> Numbers:
    """A Tensor or an array as numbers to look at.

    Raises ArgumentError for what holds no numbers: text, objects, a tensor without data.
    """
    if isinstance(thing, Tensor):
        value = elements(thing.value)
        if not backends.has_data(value):
            raise ArgumentError(
                f"this tensor {tuple(thing.shape)} has a shape and no data: there is nothing to see"
            )
        kind = next(
            (name for name in ("Parameter", "Buffer") if isinstance(thing, getattr(nn, name))),
            "Tensor",
        )
        return Numbers(
            kind, value, device=str(backends.device_of(value)), parameter=kind == "Parameter",
            requires_grad=thing.requires_grad,
        )  # fmt: skip
    if not is_array(thing):
        raise ArgumentError(f"{type(thing).__name__} holds no numbers that can be looked at")
    mask = np.ma.getmaskarray(thing) if isinstance(thing, np.ma.MaskedArray) else None
    data = thing.data if mask is not None else thing
    return Numbers(type(thing).__name__, np.asarray(data), mask)


def is_array(thing: Any) -> bool:
    """Whether it is a NumPy array of numbers or bools."""
    return isinstance(thing, np.ndarray) and (
        thing.dtype.kind in "biufc" or thing.dtype in dtypes.FLOATS
    )


def blocks(
    numbers: Numbers, index: tuple[Any, ...], order: tuple[int, ...], steps: tuple[int, int],
    part: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Means of blocks of neighbours, and the worst that is in each block.

    Args:
        numbers: what is read.
        index: an integer or a slice for each axis.
        order: the axes with slices, in the order panels, rows, columns (those that there are).
        steps: how many of the rows and of the columns that are read share a cell.
        part: of complex numbers.

    Returns:
        (panels, rows, columns) float64 and uint8; a block of which no element is a number is 0.
    """
    kept = [axis for axis, place in enumerate(index) if isinstance(place, slice)]
    turn = [kept.index(axis) for axis in order]
    values, marks = (_cube(array.transpose(turn)) for array in numbers.read(index, part))
    for axis, step in zip((1, 2), steps, strict=True):
        if step > 1:
            values, marks = _joined(values, marks, axis, step)
    return values, marks


def _cube(array: np.ndarray) -> np.ndarray:
    """With panels, rows and columns, also where there is none of them."""
    return array.reshape((1,) * (3 - array.ndim) + array.shape)


def _joined(
    values: np.ndarray, marks: np.ndarray, axis: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    edges = np.arange(0, values.shape[axis], step)
    numbers = marks == NUMBER
    counts = np.add.reduceat(numbers.astype(np.float64), edges, axis)
    with np.errstate(over="ignore"):
        means = np.add.reduceat(np.where(numbers, values, 0.0), edges, axis) / np.maximum(counts, 1)
    # One NaN among thousands is what people look for; masked is a block only as a whole.
    bad = np.where(numbers | (marks == MASKED), 0, MASKED - marks)
    worst = np.maximum.reduceat(bad, edges, axis)
    found = np.where(worst > 0, MASKED - worst, np.where(counts > 0, NUMBER, MASKED))
    return np.nan_to_num(means), found.astype(np.uint8)
