"""Writes what runs measure into their store, from a thread of its own, a few times a second.

The training thread does nothing for it: histories only grow, so the recorder reads from each
what is new since its last visit.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.errors import FileError
from nbdl.training.archive.database import METRIC, Store
from nbdl.training.archive.environment import environment
from nbdl.training.archive.store import open_store
from nbdl.training.statistics.history import History

INTERVAL = 0.5
"""Seconds between two visits."""


class _Entry:
    """How far the recorder has read one run, and what the store is to know of it at first."""

    def __init__(self, run: Any, store: Store) -> None:
        self.run, self.store = run, store
        self.read: dict[str, int] = {}
        self.events = 0
        self.failed = self.over = False
        self._entered = False
        # A run that is in the store already goes on there, from what it knows of itself now.
        self._from = (run.step, _counts(run.history), len(run.history.events))
        self._first = {
            "config": plain_config(run.config), "model": _text(run.model), "source": run.source,
            "origin": json.dumps(run.origin), "created": time.time(),
        }  # fmt: skip

    def write(self) -> None:
        """Write what is new. Raises FileError when the store cannot be written now."""
        if not self._entered:
            self._enter()
            self._entered = True
        history = self.run.history
        rows: dict[str, tuple[list[str], np.ndarray]] = {}
        for name in history.names():
            steps, values = history.since(name, self.read.get(name, 0))
            if len(steps):
                rows[name] = (METRIC, np.stack((steps, values), 1))
        for name, sampled in history.tables().items():
            table = sampled.table(self.read.get(name, 0))
            if len(table):
                rows[name] = (sampled.columns(), table)
        events = list(history.events[self.events :])
        run = self.run
        self.store.write(
            run.id, rows, events, self.events,
            status=run.status, epoch=run.epoch, step=run.step, message=run.message,
            finished=run.finished,
        )  # fmt: skip
        for name, (_, data) in rows.items():
            self.read[name] = self.read.get(name, 0) + len(data)
        self.events += len(events)

    def _enter(self) -> None:
        run = self.run
        if self.store.find(run.id) is None:
            found = environment(run.models) | run.settings.said()
            self.store.add_run(run.id, run.name, environment=json.dumps(found), **self._first)
            return
        step, counts, events = self._from
        self.read = self.store.truncate(run.id, step, rows=counts, events=events)
        self.events = min(events, len(self.store.events(run.id)))
        model = {key: self._first[key] for key in ("model", "source") if self._first[key]}
        self.store.update_run(run.id, host=socket.gethostname(), pid=os.getpid(), **model)


def _counts(history: History) -> dict[str, int]:
    """Points of each series, and samples of the layers."""
    counts = {name: history.count(name) for name in history.names()}
    return {**counts, **{name: len(table) for name, table in history.tables().items()}}


class Recorder:
    """The thread that visits all runs under way."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def start(self, run: Any, store: Store) -> None:
        """Enter ``run`` in ``store`` and keep it up to date until ``finish``.

        A run whose id is in the store already goes on there: what the store has beyond the
        run's history (rows after its step, more rows or events than it knows of) is forgotten
        in one transaction, and what the store has not seen yet is written.
        """
        with self._lock:
            self._entries[run.id] = _Entry(run, store)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._visit_all, name="nbdl-store", daemon=True
                )
                self._thread.start()
            self._wake.notify()

    def finish(self, run: Any) -> None:
        """Write the rest of ``run`` now, and visit it no more; where the store cannot be written
        now, go on trying."""
        with self._lock:
            entry = self._entries.get(run.id)
        if entry is not None:
            entry.over = True
            self._visit([entry])

    def sync(self) -> None:
        """Write what is new of all runs now, so that a reader of the store sees it."""
        with self._lock:
            entries = list(self._entries.values())
        self._visit(entries)

    def has(self, run: str) -> bool:
        """Whether a run of this id is under way here, or not all of it is written."""
        with self._lock:
            return run in self._entries

    def _visit_all(self) -> None:
        while True:
            with self._lock:
                while not self._entries:
                    self._wake.wait()
                self._wake.wait(INTERVAL)
            self.sync()

    def _visit(self, entries: list[_Entry]) -> None:
        """Write what is new of runs; those that are over are done with then."""
        stuck = set()  # to wait once for a store that is locked is enough
        with _visiting:
            for entry in entries:
                if entry.store not in stuck and not self._write(entry):
                    stuck.add(entry.store)

    def _write(self, entry: _Entry) -> bool:
        """Whether it could be written."""
        over = entry.over
        try:
            entry.write()
        except Exception as error:
            # A full disk or a lock held elsewhere must not stop the training; nothing is lost
            # while this process lives, for the next visit writes it.
            if not entry.failed:
                why = error.message if isinstance(error, FileError) else repr(error)
                entry.run.history.note("warning", f"{why}; training goes on, and what is missing "
                                       "is written later")  # fmt: skip
            entry.failed = True
            return False
        entry.failed = False
        if over:
            with self._lock:
                self._entries.pop(entry.run.id, None)
            entry.store.release(entry.run.id)
        return True


_visiting = threading.Lock()
recorder = Recorder()
atexit.register(recorder.sync)


def keep(run: Any, store: Any) -> Store | None:
    """Keep ``run`` in the run store (True), in the store at a path, or nowhere (False).

    Returns the store.
    """
    if store is False or store is None:
        return None
    opened = open_store(None if store is True else store)
    if opened is not None:
        recorder.start(run, opened)
        run.at_end.append(lambda: recorder.finish(run))
    return opened


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's configuration as JSON can hold it."""
    return {str(key): _plain(value) for key, value in config.items()}


def objects(config: Mapping[str, Any]) -> list[str]:
    """The arguments whose values JSON can only name: functions, layers, optimizers."""
    return [key for key, value in config.items() if not _is_plain(value)]


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, (bool, int, float, str))


def _plain(value: Any) -> Any:
    """A value of a configuration as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return getattr(value, "__name__", None) or _text(value)


def _text(value: Any) -> str | None:
    """What an object says of itself, without addresses in memory and folders of this person."""
    if value is None:
        return None
    said = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)[:20_000])
    return said.replace(str(Path.home()), "~")
