"""Runs as files of other programs: CSV, JSON, TensorBoard's event files."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.data.optional import require
from nbdl.errors import ArgumentError
from nbdl.experiments.files import as_path, write_file, write_folder
from nbdl.experiments.table import flat
from nbdl.experiments.words import value
from nbdl.inspection.dashboard import thin
from nbdl.inspection.wire import clean
from nbdl.training.archive.records import RunRecord

POINTS = 20_000
"""Of a series in event files, of which TensorBoard shows a thousand; longer ones are thinned, with
the extremes of each stretch kept."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def export(records: Sequence[RunRecord], path: str | Path) -> Path:
    """Write runs to a file.

    Args:
        records: one or several.
        path: ``.csv`` (one run: a row for each step; several: a row for each run), ``.json``
            (everything recorded), or a folder for TensorBoard, which gets a folder for each run.

    Returns the path. Raises ArgumentError for another kind of file, FileError where it cannot be
    written, and MissingError where TensorBoard's writer is not installed.
    """
    target = as_path(path)
    if not records:
        raise ArgumentError("there are no runs to export")
    if target.suffix == ".csv":
        rows = _steps(records[0]) if len(records) == 1 else _runs(records)
        return write_file(target, lambda file: _write_csv(file, rows))
    if target.suffix == ".json":
        found = [_whole(record) for record in records]
        data = found[0] if len(found) == 1 else found
        text = json.dumps(data, indent=1, allow_nan=False)
        return write_file(target, lambda file: _write_text(file, text))
    if target.suffix:
        raise ArgumentError(
            f"{target.name!r}: runs are not exported as {target.suffix}",
            hint="a .csv or .json file, or a folder (a name without a dot) for TensorBoard",
        )
    return _event_files(records, target)


def _write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


# ----- CSV ----------------------------------------------------------------------------------


def _write_csv(file: Path, rows: Iterable[Sequence[Any]]) -> None:
    with open(file, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def _cell(cell: Any) -> Any:
    """A cell as a spreadsheet may read it: a text that would be a formula gets a quote before."""
    if cell is None or isinstance(cell, (int, float)):
        return "" if cell is None else cell
    text = clean(cell if isinstance(cell, str) else value(cell)).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _steps(record: RunRecord) -> Iterator[list[Any]]:
    """A row for each step: the series as columns. What was taken down twice at one step has two
    rows."""
    series = {name: record.series(name) for name in record.metrics}
    yield ["step", *map(_cell, series)]
    if not series:
        return
    steps = np.concatenate([steps for steps, _ in series.values()])
    again = np.concatenate([_repeats(steps) for steps, _ in series.values()])
    values = np.concatenate([values for _, values in series.values()])
    column = np.repeat(np.arange(len(series)), [len(values) for _, values in series.values()])
    order = np.lexsort((again, steps))
    new = np.append(True, (np.diff(steps[order]) != 0) | (np.diff(again[order]) != 0))
    row = np.empty(len(order), np.int64)
    row[order] = np.cumsum(new) - 1
    table = np.full((int(new.sum()), len(series)), None, object)
    table[row, column] = values
    for step, numbers in zip(steps[order][new].tolist(), table.tolist(), strict=True):
        yield [int(step) if step.is_integer() else step, *numbers]


def _repeats(steps: np.ndarray) -> np.ndarray:
    """How many earlier points of a series have the same step, for steps that never fall."""
    first = np.flatnonzero(np.diff(steps, prepend=np.nan) != 0)
    lengths = np.diff(np.append(first, len(steps)))
    return np.arange(len(steps)) - np.repeat(first, lengths)


def _runs(records: Sequence[RunRecord]) -> Iterator[list[Any]]:
    rows = [flat(record) for record in records]
    heads = list(dict.fromkeys(name for row in rows for name in row))
    yield [_cell(name) for name in heads]
    for row in rows:
        yield [_cell(row.get(name)) for name in heads]


# ----- JSON ---------------------------------------------------------------------------------


def _whole(record: RunRecord) -> dict[str, Any]:
    """Everything recorded of a run. Numbers that JSON cannot hold are the texts "NaN",
    "Infinity" and "-Infinity"."""
    series = {name: record.series(name) for name in record.metrics}
    whole = {
        **{name: getattr(record, name) for name in (
            "id", "number", "name", "status", "created", "duration", "epoch", "step", "message",
            "tags", "notes", "config", "metrics", "model", "source", "environment", "origin")},
        "series": {name: {"steps": steps.tolist(), "values": values.tolist()}
                   for name, (steps, values) in series.items()},
        "events": [list(event) for event in record.store.events(record.id)],
    }  # fmt: skip
    plain: dict[str, Any] = _plain(whole)
    return plain


def _plain(thing: Any) -> Any:
    if isinstance(thing, float) and not math.isfinite(thing):
        return "NaN" if math.isnan(thing) else "Infinity" if thing > 0 else "-Infinity"
    if isinstance(thing, dict):
        return {str(key): _plain(part) for key, part in thing.items()}
    return [_plain(part) for part in thing] if isinstance(thing, (list, tuple)) else thing


# ----- TensorBoard --------------------------------------------------------------------------


def _event_files(records: Sequence[RunRecord], folder: Path) -> Path:
    """A folder for each run in ``folder``, named by its name and id."""
    tensorboard = require("tensorboardX", "a folder for TensorBoard", extra="tensorboard")
    made = not folder.exists()
    if made:
        write_folder(folder, lambda path: None)
    for record in records:
        name = f"{_file_name(record.name)}-{_file_name(record.id)}"
        write_folder(folder / name, lambda path, r=record: _events(tensorboard, r, path))  # type: ignore[misc]
    return folder


def _events(tensorboard: Any, record: RunRecord, path: Path) -> None:
    writer = tensorboard.SummaryWriter(str(path))
    try:
        for name in record.metrics:
            steps, values = record.series(name)
            keep = thin(values, POINTS)
            for step, number in zip(steps[keep].tolist(), values[keep].tolist(), strict=True):
                writer.add_scalar(clean(name), number, int(step), walltime=record.created)
    finally:
        writer.close()


def _file_name(name: str) -> str:
    """Letters, digits and _ of a name: nothing that leads out of a folder."""
    return re.sub(r"[^\w]+", "_", name).strip("_")[:60] or "run"
