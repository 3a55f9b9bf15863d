"""``nbdl.runs()``: the runs of a store as a list."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from nbdl.data.optional import require
from nbdl.errors import ArgumentError, unknown
from nbdl.experiments import export, query, report, table
from nbdl.experiments.comparison import Comparison
from nbdl.experiments.kept import KeptRun
from nbdl.training.archive.database import Store
from nbdl.training.archive.records import RunRecord, kept_store

PREFIX = 3
"""So many first letters of an id name a run, where no other id begins with them."""


class RunList(Sequence[KeptRun]):
    """The runs of a store, the newest first: a table to look at, a list to work with."""

    def __init__(self, records: list[KeptRun]) -> None:
        self._records = records

    @overload
    def __getitem__(self, index: int | str) -> KeptRun: ...
    @overload
    def __getitem__(self, index: slice) -> RunList: ...
    def __getitem__(self, index: Any) -> Any:
        """A run by its place, id, name (the newest of that name) or the first letters of its id;
        or a slice of the list."""
        if isinstance(index, slice):
            return RunList(self._records[index])
        return self._named(index) if isinstance(index, str) else self._records[index]

    def _named(self, name: str) -> KeptRun:
        for key in ("id", "name"):
            for record in self._records:
                if getattr(record, key) == name:
                    return record
        begun = [r for r in self._records if len(name) >= PREFIX and r.id.startswith(name)]
        if len(begun) > 1:
            ids = ", ".join(f"{r.id} ({r.name})" for r in begun[:6])
            raise ArgumentError(f"several runs begin with {name!r}: {ids}")
        if not begun:
            raise unknown("run", name, [r.id for r in self] + sorted({r.name for r in self}))
        return begun[0]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[KeptRun]:
        return iter(self._records)

    # ----- choosing -------------------------------------------------------------------------

    def filter(
        self,
        *conditions: str | Callable[[RunRecord], bool],
        name: str | None = None,
        model: str | None = None,
        status: str | None = None,
        tag: str | None = None,
    ) -> RunList:
        """Only the runs for which all of this holds.

        Args:
            conditions: ``"val_accuracy > 0.9"``, ``"lr <= 0.01"``, ``"config.loss = mse"``,
                ``"name ~ lenet"`` (contains), or functions of the record. A run without that
                column does not fit.
            name, model: of the run; the model's unless it was given another.
            status: such as ``"finished"``.
            tag: one of its tags.

        Raises ArgumentError for what is no condition, or about a column that no run has.
        """
        asked = [query.condition(text, list(self._records)) for text in conditions]
        wanted = {"name": name, "status": status}
        return RunList([
            r for r in self._records
            if all(value is None or getattr(r, key) == value for key, value in wanted.items())
            and (model is None or r.name == model)
            and (tag is None or tag in r.tags)
            and all(holds(r) for holds in asked)
        ])  # fmt: skip

    def sort(self, column: str, *, descending: bool = False) -> RunList:
        """In the order of a column: a field, a metric, an option. Runs without it come last.

        ``"-val_accuracy"`` is the descending order.
        """
        if isinstance(column, str) and column.startswith("-"):
            column, descending = column[1:], True
        query.check_column(column, list(self._records))
        has = [r for r in self._records if query.sort_key(r, column)[0] < 2]
        lacks = [r for r in self._records if query.sort_key(r, column)[0] == 2]
        has.sort(key=lambda r: query.sort_key(r, column), reverse=descending)
        return RunList(has + lacks)

    def head(self, count: int = 20) -> RunList:
        """The first ``count`` runs."""
        return self[:count]

    # ----- doing ----------------------------------------------------------------------------

    def compare(self) -> Comparison:
        """All runs of the list beside each other."""
        return Comparison(list(self._records))

    def tag(self, *tags: str) -> RunList:
        """Add tags to every run."""
        for record in self._records:
            record.tag(*tags)
        return self

    def delete(self) -> None:
        """Put all runs of the list into the trash together; none of them if one still trains."""
        for record in self._records:
            if record.is_alive:
                raise ArgumentError(f"the run {record.id} ({record.name}) is still training")
        for store, records in _by_store(self._records):
            store.delete([r.id for r in records])

    def restore(self) -> None:
        """Take the runs of the list out of the trash."""
        for record in self._records:
            record.restore()

    def export(self, path: str | Path) -> Path:
        """Write a table of these runs (``.csv``), all their numbers (``.json``), or a folder for
        TensorBoard. Raises FileError, with nothing half-written, where that cannot be."""
        return export.export(list(self._records), path)

    def report(self, path: str | Path) -> Path:
        """Write one HTML page about these runs that needs no other file."""
        return report.write(list(self._records), path)

    def to_pandas(self) -> Any:
        """A pandas frame, one row a run: its fields, last metrics, and ``config.*``."""
        pandas = require("pandas", "runs().to_pandas()")
        rows = [
            {**row, "created": pandas.Timestamp(row["created"], unit="s", tz="UTC")}
            for row in map(table.flat, self._records)
        ]
        return pandas.DataFrame(rows) if rows else pandas.DataFrame(columns=list(table.FLAT))

    def __repr__(self) -> str:
        return table.list_text(self._records)

    def _repr_html_(self) -> str:
        return table.list_html(self._records)


def runs(folder: str | Path | None = None, *, trash: bool = False) -> RunList:
    """The runs of the working directory's store (or of ``folder``'s), the newest first.

    ``nbdl.runs()["lenet"].history()["loss"]`` are the losses of the newest run called lenet;
    ``nbdl.runs().to_pandas()`` is a data frame.

    Args:
        folder: the folder whose ``.nbdl/runs.sqlite`` is read.
        trash: those that were deleted and can be restored, instead.

    Raises FileError for a store that is damaged or of a newer nbdl.
    """
    store = kept_store(folder)
    if store is None:
        return RunList([])
    found = [KeptRun.of(row, store) for row in reversed(store.runs(deleted=trash))]
    if trash:
        found.sort(key=lambda r: r.deleted or 0.0, reverse=True)
    return RunList(found)


def undo(folder: str | Path | None = None) -> RunList:
    """Take back the last deletion; the runs that are there again. Empty if there was none."""
    thrown = runs(folder, trash=True)
    last = thrown.filter(lambda r: r.deleted == thrown[0].deleted)
    last.restore()
    return last


def empty_trash(folder: str | Path | None = None) -> int:
    """Remove the runs in the trash for ever, their checkpoints too; how many there were."""
    thrown = runs(folder, trash=True)
    for store, records in _by_store(list(thrown)):
        store.erase([r.id for r in records])
        for record in records:
            _remove_checkpoints(store, record.id)
    return len(thrown)


def _by_store(records: list[KeptRun]) -> list[tuple[Store, list[KeptRun]]]:
    found: dict[int, tuple[Store, list[KeptRun]]] = {}
    for record in records:
        found.setdefault(id(record.store), (record.store, []))[1].append(record)
    return list(found.values())


def _remove_checkpoints(store: Store, run: str) -> None:
    """The folder of a run's checkpoints, if its id is one that nbdl gives and nothing else."""
    folder = store.path.parent / "checkpoints" / run
    if re.fullmatch(r"[\w-]+", run) and folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
