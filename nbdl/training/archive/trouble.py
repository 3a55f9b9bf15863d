"""Errors of SQLite in words that help."""

from __future__ import annotations

from pathlib import Path

from nbdl.errors import FileError


def in_words(path: Path, error: Exception) -> FileError:
    """What SQLite says of the run store at ``path``."""
    if "locked" in str(error):
        return FileError(
            f"the run store {path} is locked by another program",
            hint="end what holds it (fuser names it); runs are written once it is free",
        )
    if "full" in str(error):
        return FileError(
            f"the run store {path} cannot be written: the disk is full",
            hint="make room; runs are written once there is some",
        )
    return FileError(
        f"the run store {path} cannot be used: {error}",
        hint="if it is damaged, move it away; a new one is made",
    )
