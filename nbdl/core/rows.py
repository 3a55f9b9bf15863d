"""Sparse gradients: the few rows of a table that a batch has looked up.

A gradient that is a ``Rows`` says for each row that was used its number and its gradient, and
nothing of the millions that were not. It lies in a tensor's box as other lifted values do, so
nothing on the way has to know of it: sums of two of them and products with a number stay sparse,
and every other operation is given the whole array.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.lifted import Lifted, World
from nbdl.core.tensor import Tensor
from nbdl.core.words import digits
from nbdl.errors import ArgumentError
from nbdl.shapes import Shape

if TYPE_CHECKING:
    from nbdl.core.op import Op


class _Everywhere(World):
    """Outside of all transforms."""

    def __init__(self) -> None:
        self.number, self.open = -1, True


class Rows(Lifted):
    """An array of ``shape`` that is zero but for some rows (slices along the first axis).

    Attributes:
        index: their numbers, int64 (n,); one that is there several times counts as their sum.
        values: (n, *shape[1:]).
        is_coalesced: whether the numbers are sorted and none is there twice.
        in_place: whether an optimizer may write into the parameter's own array.
    """

    __slots__ = ("in_place", "index", "is_coalesced", "size_of", "values")

    world = _Everywhere()

    def __init__(self, index: Any, values: Any, shape: Shape, is_coalesced: bool = False) -> None:
        self.index, self.values, self.size_of = index, values, shape
        self.is_coalesced = is_coalesced
        self.in_place = False

    @property
    def shape(self) -> Shape:
        """The whole array's."""
        return self.size_of

    @property
    def outside(self) -> Tensor:
        """The rows alone."""
        return Tensor._wrap(self.values)

    def detached(self) -> Rows:
        """Itself: it has no history."""
        return self

    def with_values(self, values: Any) -> Rows:
        """Others in the same rows."""
        return Rows(self.index, values, self.shape, self.is_coalesced)

    def coalesced(self) -> Rows:
        """Each row once, in order; what was there several times is added up, as it came."""
        if self.is_coalesced:
            return self
        xp = backends.namespace(self.values)
        index, places = xp.unique(self.index, return_inverse=True)
        kind = dtypes.accumulator(self.values.dtype)
        total = xp.zeros((index.size, *self.shape[1:]), kind)
        backends.add_at(xp, total, places.reshape(-1), self.values.astype(kind, copy=False))
        return Rows(index, total.astype(self.values.dtype, copy=False), self.shape, True)

    def to_be_written(self, in_place: bool) -> Rows:
        """The same rows, for an optimizer."""
        rows = Rows(self.index, self.values, self.shape, self.is_coalesced)
        rows.in_place = in_place
        return rows

    def dense(self) -> Any:
        """The whole array."""
        found = self.coalesced()
        whole = backends.namespace(self.values).zeros(self.shape, self.values.dtype)
        whole[found.index] = found.values
        return whole

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """Sums, and products with a number, are sparse again; else the whole array takes part."""
        values = [x.value for x in inputs]
        if op.title == "Add" and all(type(v) is Rows for v in values):
            a, b = values
            xp = backends.namespace(a.values)
            index, rows = (xp.concatenate(p) for p in ((a.index, b.index), (a.values, b.values)))
            return Rows(index, rows, self.shape)
        if type(values[0]) is Rows and _scales(op, values[1:]):
            return values[0].with_values(op(values[0].outside, *inputs[1:]).value)
        if op.title == "Multiply" and values[0].ndim == 0:
            return self.with_values(op(inputs[0], self.outside).value)
        whole = (Tensor._wrap(v.dense()) if type(v) is Rows else x
                 for v, x in zip(values, inputs, strict=True))  # fmt: skip
        y = op(*whole)
        return tuple(v.value for v in y) if isinstance(y, tuple) else y.value

    def refuse(self) -> NoReturn:
        """Raise ArgumentError: an array was asked for."""
        raise ArgumentError(
            f"a sparse gradient of shape {self.shape} has {self.index.size} rows and is no array",
            hint=".to_dense() for the whole array; .coalesce().indices() and .values() for the "
            "rows",
        )

    def words(self) -> str:
        """What stands in the brackets of ``tensor(...)``."""
        index, values = (digits(backends.to_numpy(a)) for a in (self.index, self.values))
        return f"indices={index}, values={values}, size={self.shape}, sparse"


def _scales(op: Op, others: list[Any]) -> bool:
    """Whether the operation treats all rows alike and leaves zeros zero."""
    if op.title in ("Multiply", "Divide"):
        return others[0].ndim == 0
    return op.title in ("Negative", "Cast", "Clone")


def _holders(box: Tensor) -> int:
    return sys.getrefcount(box.value)


_ONE = _holders(Tensor._wrap(np.empty(1))) if hasattr(sys, "getrefcount") else -1
"""What ``_holders`` gives for an array that lies in a box and is held by nobody else."""


def is_only_here(box: Tensor) -> bool:
    """Whether a box's array is held by the box alone: no tape, no view, nobody who kept it.

    Then nobody can see it change, so a few rows of a large table may be written without a copy of
    the rest. CPython counts the holders; where they are not counted there is always another one.
    """
    value = box.value
    if type(value) is not np.ndarray or value.base is not None or not value.flags.writeable:
        return False
    del value
    return _ONE > 0 and _holders(box) == _ONE


def on_values(value: Any, function: Callable[[Any], Any]) -> Any:
    """``function`` of an array, or of the coalesced rows of a sparse gradient."""
    if type(value) is not Rows:
        return function(value)
    rows = value.coalesced()
    return rows.with_values(function(rows.values))


def elements(value: Any) -> Any:
    """The array, or of a sparse gradient those rows that are not zero."""
    return value.coalesced().values if type(value) is Rows else value
