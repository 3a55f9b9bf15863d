"""Columns of Arrow tables as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.data.arrays import to_dtype
from nbdl.data.optional import require
from nbdl.errors import DataError, did_you_mean

_MANY = 8


@dataclass(frozen=True)
class Layout:
    """Which columns are read, and how they become samples.

    Attributes:
        names: of all columns that are read.
        types: how each is read: "number", "list" or "text".
        target: the column to predict; None for samples that are dicts.
        classes: names of the classes of a text target.
        dtype: of floats.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    target: str | None
    classes: tuple[str, ...] | None
    dtype: np.dtype

    @property
    def features(self) -> tuple[str, ...] | None:
        """Names of the input columns, where they are joined to one array."""
        if self.target is None or "list" in self._of_inputs():
            return None
        return tuple(name for name in self.names if name != self.target)

    def _of_inputs(self) -> list[str]:
        pairs = zip(self.names, self.types, strict=True)
        return [kind for name, kind in pairs if name != self.target]

    @classmethod
    def of(
        cls,
        schema: Any,
        origin: str,
        target: str | None,
        columns: Sequence[str] | None,
        classes: Sequence[str] | None,
        before: Layout | None = None,
    ) -> Layout:
        """The layout of a schema; raises DataError where it cannot be, or differs from before."""
        wanted = list(schema.names) if columns is None else [str(name) for name in columns]
        if before is not None:
            wanted = list(before.names)
        elif target is not None and target not in wanted:
            wanted.append(target)
        for name in wanted:
            if name not in schema.names:
                raise DataError(
                    f"{origin} has no column {name!r}{did_you_mean(name, schema.names)}",
                    hint="its columns are " + _listed(schema.names),
                )
        kinds = {name: _kind(schema.field(name).type) for name in wanted}
        _refuse_types(kinds, schema, origin, wanted)
        found = cls(
            tuple(wanted), tuple(str(kinds[name]) for name in wanted), target,
            None if classes is None else tuple(map(str, classes)), dtypes.default_float(),
        )  # fmt: skip
        if before is not None and found.types != before.types:
            name, old, new = next(
                each for each in zip(wanted, before.types, found.types, strict=True)
                if each[1] != each[2]
            )  # fmt: skip
            raise DataError(f"column {name!r} is a {new} in {origin} and a {old} before")
        found._check_target(origin)
        return found

    def _check_target(self, origin: str) -> None:
        if self.target is None:
            return
        kinds = dict(zip(self.names, self.types, strict=True))
        inputs = [name for name in self.names if name != self.target]
        if not inputs:
            raise DataError(f"{origin} has no column besides the target {self.target!r}")
        text = [name for name in inputs if kinds[name] == "text"]
        if text:
            raise DataError(
                f"column {text[0]!r} of {origin} is text, which cannot be joined with numbers",
                hint="leave it out by columns=[...]; or without target= samples are dicts, "
                "which stream.map(transform) can turn into arrays",
            )
        if len(inputs) > 1 and "list" in (kinds[name] for name in inputs):
            raise DataError(
                f"columns of lists cannot be joined with others: {_listed(inputs)}",
                hint="choose one by columns=[...], or leave out target= for dicts",
            )
        if kinds[self.target] == "text" and self.classes is None:
            raise DataError(
                f"the target {self.target!r} of {origin} is text",
                hint="classes=['cat', 'dog'] says which number each has",
            )

    def batch(self, tables: Sequence[Any], places: np.ndarray) -> Any:
        """The rows ``places`` of tables after each other, as arrays."""
        arrow = require("pyarrow", "data.parquet")
        table = tables[0] if len(tables) == 1 else arrow.concat_tables(tables)
        arrays = {
            name: _rows(self._array(table.column(name), name, kind), places)
            for name, kind in zip(self.names, self.types, strict=True)
        }
        if self.target is None:
            return arrays
        y = arrays.pop(self.target)
        if isinstance(y, list):
            y = self._numbers(y)
        values = list(arrays.values())
        if len(values) == 1 and values[0].ndim > 1:
            return values[0], y
        return np.stack([value.astype(self.dtype, copy=False) for value in values], 1), y

    def _array(self, column: Any, name: str, kind: str) -> Any:
        if kind == "text":
            return column.to_pylist()
        if kind == "list":
            return self._lists(column, name)
        floating = str(column.type) in ("float", "double", "halffloat")
        if column.null_count and not floating:
            raise DataError(
                f"column {name!r} has {column.null_count} empty cells, which whole numbers and "
                "bools cannot hold",
                hint="fill them in, or store the column as floats",
            )
        return to_dtype(column.to_numpy(), self.dtype)

    def _lists(self, column: Any, name: str) -> np.ndarray:
        try:
            if column.null_count:
                raise ValueError(f"{column.null_count} empty cells")
            return to_dtype(np.stack([_array_of(row) for row in column.to_numpy()]), self.dtype)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"column {name!r} holds lists that make no array: {error}",
                hint="store lists of one length; or "
                "leave the column out by columns=[...]",
            ) from None

    def _numbers(self, names: list[Any]) -> np.ndarray:
        known = {name: number for number, name in enumerate(self.classes or ())}
        try:
            return np.array([known[name] for name in names], np.int64)
        except KeyError as error:
            raise DataError(
                f"{error.args[0]!r} in column {self.target!r} is none of the classes "
                f"{_listed(known)}"
            ) from None


def _array_of(row: Any) -> np.ndarray:
    """A cell's list, perhaps of lists, as an array."""
    array = np.asarray(row)
    return np.stack([_array_of(part) for part in array]) if array.dtype == object else array


def _rows(values: Any, places: np.ndarray) -> Any:
    return [values[i] for i in places] if isinstance(values, list) else values[places]


def _kind(type_: Any) -> str | None:
    """How a type is read; None where it cannot be."""
    types = require("pyarrow", "data.parquet").types
    if types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_):
        return "number"
    if types.is_dictionary(type_):
        return _kind(type_.value_type)
    if types.is_string(type_) or types.is_large_string(type_):
        return "text"
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return "list" if _kind(type_.value_type) in ("number", "list") else None
    return None


def _refuse_types(kinds: dict[str, str | None], schema: Any, origin: str, all_: list[str]) -> None:
    wrong = [name for name in all_ if kinds[name] is None]
    if wrong:
        told = ", ".join(f"{name!r} ({schema.field(name).type})" for name in wrong[:_MANY])
        good = [name for name in all_ if kinds[name] is not None]
        raise DataError(
            f"columns of {origin} that are neither numbers nor text: {told}",
            hint=f"leave them out: columns={good[:_MANY]}",
        )


def _listed(names: Any) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")
