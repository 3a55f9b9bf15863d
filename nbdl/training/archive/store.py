"""Where the run store lies: ``.nbdl/runs.sqlite`` of the working directory, one object a file."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path

from nbdl.errors import FileError
from nbdl.training.archive.database import Store


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
