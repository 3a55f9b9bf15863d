"""The run store's tables, and how a file of an older version becomes one of this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np

VERSION = 2

_FIRST = """
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

# number: the order in which runs were entered, which a clock that jumps does not change.
# deleted: when a run went to the trash. origin: what it began with. last: of a series, so that
# a list of runs reads no blocks.
_SECOND = """
ALTER TABLE runs ADD COLUMN number INTEGER;
ALTER TABLE runs ADD COLUMN deleted REAL;
ALTER TABLE runs ADD COLUMN origin TEXT;
ALTER TABLE series ADD COLUMN last REAL;
UPDATE runs SET number = rowid;
DROP INDEX runs_created;
CREATE INDEX runs_number ON runs(number);
"""


def _execute(db: sqlite3.Connection, statements: str) -> None:
    """The statements one by one: ``executescript`` would end the transaction."""
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


def _first(db: sqlite3.Connection) -> None:
    _execute(db, _FIRST)


def _second(db: sqlite3.Connection) -> None:
    _execute(db, _SECOND)
    newest = db.execute(
        "SELECT series, data FROM blocks b WHERE number = "
        "(SELECT max(number) FROM blocks WHERE series = b.series)"
    ).fetchall()
    for series, data in newest:
        last = float(np.frombuffer(data, "<f8")[-1]) if len(data) >= 8 else None
        db.execute("UPDATE series SET last = ? WHERE id = ?", (last, series))


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {0: _first, 1: _second}
"""Version of a file -> what brings it to the next one, within a transaction."""


def version(db: sqlite3.Connection) -> int:
    """The version of an open file; 0 of an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> None:
    """Bring a file to VERSION. The caller holds a write transaction."""
    for old in range(version(db), VERSION):
        MIGRATIONS[old](db)
    # Writing the number also proves that the file may be written.
    db.execute(f"PRAGMA user_version = {VERSION}")
