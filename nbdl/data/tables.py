"""Tables: CSV files and pandas frames as data sets."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.data import arrays
from nbdl.data.dataset import TensorDataset
from nbdl.data.optional import require
from nbdl.data.paths import existing
from nbdl.data.readers import one_of
from nbdl.errors import ArgumentError, DataError, FileError, did_you_mean

_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_ON_MISSING = ("error", "drop", "mean")
_CATEGORICAL = ("error", "onehot", "codes")


def read_csv(
    path: Any,
    target: str | int | None = -1,
    *,
    features: Sequence[str] | None = None,
    delimiter: str = ",",
    missing: str = "error",
    categorical: str = "error",
    encoding: str = "utf-8-sig",
) -> TensorDataset:
    """A CSV file with a header line as a data set.

    Args:
        path: the file.
        target: the column to predict, by name or number; None for inputs only. Text there
            becomes class numbers, with the names in ``classes``.
        features: the input columns; all others if None.
        delimiter: what separates the cells.
        missing: what to do about empty cells (also NA, NaN, null, ?) among the inputs:
            'error', 'drop' the row, or the column's 'mean'.
        categorical: what to do about inputs that are text: 'error', 'onehot' (a column of 0/1
            a value) or 'codes' (numbers in alphabetical order).

    Returns samples (float32 (columns,), target): int64 for classes and whole numbers, float32
    otherwise. Raises DataError with line and column of what cannot be read.
    """
    file = existing(path, "the CSV file")
    lines = _lines(file, delimiter, encoding)
    if len(lines) < 2:
        raise DataError(
            f"{file.name} has no rows below its header" if lines else f"{file.name} is empty"
        )
    names = [name.strip() for name in lines[0][1]]
    numbers = [number for number, _ in lines[1:]]
    rows = [row for _, row in lines[1:]]
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(names):
            raise DataError(
                f"{file.name}, line {number} has {len(row)} cells; the header has {len(names)}",
                hint=f"is {delimiter!r} the delimiter?",
            )
    table = {name: [row[i].strip() for row in rows] for i, name in enumerate(names)}
    if len(table) < len(names):
        raise DataError(f"{file.name} has two columns of one name: {names}")
    return _table(
        table,
        target,
        features,
        missing,
        categorical,
        place=lambda i: f"{file.name}, line {numbers[i]}",
        name=file.stem,
    )


def _lines(file: Path, delimiter: str, encoding: str) -> list[tuple[int, list[str]]]:
    """The cells of each line that is not empty, with the line's number."""
    try:
        with open(file, newline="", encoding=encoding) as stream:
            return [
                (reader.line_num, row)
                for reader in [csv.reader(stream, delimiter=delimiter)]
                for row in reader
                if row
            ]
    except OSError as error:
        raise FileError(f"{str(file)!r} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file.name} is not {encoding} text: {error.reason} at byte {error.start}",
            hint="encoding='latin-1'?",
        ) from None
    except csv.Error as error:
        raise DataError(f"{file.name} cannot be read as CSV: {error}") from None


def from_pandas(
    frame: Any,
    target: str | int | None = -1,
    *,
    features: Sequence[str] | None = None,
    missing: str = "error",
    categorical: str = "error",
) -> TensorDataset:
    """A pandas frame as a data set; arguments and result as those of ``read_csv``."""
    pandas = require("pandas", "data.from_pandas()")
    if not isinstance(frame, pandas.DataFrame):
        raise DataError(f"from_pandas needs a DataFrame, got a {type(frame).__name__}")
    if not len(frame):
        raise DataError("the frame has no rows")
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the frame has two columns of one name: {twice!r}")
    table = {}
    for name, column in frame.items():
        kind = getattr(column.dtype, "kind", "O")
        if kind in "mM":
            raise DataError(
                f"column {name!r} holds dates ({column.dtype})",
                hint="turn it into numbers (column.dt.dayofyear, ...), or drop it",
            )
        table[str(name)] = (
            column.to_numpy(np.float64, na_value=np.nan)
            if kind in "biuf"
            else ["" if pandas.isna(value) else str(value) for value in column]
        )
    return _table(
        table,
        target,
        features,
        missing,
        categorical,
        place=lambda i: f"row {frame.index[i]!r}",
        name="frame",
    )


