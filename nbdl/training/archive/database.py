"""The run store: one SQLite file that keeps every run's configuration, numbers and end.

Several processes may use it at once. Numbers are kept as blocks of rows (little-endian float64),
which SQLite would otherwise turn into one record a number, and NaN into NULL.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.errors import FileError
from nbdl.training.archive.journal import journal_mode
from nbdl.training.archive.schema import VERSION, migrate, version
from nbdl.training.archive.trouble import in_words

BLOCK = 4096
"""Rows of one block of steps and values; the last block of a series is written again as it grows,
so wider rows have fewer to a block."""

METRIC = ["step", "value"]
"""The columns of a series that is one number over steps."""

PATIENCE_S = 1.0
"""Seconds that a reader or writer of an open file waits for what another process writes."""

_CHANGEABLE = ("name", "status", "finished", "epoch", "step", "message", "model", "source",
               "environment", "origin", "seen", "host", "pid", "tags", "notes")  # fmt: skip


def _storable(values: Iterable[Any]) -> list[Any]:
    """Values as SQLite takes them: a text may hold half a character (a lone surrogate)."""
    return [
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for value in values
    ]


class Store:
    """One store file. Every method may be called from any thread.

    Raises FileError when the file cannot be opened, is no store, was written by a newer nbdl, is
    held by another program for long, or damaged; of what is to be written nothing is then.
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
            self._prepare()
            self._db.execute(f"PRAGMA busy_timeout = {1000 * min(timeout, PATIENCE_S):.0f}")
        except sqlite3.Error as error:
            self._db.close()
            raise in_words(self.path, error) from None
        except FileError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        """Settings and version. A file that is as it should be is only read: another process may
        be writing just now."""
        self._db.execute("PRAGMA foreign_keys = ON")
        mode = journal_mode(self.path.parent)
        if self._db.execute("PRAGMA journal_mode").fetchone()[0].upper() != mode:
            self._db.execute(f"PRAGMA journal_mode = {mode}")
        self._db.execute("PRAGMA synchronous = NORMAL")
        found = version(self._db)
        if found > VERSION:
            raise FileError(
                f"the run store {self.path} has version {found}; this nbdl knows {VERSION}",
                hint="upgrade nbdl, or work in another folder",
            )
        if found < VERSION:
            with self._writing():
                migrate(self._db)
        elif not os.access(self.path, os.W_OK):
            raise FileError(f"the run store {self.path} may not be written")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One reader at a time; what is damaged is said as a FileError."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, ValueError) as error:
                raise in_words(self.path, error) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; the write lock is taken at once, so it never fails half-way."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:  # a full disk may have ended it already
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise in_words(self.path, error) from None
                raise

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
                f"INSERT INTO runs ({', '.join(row)}, number) VALUES ({marks}, "
                "(SELECT coalesce(max(number), 0) + 1 FROM runs))",
                _storable(row.values()),
            )

    def update_run(self, run: str, **fields: Any) -> None:
        """Change columns of a run."""
        with self._writing():
            self._update(run, fields)

    def take_over(self, row: Mapping[str, Any]) -> bool:
        """Make this process the one that trains the run of ``row``; False, with nothing changed,
        if another process has done so since the row was read."""
        with self._writing():
            cursor = self._db.execute(
                "UPDATE runs SET status = 'waiting', seen = ?, host = ?, pid = ? "
                "WHERE id = ? AND status IS ? AND host IS ? AND pid IS ?",
                (time.time(), socket.gethostname(), os.getpid(),
                 row["id"], row["status"], row["host"], row["pid"]),
            )  # fmt: skip
            return cursor.rowcount == 1

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
        with self._appending():
            for name, (columns, data) in rows.items():
                self._append(run, name, columns, data)
            self._db.executemany(
                "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?)",
                [_storable((run, first_event + i, *event)) for i, event in enumerate(events)],
            )
            self._update(run, {"seen": time.time(), **fields})

    @contextmanager
    def _appending(self) -> Iterator[None]:
        """One transaction that changes series: what is rolled back is not in memory either."""
        with self._lock:
            tails = dict(self._tails)
            try:
                with self._writing():
                    yield
            except BaseException:
                self._tails = tails
                raise

    def release(self, run: str) -> None:
        """Forget what is kept in memory to append to a run that is over."""
        with self._lock:
            self._tails = {key: tail for key, tail in self._tails.items() if key[0] != run}

    def _append(self, run: str, name: str, columns: list[str], data: np.ndarray) -> None:
        size = max(1, 2 * BLOCK // len(columns))
        series, number, tail = self._tail(run, name, columns)
        tail = np.concatenate((tail, np.asarray(data, np.float64)))
        last = float(tail[-1, -1]) if len(tail) else None
        while len(tail):
            block, rest = tail[:size], tail[size:]
            self._put(series, number, block)
            if len(block) < size:
                tail = block
                break
            number, tail = number + 1, rest
        self._db.execute("UPDATE series SET last = ? WHERE id = ?", (last, series))
        self._tails[run, name] = (series, number, tail)

    def _put(self, series: int, number: int, block: np.ndarray) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)",
            (series, number, len(block), np.ascontiguousarray(block, "<f8").tobytes()),
        )

    def _tail(self, run: str, name: str, columns: list[str]) -> tuple[int, int, np.ndarray]:
        """(series, number of its last block, rows of that block); a new series if need be."""
        known = self._tails.get((run, name))
        if known is not None:
            return known
        found = self._db.execute(
            "SELECT id FROM series WHERE run = ? AND name = ?", _storable((run, name))
        ).fetchone()
        if found is None:
            cursor = self._db.execute(
                "INSERT INTO series (run, name, columns) VALUES (?, ?, ?)",
                _storable((run, name, json.dumps(columns))),
            )
            return int(cursor.lastrowid or 0), 0, np.empty((0, len(columns)))
        number = max((number for number, _ in self._sizes(found[0])), default=0)
        return found[0], number, self._block(found[0], number, len(columns))

    def _sizes(self, series: int) -> list[tuple[int, int]]:
        """(number, rows) of each block of a series."""
        return self._db.execute(
            "SELECT number, rows FROM blocks WHERE series = ? ORDER BY number", (series,)
        ).fetchall()

    def _block(self, series: int, number: int, width: int) -> np.ndarray:
        found = self._db.execute(
            "SELECT data FROM blocks WHERE series = ? AND number = ?", (series, number)
        ).fetchone()
        return np.frombuffer(b"" if found is None else found[0], "<f8").reshape(-1, width)

    def truncate(
        self,
        run: str,
        step: float,
        *,
        rows: Mapping[str, int] | None = None,
        events: int | None = None,
    ) -> dict[str, int]:
        """Forget the rows of a run's series after ``step``, in one transaction.

        Args:
            run: its id.
            step: the last step whose rows stay.
            rows: the most rows that a series may keep; a series that is not named keeps none.
            events: the most events that stay; all if None.

        Returns how many rows each series has left; one without any is gone.
        """
        left: dict[str, int] = {}
        with self._appending():
            found = self._db.execute(
                "SELECT id, name, columns FROM series WHERE run = ?", (run,)
            ).fetchall()
            for series, name, columns in found:
                self._tails.pop((run, name), None)
                most = None if rows is None else rows.get(name, 0)
                left[name] = self._cut(series, len(json.loads(columns)), step, most)
            if events is not None:
                self._db.execute("DELETE FROM events WHERE run = ? AND number >= ?", (run, events))
        return {name: count for name, count in left.items() if count}

    def _cut(self, series: int, width: int, step: float, most: int | None) -> int:
        """Shorten a series; how many rows are left."""
        blocks = self._sizes(series)
        start = sum(rows for _, rows in blocks)
        left = start if most is None else min(start, most)
        for number, rows in reversed(blocks):  # steps only grow: what is too late is at the end
            start -= rows
            block = self._block(series, number, width)[: max(0, left - start)]
            early = np.flatnonzero(block[:, 0] <= step)
            if len(early):
                self._end_with(series, number, block[: early[-1] + 1])
                return start + int(early[-1]) + 1
        self._db.execute("DELETE FROM series WHERE id = ?", (series,))
        return 0

    def _end_with(self, series: int, number: int, block: np.ndarray) -> None:
        """Make ``block`` the last of a series."""
        self._db.execute("DELETE FROM blocks WHERE series = ? AND number > ?", (series, number))
        self._put(series, number, block)
        last = float(block[-1, -1])
        self._db.execute("UPDATE series SET last = ? WHERE id = ?", (last, series))

    # ----- the trash ------------------------------------------------------------------------

    def delete(self, runs: Collection[str]) -> None:
        """Put runs into the trash, together: they are listed no more, and can be restored."""
        self._mark(runs, time.time())

    def restore(self, runs: Collection[str]) -> None:
        """Take runs out of the trash."""
        self._mark(runs, None)

    def _mark(self, runs: Collection[str], deleted: float | None) -> None:
        with self._writing():
            self._db.executemany(
                "UPDATE runs SET deleted = ? WHERE id = ?", [(deleted, run) for run in runs]
            )

    def erase(self, runs: Collection[str]) -> None:
        """Remove runs and all their numbers for ever, and give their room back to the disk."""
        with self._writing():
            self._db.executemany("DELETE FROM runs WHERE id = ?", [(run,) for run in runs])
        with self._lock, suppress(sqlite3.OperationalError):  # somebody reads: the next time
            self._db.execute("VACUUM")

    # ----- reading --------------------------------------------------------------------------

    def runs(self, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All runs in the order in which they were entered, or those in the trash.

        Each is a dict of the table's columns, and ``metrics``: the last value of each series.
        """
        where = "deleted IS NOT NULL" if deleted else "deleted IS NULL"
        with self._reading():
            rows = self._rows_of(f"WHERE {where} ORDER BY coalesce(number, rowid)", ())
            metrics = self._db.execute(
                "SELECT s.run, s.name, s.last FROM series s JOIN runs r ON r.id = s.run "
                f"WHERE s.columns = '{json.dumps(METRIC)}' AND r.{where} ORDER BY s.id"
            ).fetchall()
        of = {row["id"]: row["metrics"] for row in rows}
        for run, name, last in metrics:
            of[run][name] = math.nan if last is None else last  # SQLite keeps no NaN
        return rows

    def _rows_of(self, where: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        cursor = self._db.execute(f"SELECT * FROM runs {where}", values)
        names = [column[0] for column in cursor.description]
        return [
            {**dict(zip(names, row, strict=True)), "metrics": {}} for row in cursor.fetchall()
        ]

    def find(self, run: str) -> dict[str, Any] | None:
        """The columns of a run, in the trash or not; None for an unknown id."""
        with self._reading():
            return next(iter(self._rows_of("WHERE id = ?", (run,))), None)

    def series(
        self, run: str, names: Collection[str] | None = None
    ) -> dict[str, tuple[list[str], np.ndarray]]:
        """Name -> (names of the columns, (n, columns) float64) of a run's series, or of some."""
        with self._reading():
            found = self._db.execute(
                "SELECT id, name, columns FROM series WHERE run = ? ORDER BY id", (run,)
            ).fetchall()
            return {
                name: self._rows(number, json.loads(columns))
                for number, name, columns in found
                if names is None or name in names
            }

    def _rows(self, series: int, columns: list[str]) -> tuple[list[str], np.ndarray]:
        blocks = self._db.execute(
            "SELECT data FROM blocks WHERE series = ? ORDER BY number", (series,)
        ).fetchall()
        data = np.frombuffer(b"".join(block[0] for block in blocks), "<f8")
        return columns, data.reshape(-1, len(columns))

    def events(self, run: str) -> list[tuple[float, str, str]]:
        """(unix time, kind, text) of what happened in a run."""
        with self._reading():
            return self._db.execute(
                "SELECT time, kind, text FROM events WHERE run = ? ORDER BY number", (run,)
            ).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
