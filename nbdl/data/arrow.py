"""Parquet files, Arrow tables and Arrow data sets as streams, read a row group at a time."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.data import sampling
from nbdl.data.columns import Layout
from nbdl.data.optional import require
from nbdl.data.paths import existing
from nbdl.data.streams import BlockStream
from nbdl.errors import ArgumentError, DataError, FileError, brief

TABLE_ROWS = 65_536
"""Rows of a table in memory that are turned into arrays at a time."""

BUFFER = 10_000
"""Rows that are shuffled with each other, unless told otherwise."""


def parquet(
    path: Any,
    target: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    shuffle: bool = False,
    buffer_size: int = BUFFER,
) -> ArrowStream:
    """Parquet files as a stream that is never in memory as a whole: a row group at a time.

    Args:
        path: a file, a folder (all ``.parquet`` below it, by name), or a list of them.
        target: the column to predict. Samples are then (inputs, target): columns that are one
            number a row become one float array (columns,), a single column of lists an array
            of its shape. Without it samples are dicts of all columns, text included.
        columns: those to read; all unless given, besides ``target``.
        classes: the names of a text target's classes, in the order of their numbers.
        shuffle: visit row groups in a random order, and shuffle the rows of ``buffer_size``
            or more of them with each other; a function of the loader's seed and the epoch.
        buffer_size: rows held for that.

    Returns a stream with a length. A loader that goes on in the middle of an epoch reads the
    row group where it stopped and none before. Empty cells of float columns are NaN.

    Raises FileError for files that are missing, damaged, or changed since; DataError for a
    missing column, types that are no numbers or text, and empty cells in whole numbers.
    """
    pieces = [piece for file in _files(path) for piece in _row_groups(file)]
    name = Path(str(path[0] if isinstance(path, (list, tuple)) else path)).stem
    return _stream(pieces, name, target, columns, classes, shuffle, buffer_size)


def arrow(
    source: Any,
    target: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    shuffle: bool = False,
    buffer_size: int = BUFFER,
) -> ArrowStream:
    """A ``pyarrow.Table`` or ``pyarrow.dataset.Dataset`` as a stream; all else as ``parquet``."""
    pieces: list[Any]
    if _is_dataset(source):
        pieces = [
            piece for f in source.get_fragments() for piece in _fragments(f, source.schema)
        ]
    elif _is_table(source):
        pieces = [
            TablePart(source, start, min(TABLE_ROWS, source.num_rows - start))
            for start in range(0, source.num_rows, TABLE_ROWS)
        ]
    else:
        raise ArgumentError(
            f"data.arrow takes a pyarrow Table or Dataset, got {brief(source)}",
            hint="data.parquet(path) reads files",
        )
    name = type(source).__name__
    return _stream(pieces, name, target, columns, classes, shuffle, buffer_size)


def is_arrow(source: Any) -> bool:
    """Whether it is what ``arrow`` takes; told without loading pyarrow."""
    return _is_dataset(source) or _is_table(source)


def _is_dataset(source: Any) -> bool:
    return hasattr(source, "get_fragments") and hasattr(source, "schema")


def _is_table(source: Any) -> bool:
    return all(hasattr(source, name) for name in ("num_rows", "select", "schema", "to_batches"))


def _stream(
    pieces: Sequence[Any], name: str, target: Any, columns: Any, classes: Any, shuffle: bool,
    buffer_size: int,
) -> ArrowStream:  # fmt: skip
    if not sum(piece.rows for piece in pieces):
        raise DataError(f"{name} has no rows")
    layout: Layout | None = None
    before: str | None = None
    for piece in pieces:  # row groups of one file have one schema
        if piece.origin != before:
            layout = Layout.of(piece.schema(), piece.origin, target, columns, classes, layout)
            before = piece.origin
    assert layout is not None
    made = ArrowStream([p for p in pieces if p.rows], layout, name)
    return made.shuffle(buffer_size) if shuffle else made


class ArrowStream(BlockStream):
    """Rows of Arrow tables that are read piece by piece: what ``data.parquet`` returns."""

    def __init__(self, pieces: Sequence[Any], layout: Layout, name: str) -> None:
        self.pieces, self.layout, self.name = pieces, layout, name
        self.classes, self.features = layout.classes, layout.features
        self.buffer_size = 0

    def __len__(self) -> int:
        return sum(piece.rows for piece in self.pieces)

    def shuffle(self, buffer_size: int = BUFFER) -> ArrowStream:
        if isinstance(buffer_size, bool) or not isinstance(buffer_size, int) or buffer_size < 1:
            raise ArgumentError(
                f"buffer_size must be a whole number of at least 1, got {brief(buffer_size)}"
            )
        shuffled = copy.copy(self)
        shuffled.buffer_size = buffer_size
        return shuffled

    def blocks(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        for number, group in enumerate(self._groups(seed, epoch)):
            rows = sum(piece.rows for piece in group)
            if start >= rows:
                start -= rows
                continue
            places = np.arange(rows)
            if self.buffer_size:
                places = sampling.block_order(rows, seed, epoch, number)
            yield self.layout.batch([self._read(piece) for piece in group], places[start:])
            start = 0

    def pieces_hash(self) -> str:
        """A hash of the pieces' names, rows and, of files, their sizes: nothing is read."""
        digest = hashlib.blake2b(repr(self.layout.names).encode(), digest_size=16)
        for piece in self.pieces:
            size = piece.stamp[0] if isinstance(piece, RowGroup) else 0
            digest.update(f"{Path(piece.origin).name} {piece.rows} {size}".encode())
        return digest.hexdigest()

    def _groups(self, seed: int, epoch: int) -> Iterator[list[Any]]:
        """The pieces in the epoch's order, joined until they have ``buffer_size`` rows."""
        pieces, group, rows = list(self.pieces), [], 0
        if self.buffer_size:
            pieces = [pieces[i] for i in sampling.order(len(pieces), seed, epoch)]
        for piece in pieces:
            group.append(piece)
            rows += piece.rows
            if rows >= self.buffer_size:
                yield group
                group, rows = [], 0
        if group:
            yield group

    def _read(self, piece: Any) -> Any:
        try:
            return piece.read(list(self.layout.names))
        except FileError:
            raise
        except Exception as error:
            raise FileError(f"{piece.origin} cannot be read: {error}") from error

    def __repr__(self) -> str:
        parts = ", ".join(self.layout.names[:6]) + (", ..." if len(self.layout.names) > 6 else "")
        shuffled = f", shuffled by {self.buffer_size}" if self.buffer_size else ""
        return f"{self.name}({len(self)} rows: {parts}{shuffled})"


