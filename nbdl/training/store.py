"""The run store: one SQLite file that keeps every run's configuration, numbers and end.

It lies in ``.nbdl/runs.sqlite`` of the working directory. Several processes may use it at once.
Numbers are kept as blocks of rows (little-endian float64), which SQLite would otherwise turn into
one record a number, and NaN into NULL.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.errors import FileError

VERSION = 1
BLOCK = 4096
"""Rows of one block; the last block of a series is written again as it grows."""

_SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
    finished REAL, epoch INTEGER, step INTEGER, message TEXT,
    config TEXT NOT NULL, model TEXT, source TEXT, environment TEXT,
    host TEXT, pid INTEGER, folder TEXT, seen REAL, tags TEXT, notes TEXT
);
CREATE INDEX runs_created ON runs(created);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    name TEXT NOT NULL, columns TEXT NOT NULL, UNIQUE (run, name)
);
CREATE TABLE blocks (
    series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE,
    number INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (series, number)
) WITHOUT ROWID;
CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL, time REAL, kind TEXT, text TEXT, PRIMARY KEY (run, number)
) WITHOUT ROWID;
"""
_MIGRATIONS: dict[int, str] = {0: _SCHEMA}
"""Version of a file -> what brings it to the next one."""

_REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "gluster", "lustre", "drvfs", "vbox")
_CHANGEABLE = ("name", "status", "finished", "epoch", "step", "message", "model", "source",
               "environment", "seen", "tags", "notes")  # fmt: skip


def _storable(values: Iterable[Any]) -> list[Any]:
    """Values as SQLite takes them: a text may hold half a character (a lone surrogate)."""
    return [
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for value in values
    ]


def file_system(path: Path, mounts: str = "/proc/mounts") -> str:
    """The kind of file system ``path`` is on, such as ``"ext4"``; empty where it is not told."""
    try:
        lines = Path(mounts).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    target = str(path.resolve())
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def journal_mode(path: Path, mounts: str = "/proc/mounts") -> str:
    """WAL, whose shared memory file needs a local file system; DELETE on others."""
    return "DELETE" if file_system(path, mounts).startswith(_REMOTE) else "WAL"


