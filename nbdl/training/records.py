"""Runs of the past: what the store keeps of each, as a list, a table or a data frame."""

from __future__ import annotations

import html
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from nbdl.data.optional import require
from nbdl.errors import ArgumentError, unknown
from nbdl.training.database import Store
from nbdl.training.history import History
from nbdl.training.recorder import recorder
from nbdl.training.store import default_path, open_store

FINAL = frozenset(("finished", "stopped", "interrupted", "failed"))
"""Statuses of a run that is over."""

_SILENT = 120.0
"""Seconds without a sign of life after which a run on another machine counts as killed."""


@dataclass(frozen=True)
class RunRecord:
    """One run as the store keeps it.

    Attributes:
        id, name, status, message: as of the run; status 'killed' is a run whose process is gone.
        created: unix time at which it began.
        duration: seconds until its end, or until its last sign of life.
        epoch, step: how far it came.
        config: the arguments it was started with.
        metrics: the last value of each series.
        model: its model, as text; ``source`` is the cell that defined it, or "".
        environment: versions, machine and commit.
        origin: fingerprints of the data and weights it began with (``Run.origin``).
        tags, note: what people have said of it.
        deleted: unix time at which it went to the trash, or None.
    """

    id: str
    name: str
    status: str
    created: float
    duration: float
    epoch: int
    step: int
    message: str
    config: dict[str, Any]
    metrics: dict[str, float]
    model: str
    source: str = field(repr=False)
    environment: dict[str, str] = field(repr=False)
    origin: dict[str, Any] = field(repr=False)
    tags: tuple[str, ...]
    note: str
    deleted: float | None = field(repr=False)
    store: Store = field(repr=False, compare=False)

    def history(self) -> History:
        """All its series, norms by layer and events, read from the store."""
        history = History()
        for name, (columns, data) in self.store.series(self.id).items():
            if name == "gradients":
                n = (len(columns) - 1) // 3
                layers = [column.removeprefix("grad/") for column in columns[1 : 1 + n]]
                history.gradients.extend(layers, data)
            else:
                history.extend(name, data)
        history.events = [(t, kind, text) for t, kind, text in self.store.events(self.id)]
        return history


class RunList(Sequence[RunRecord]):
    """The runs of a store, the newest first: a table to look at, a list to work with."""

    def __init__(self, records: list[RunRecord]) -> None:
        self._records = records

    @overload
    def __getitem__(self, index: int | str) -> RunRecord: ...
    @overload
    def __getitem__(self, index: slice) -> RunList: ...
    def __getitem__(self, index: Any) -> Any:
        """A run by its place, id or name (the newest of that name), or a slice of the list."""
        if isinstance(index, slice):
            return RunList(self._records[index])
        if isinstance(index, str):
            for record in self._records:
                if index in (record.id, record.name):
                    return record
            raise unknown("run", index, [r.id for r in self] + sorted({r.name for r in self}))
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self._records)

    def filter(self, *, model: str | None = None, status: str | None = None) -> RunList:
        """Only the runs of the model of that name, or with that status."""
        return RunList([
            r for r in self._records
            if (model is None or r.name == model) and (status is None or r.status == status)
        ])  # fmt: skip

    def head(self, count: int = 20) -> RunList:
        """The newest ``count`` runs."""
        return self[:count]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of text: what the views show."""
        metrics = _metric_names(self._records)
        heads = ["id", "name", "status", "started", "time", "epoch", "step", *metrics]
        return heads, [_row(record, metrics) for record in self._records]

    def to_pandas(self) -> Any:
        """A pandas frame, one row a run: its fields, ``config.*`` and last ``metrics``."""
        pandas = require("pandas", "runs().to_pandas()")
        rows = [
            {
                "id": r.id, "name": r.name, "status": r.status,
                "created": pandas.Timestamp(r.created, unit="s", tz="UTC"),
                "duration": r.duration, "epoch": r.epoch, "step": r.step, "message": r.message,
                **r.metrics, **{f"config.{key}": value for key, value in r.config.items()},
            }
            for r in self._records
        ]  # fmt: skip
        columns = ["id", "name", "status", "created", "duration", "epoch", "step", "message"]
        return pandas.DataFrame(rows) if rows else pandas.DataFrame(columns=columns)

    def __repr__(self) -> str:
        if not self._records:
            return "no runs yet"
        heads, rows = self.table()
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [heads, *rows]
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads, rows = self.table()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _metric_names(records: list[RunRecord]) -> list[str]:
    """Loss and what the runs share: the columns worth their room."""
    names: dict[str, int] = {}
    for record in records:
        for name in record.metrics:
            if name not in ("lr", "throughput"):
                names[name] = names.get(name, 0) + 1
    common = sorted(names, key=lambda name: -names[name])[:6]
    return [name for name in names if name in common]


def _row(record: RunRecord, metrics: list[str]) -> list[str]:
    numbers = [f"{record.metrics[n]:.4g}" if n in record.metrics else "" for n in metrics]
    return [
        record.id, record.name, record.status,
        datetime.fromtimestamp(record.created).strftime("%Y-%m-%d %H:%M"),
        clock(record.duration), str(record.epoch), str(record.step), *numbers,
    ]  # fmt: skip


def clock(seconds: float) -> str:
    """Seconds for a person: ``0.8 s``, ``12 s``, ``3:05``, ``1:02:03``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def runs(folder: str | Path | None = None) -> RunList:
    """The runs of the working directory's store (or of ``folder``'s), the newest first.

    ``nbdl.runs()["lenet"].history()["loss"]`` are the losses of the newest run called lenet;
    ``nbdl.runs().to_pandas()`` is a data frame.
    """
    recorder.sync()
    if folder is not None:
        path = default_path(Path(folder))
        if not Path(folder).is_dir():
            raise ArgumentError(f"there is no folder {str(folder)!r}")
        store = open_store(path) if path.exists() else None
    elif default_path().parent.exists() or not os.access(Path.cwd(), os.W_OK):
        store = open_store()
    else:
        store = None  # nothing was kept here yet, and looking should leave nothing behind
    if store is None:
        return RunList([])
    return RunList([_record(row, store) for row in reversed(store.runs())])


def _record(row: dict[str, Any], store: Store) -> RunRecord:
    status = row["status"]
    if status not in FINAL and _is_gone(row):
        status = "killed"
    return RunRecord(
        id=row["id"], name=row["name"], status=status, created=row["created"],
        duration=max(0.0, (row["finished"] or row["seen"]) - row["created"]),
        epoch=row["epoch"] or 0, step=row["step"] or 0, message=row["message"] or "",
        config=json.loads(row["config"]), metrics=row["metrics"],
        model=row["model"] or "", source=row["source"] or "",
        environment=json.loads(row["environment"] or "{}"),
        origin=json.loads(row["origin"] or "{}"), tags=tuple(json.loads(row["tags"] or "[]")),
        note=row["notes"] or "", deleted=row["deleted"], store=store,
    )  # fmt: skip


def _is_gone(row: dict[str, Any]) -> bool:
    """Whether the process of a run that is not over has ended."""
    if row["host"] == socket.gethostname() and sys.platform != "win32":
        if row["pid"] == os.getpid():
            return False
        try:
            os.kill(row["pid"], 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False
    return time.time() - row["seen"] > _SILENT