# ----- pieces -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowGroup:
    """One row group of a Parquet file.

    Attributes:
        file, group: which one.
        rows: how many it has.
        stamp: size and time of change of the file when it was looked at.
    """

    file: str
    group: int
    rows: int
    stamp: tuple[int, int]

    @property
    def origin(self) -> str:
        return self.file

    def schema(self) -> Any:
        return _opened(self.file).schema_arrow

    def read(self, columns: list[str]) -> Any:
        if not os.path.exists(self.file):
            raise FileError(f"{self.file} is no longer there")
        if _stamp(self.file) != self.stamp:
            raise FileError(
                f"{self.file} has changed since the data set was made",
                hint="make it anew: data.parquet(...)",
            )
        return _opened(self.file).read_row_group(self.group, columns=columns)


@dataclass(frozen=True)
class TablePart:
    """Some rows of a table."""

    table: Any
    start: int
    rows: int
    origin: str = "the table"

    def schema(self) -> Any:
        return self.table.schema

    def read(self, columns: list[str]) -> Any:
        return self.table.slice(self.start, self.rows).select(columns)


@dataclass(frozen=True)
class Fragment:
    """A file, or a row group of one, of an Arrow data set."""

    fragment: Any
    rows: int
    origin: str
    whole: Any  # the schema of the data set, in which partitions are columns too

    def schema(self) -> Any:
        return self.whole

    def read(self, columns: list[str]) -> Any:
        return self.fragment.to_table(self.whole, columns=columns)


def _fragments(fragment: Any, schema: Any) -> list[Fragment]:
    split = getattr(fragment, "split_by_row_group", None)
    parts = [fragment] if split is None else split()
    origin = str(getattr(fragment, "path", "the data set"))
    found = []
    for part in parts:
        groups = getattr(part, "row_groups", None)
        rows = sum(g.num_rows for g in groups) if groups else part.count_rows()
        found.append(Fragment(part, rows, origin, schema))
    return found


def _files(path: Any) -> list[Path]:
    if isinstance(path, (list, tuple)):
        return [file for each in path for file in _files(each)]
    found = existing(path, "the Parquet file")
    if not found.is_dir():
        return [found]
    files = sorted(found.rglob("*.parquet"))
    if not files:
        raise FileError(f"there is no .parquet file in {str(path)!r}")
    return files


def _row_groups(file: Path) -> list[RowGroup]:
    try:
        metadata = _opened(str(file)).metadata
    except OSError as error:
        raise FileError(f"{file} is not a readable Parquet file: {error}") from None
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise FileError(f"{file} is not a readable Parquet file: {error}") from None
    stamp = _stamp(str(file))
    return [
        RowGroup(str(file), i, metadata.row_group(i).num_rows, stamp)
        for i in range(metadata.num_row_groups)
    ]


def _opened(file: str) -> Any:
    return require("pyarrow.parquet", "data.parquet").ParquetFile(file)


def _stamp(file: str) -> tuple[int, int]:
    state = os.stat(file)
    return state.st_size, state.st_mtime_ns