class Store:
    """One store file. Every method may be called from any thread.

    Raises FileError when the file cannot be opened, is no store, or was written by a newer nbdl.
    """

    def __init__(self, path: str | Path, *, timeout: float = 10.0) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._tails: dict[tuple[str, str], tuple[int, int, np.ndarray]] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=timeout, check_same_thread=False, isolation_level=None
            )
        except (OSError, sqlite3.Error) as error:
            raise FileError(f"the run store {self.path} cannot be opened: {error}") from None
        try:
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute(f"PRAGMA journal_mode = {journal_mode(self.path.parent)}")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._migrate()
        except sqlite3.Error as error:
            self._db.close()
            raise FileError(
                f"the run store {self.path} cannot be used: {error}",
                hint="if it is damaged, move it away; a new one is made",
            ) from None
        except FileError:
            self._db.close()
            raise

    def _migrate(self) -> None:
        with self._writing():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise FileError(
                    f"the run store {self.path} has version {version}; this nbdl knows {VERSION}",
                    hint="upgrade nbdl, or work in another folder",
                )
            for old in range(version, VERSION):
                for statement in _MIGRATIONS[old].split(";"):
                    if statement.strip():
                        self._db.execute(statement)
            # Writing the number also proves that the file may be written.
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; the write lock is taken at once, so it never fails half-way."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # ----- writing --------------------------------------------------------------------------

    def add_run(self, run: str, name: str, config: Mapping[str, Any], **fields: Any) -> None:
        """Enter a new run; ``fields`` are columns of the table, such as ``model=repr(net)``."""
        now = time.time()
        row = {
            "id": run, "name": name, "status": "waiting", "created": now, "seen": now,
            "config": json.dumps(config, default=repr), "host": socket.gethostname(),
            "pid": os.getpid(), "folder": os.getcwd(), **fields,
        }  # fmt: skip
        marks = ", ".join("?" * len(row))
        with self._writing():
            self._db.execute(
                f"INSERT INTO runs ({', '.join(row)}) VALUES ({marks})", _storable(row.values())
            )

    def update_run(self, run: str, **fields: Any) -> None:
        """Change columns of a run."""
        with self._writing():
            self._update(run, fields)

    def _update(self, run: str, fields: Mapping[str, Any]) -> None:
        wrong = set(fields) - set(_CHANGEABLE)
        if wrong:
            raise ValueError(f"no such columns of a run: {sorted(wrong)}")
        setting = ", ".join(f"{name} = ?" for name in fields)
        self._db.execute(
            f"UPDATE runs SET {setting} WHERE id = ?", _storable((*fields.values(), run))
        )

    def write(
        self,
        run: str,
        rows: Mapping[str, tuple[list[str], np.ndarray]],
        events: list[tuple[float, str, str]] = (),  # type: ignore[assignment]
        first_event: int = 0,
        **fields: Any,
    ) -> None:
        """Append rows to series of a run, add events and change columns, in one transaction.

        ``rows``: name -> (names of the columns, (n, columns) array).
        """
        tails = dict(self._tails)
        try:
            with self._writing():
                for name, (columns, data) in rows.items():
                    self._append(run, name, columns, data)
                self._db.executemany(
                    "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?)",
                    [
                        _storable((run, first_event + i, *event))
                        for i, event in enumerate(events)
                    ],
                )
                self._update(run, {"seen": time.time(), **fields})
        except BaseException:
            self._tails = tails  # what was rolled back is not there
            raise

    def release(self, run: str) -> None:
        """Forget what is kept in memory to append to a run that is over."""
        with self._lock:
            self._tails = {key: tail for key, tail in self._tails.items() if key[0] != run}

    def _append(self, run: str, name: str, columns: list[str], data: np.ndarray) -> None:
        key = (run, name)
        if key not in self._tails:
            cursor = self._db.execute(
                "INSERT INTO series (run, name, columns) VALUES (?, ?, ?)",
                _storable((run, name, json.dumps(columns))),
            )
            self._tails[key] = (int(cursor.lastrowid or 0), 0, np.empty((0, len(columns))))
        series, number, tail = self._tails[key]
        tail = np.concatenate((tail, np.asarray(data, np.float64)))
        while len(tail):
            block, rest = tail[:BLOCK], tail[BLOCK:]
            self._db.execute(
                "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)",
                (series, number, len(block), np.ascontiguousarray(block, "<f8").tobytes()),
            )
            if len(block) < BLOCK:
                tail = block
                break
            number, tail = number + 1, rest
        self._tails[key] = (series, number, tail)

    def delete_run(self, run: str) -> None:
        """Remove a run and all its numbers."""
        with self._writing():
            self._db.execute("DELETE FROM runs WHERE id = ?", (run,))

    # ----- reading --------------------------------------------------------------------------

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the oldest first, as dicts of the table's columns."""
        with self._lock:
            cursor = self._db.execute("SELECT * FROM runs ORDER BY created, id")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def series(self, run: str) -> dict[str, tuple[list[str], np.ndarray]]:
        """Name -> (names of the columns, (n, columns) float64) of a run's series."""
        with self._lock:
            found = self._db.execute(
                "SELECT id, name, columns FROM series WHERE run = ? ORDER BY id", (run,)
            ).fetchall()
            return {
                name: self._rows(number, json.loads(columns)) for number, name, columns in found
            }

    def _rows(self, series: int, columns: list[str]) -> tuple[list[str], np.ndarray]:
        blocks = self._db.execute(
            "SELECT data FROM blocks WHERE series = ? ORDER BY number", (series,)
        ).fetchall()
        data = np.frombuffer(b"".join(block[0] for block in blocks), "<f8")
        return columns, data.reshape(-1, len(columns))

    def events(self, run: str) -> list[tuple[float, str, str]]:
        """(unix time, kind, text) of what happened in a run."""
        with self._lock:
            return self._db.execute(
                "SELECT time, kind, text FROM events WHERE run = ? ORDER BY number", (run,)
            ).fetchall()

    def last_values(self, run: str) -> dict[str, float]:
        """The newest value of each series of numbers, reading only their last blocks."""
        with self._lock:
            rows = self._db.execute(
                "SELECT s.name, b.data FROM series s JOIN blocks b ON b.series = s.id "
                "WHERE s.run = ? AND s.name != 'gradients' AND b.number = "
                "(SELECT max(number) FROM blocks WHERE series = s.id) ORDER BY s.id",
                (run,),
            ).fetchall()
        return {name: float(np.frombuffer(data, "<f8")[-1]) for name, data in rows}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


# ----- where the store lies -----------------------------------------------------------------


def user_folder() -> Path:
    """The folder of this user for what cannot be kept in the working directory."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "nbdl"


def default_path(folder: Path | None = None) -> Path:
    """``.nbdl/runs.sqlite`` of ``folder``, the working directory if None."""
    return (folder or Path.cwd()) / ".nbdl" / "runs.sqlite"


_open: dict[Path, Store | None] = {}
_open_lock = threading.Lock()


def open_store(path: str | Path | None = None) -> Store | None:
    """The store at ``path``, or the working directory's; one object a file and process.

    If the working directory cannot be written, the user's folder is taken, with a warning; if
    that cannot either, None, with a warning: training goes on without a store.
    """
    wanted = default_path() if path is None else Path(path)
    with _open_lock:
        key = Path(os.path.abspath(wanted))
        if key in _open:
            known = _open[key]
            if known is None or known.path.exists():  # else the user has removed it: a new one
                return known
        if path is not None:
            _open[key] = Store(wanted)
            return _open[key]
        _open[key] = found = _open_first(wanted, user_folder() / "runs.sqlite")
        return found


def _open_first(wanted: Path, fallback: Path) -> Store | None:
    try:
        store = Store(wanted)
        _ignore_in_git(wanted.parent)
        return store
    except FileError as error:
        reason = error.message
    try:
        store = Store(fallback)
    except FileError as error:
        warnings.warn(f"runs are not kept: {reason}; {error.message}", stacklevel=4)
        return None
    warnings.warn(f"{reason}; runs are kept in {fallback}", stacklevel=4)
    return store


def _ignore_in_git(folder: Path) -> None:
    try:
        with open(folder / ".gitignore", "x", encoding="utf-8") as file:
            file.write("*\n")
    except OSError:
        pass  # it is there already, or not to be had: only a convenience


def forget_stores() -> None:
    """Close all stores of this process."""
    with _open_lock:
        for store in {id(s): s for s in _open.values() if s is not None}.values():
            store.close()
        _open.clear()
