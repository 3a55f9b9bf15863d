"""Files that are whole or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from nbdl.errors import ArgumentError, FileError, brief


def as_path(path: object) -> Path:
    """A path from a text or a path."""
    if not isinstance(path, (str, Path)) or not str(path).strip() or "\0" in str(path):
        raise ArgumentError(f"a path to write to is a text, got {brief(path)}")
    return Path(path).expanduser()


def write_file(path: Path, write: Callable[[Path], None]) -> Path:
    """Have ``write`` make a file beside ``path``, and put it in its place when it is complete.

    Raises FileError, with ``path`` as it was, where that cannot be.
    """
    return _replace(path, write, folder=False)


def write_folder(path: Path, write: Callable[[Path], None]) -> Path:
    """The same for a folder; what stood at ``path`` is replaced."""
    return _replace(path, write, folder=True)


def _replace(path: Path, write: Callable[[Path], None], folder: bool) -> Path:
    if path.is_dir() and not folder:
        raise FileError(f"{path} is a folder", hint="name a file in it")
    aside: Path | None = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=".nbdl-", dir=path.parent))
        made = aside / "made"
        if folder:
            made.mkdir()
        write(made)
        if folder and path.is_dir() and not path.is_symlink():
            os.rename(path, aside / "before")
        os.replace(made, path)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or str(error)
        hint = None if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise FileError(f"{path} cannot be written: {reason}", hint=hint) from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return path