def _table(
    table: dict[str, Any],
    target: str | int | None,
    features: Sequence[str] | None,
    missing: str,
    categorical: str,
    *,
    place: Callable[[int], str],
    name: str,
) -> TensorDataset:
    """A data set from named columns, each an array of floats or a list of text cells."""
    one_of("missing", missing, _ON_MISSING)
    one_of("categorical", categorical, _CATEGORICAL)
    goal = None if target is None else _column(target, list(table))
    wanted = (
        [c for c in table if c != goal]
        if features is None
        else [_column(c, list(table)) for c in features]
    )
    if not wanted:
        other = next((mark for mark in ";\t|" if goal is not None and mark in goal), None)
        raise DataError(
            f"{name} has no input columns besides the target {goal!r}",
            hint=None if other is None else f"is {other!r} the delimiter?",
        )
    if goal in wanted:
        raise ArgumentError(f"the target {goal!r} is also among the features")
    columns: dict[str, np.ndarray] = {}
    for column in wanted:
        columns |= _inputs(column, table[column], categorical, place)
    x = np.stack(list(columns.values()), axis=1)
    y, classes = (None, None) if goal is None else _target(goal, table[goal], place)
    keep = _fill(x, list(columns), missing, place)
    parts = [
        part[keep].astype(np.float32) if part.dtype == np.float64 else part[keep]
        for part in (x, y)
        if part is not None
    ]
    return TensorDataset(*parts, classes=classes, features=list(columns), name=name)


def _column(name: str | int, names: list[str]) -> str:
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        if -len(names) <= name < len(names):
            return names[name]
        raise DataError(f"column {name} of {len(names)} columns")
    if name not in names:
        raise DataError(
            f"there is no column {name!r}{did_you_mean(str(name), names)}",
            hint="the columns are " + ", ".join(names[:20]),
        )
    return str(name)


def _numbers(cells: Any) -> tuple[np.ndarray, int | None]:
    """Cells as float64 with NaN for missing ones, and the first that is text, or None."""
    if isinstance(cells, np.ndarray):
        return cells, None
    values = np.empty(len(cells))
    first = None
    for i, cell in enumerate(cells):
        try:
            values[i] = math.nan if cell.lower() in _MISSING else float(cell)
        except ValueError:
            values[i] = math.nan
            first = i if first is None else first
    return values, first


def _inputs(
    column: str, cells: Any, categorical: str, place: Callable[[int], str]
) -> dict[str, np.ndarray]:
    """One column of inputs as one or (one-hot) several columns of float64."""
    values, text = _numbers(cells)
    if text is None:
        return {column: values}
    if categorical == "error":
        raise DataError(
            f"{place(text)}, column {column!r}: {cells[text]!r} is not a number",
            hint="features=[...] without it, or categorical='onehot' (or 'codes')",
        )
    present = sorted({c for c in cells if c.lower() not in _MISSING})
    absent = np.array([c.lower() in _MISSING for c in cells])
    codes = np.array([present.index(c) if c in present else -1 for c in cells], np.float64)
    if categorical == "codes":
        return {column: np.where(absent, math.nan, codes)}
    return {
        f"{column}={value}": np.where(absent, math.nan, codes == i)
        for i, value in enumerate(present)
    }


def _target(
    column: str, cells: Any, place: Callable[[int], str]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    values, text = _numbers(cells)
    if text is not None:
        absent = [i for i, cell in enumerate(cells) if cell.lower() in _MISSING]
        if absent:
            raise DataError(f"{place(absent[0])}: the target {column!r} is missing")
        return arrays.encode_labels(cells)
    if np.isnan(values).any():
        first = int(np.isnan(values).argmax())
        raise DataError(f"{place(first)}: the target {column!r} is missing")
    if np.isfinite(values).all() and (values == np.rint(values)).all():
        return values.astype(np.int64), None
    return values, None


def _fill(x: np.ndarray, names: list[str], missing: str, place: Callable[[int], str]) -> np.ndarray:
    """Deal with NaN in ``x`` (in place for 'mean'); which rows to keep: (N,) bool."""
    bad = ~np.isfinite(x)
    keep = np.ones(len(x), bool)
    if not bad.any():
        return keep
    if missing == "error" or np.isinf(x).any():
        i, j = np.argwhere(np.isinf(x) if np.isinf(x).any() else bad)[0]
        place_of = f"{place(int(i))}, column {names[j]!r}"
        if np.isinf(x[i, j]):
            raise DataError(
                f"{place_of} is infinite ({int(np.isinf(x).sum())} such cells in all)",
                hint="clip such numbers, or leave their rows out",
            )
        raise DataError(
            f"{place_of} is missing ({int(bad.sum())} such cells in all)",
            hint="missing='drop' leaves such rows out, missing='mean' fills them in",
        )
    if missing == "drop":
        keep = ~bad.any(1)
        if not keep.any():
            raise DataError("every row has a missing cell; missing='drop' leaves none")
        return keep
    for j in np.flatnonzero(bad.any(0)):
        known = x[~bad[:, j], j]
        if not len(known):
            raise DataError(f"column {names[j]!r} is empty: it has no mean")
        x[bad[:, j], j] = known.mean()
    return keep
