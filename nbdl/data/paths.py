"""Paths that users give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nbdl.errors import FileError, did_you_mean


def existing(path: Any, what: str) -> Path:
    """``path`` as a Path that is there, or FileError naming what is near it."""
    found = Path(os.path.expanduser(path))
    if found.exists():
        return found
    near = ""
    if found.parent.is_dir():
        near = did_you_mean(found.name, (p.name for p in found.parent.iterdir()))
    raise FileError(f"{what} {str(path)!r} does not exist (looked in {Path.cwd()}){near}")
