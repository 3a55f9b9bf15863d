"""Runs of the past, as the store keeps each."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from nbdl.errors import ArgumentError
from nbdl.training.archive.database import Store
from nbdl.training.archive.recorder import recorder
from nbdl.training.archive.store import default_path, open_store
from nbdl.training.statistics.history import History

FINAL = frozenset(("finished", "stopped", "pruned", "interrupted", "failed"))
"""Statuses of a run that is over."""

_SILENT = 120.0
"""Seconds without a sign of life after which a run whose process cannot be seen was killed."""


@dataclass(eq=False)
class RunRecord:
    """One run as the store keeps it. Its series and events are read when they are asked for.

    Attributes:
        id, name, status, message: as of the run; status 'killed' is a run whose process is gone.
        number: its place in the order in which the store's runs began, which no clock changes.
        created: unix time at which it began.
        duration: seconds until its end, or until its last sign of life.
        epoch, step: how far it came.
        config: the arguments it was started with.
        metrics: the last value of each series.
        model: its model, as text; ``source`` is the cell that defined it, or "".
        environment: versions, machine and commit.
        origin: fingerprints of the data and weights it began with (``Run.origin``).
        tags, notes: what people have said of it.
        deleted: unix time at which it went to the trash, or None.
    """

    id: str
    name: str
    status: str
    number: int
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
    notes: str
    deleted: float | None = field(repr=False)
    store: Store = field(repr=False)

    @classmethod
    def of(cls, row: dict[str, Any], store: Store) -> Self:
        """From a row of the store."""
        status = row["status"]
        if status not in FINAL and is_gone(row):
            status = "killed"
        created, seen = row["created"] or 0.0, row["seen"] or 0.0
        return cls(
            id=row["id"], name=row["name"], status=status, number=row["number"] or 0,
            created=created, duration=max(0.0, (row["finished"] or seen) - created),
            epoch=row["epoch"] or 0, step=row["step"] or 0, message=row["message"] or "",
            config=_json(row["config"], {}), metrics=row["metrics"],
            model=row["model"] or "", source=row["source"] or "",
            environment=_json(row["environment"], {}), origin=_json(row["origin"], {}),
            tags=tuple(map(str, _json(row["tags"], []))), notes=row["notes"] or "",
            deleted=row["deleted"], store=store,
        )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        """Whether it still trains, as far as the store knows."""
        return self.status not in FINAL and self.status != "killed"

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of one series: float64; empty if nothing has that name."""
        rows = self.store.series(self.id, (name,)).get(name, ([], np.empty((0, 2))))[1]
        return rows[:, 0], rows[:, 1]

    def history(self) -> History:
        """All its series, norms by layer and events, read from the store."""
        history = History()
        tables = history.tables()
        for name, (columns, data) in self.store.series(self.id).items():
            if name in tables:
                tables[name].read(columns, data)
            else:
                history.extend(name, data)
        history.events = [(t, kind, text) for t, kind, text in self.store.events(self.id)]
        return history


def _json(text: str | None, empty: Any) -> Any:
    """A column's JSON; ``empty`` where it holds nothing of that kind."""
    try:
        found = json.loads(text or "null")
    except ValueError:  # the file is a person's: a spoilt row must not hide the others
        return empty
    return found if isinstance(found, type(empty)) else empty


def kept_store(folder: str | Path | None = None) -> Store | None:
    """The store of the working directory (or of ``folder``) with the newest numbers of runs under
    way; None where nothing was kept yet, and looking should leave nothing behind.
    """
    recorder.sync()
    if folder is not None:
        path = default_path(Path(folder))
        if not Path(folder).is_dir():
            raise ArgumentError(f"there is no folder {str(folder)!r}")
        return open_store(path) if path.exists() else None
    if default_path().parent.exists() or not os.access(Path.cwd(), os.W_OK):
        return open_store()
    return None


def clock(seconds: float) -> str:
    """Seconds for a person: ``0.8 s``, ``12 s``, ``3:05``, ``1:02:03``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def is_gone(row: dict[str, Any]) -> bool:
    """Whether the process of a run that is not over has ended."""
    if row["host"] != socket.gethostname():
        return time.time() - row["seen"] > _SILENT
    if row["pid"] == os.getpid():  # or that of a former process, which had the same number
        return not recorder.has(row["id"])
    import psutil  # noqa: PLC0415 (takes long, and is seldom needed)

    try:
        process = psutil.Process(row["pid"])
        another = process.create_time() > row["seen"] + _SILENT  # it has its number now
        return bool(another or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # it is another person's
        return False
