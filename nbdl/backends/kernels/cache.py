"""Machine code kept on disk from one process to the next.

One small file for each function, in the folder named by the environment variable NBDL_CACHE or
in the user's cache. A file appears whole or not at all; one that is damaged counts as missing;
when all are together too big, the ones unused for longest go. If the folder cannot be written,
nothing is kept and everything works.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

LIMIT = 256 * 2**20
"""Bytes that the files may have together."""

_MAGIC = b"nbdl object code\n"
_DIGEST = 32


def folder() -> Path:
    """Where machine code is kept."""
    named = os.environ.get("NBDL_CACHE")
    if named:
        return Path(named).expanduser() / "kernels"
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "nbdl" / "kernels"


def key_of(*parts: str) -> str:
    """A name for what these texts decide, 40 hexadecimal digits."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=20).hexdigest()


def read(key: str) -> bytes | None:
    """What was kept under ``key``, or None."""
    path = folder() / key
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    data = raw[len(_MAGIC) + _DIGEST :]
    if raw[: len(_MAGIC) + _DIGEST] != _MAGIC + _digest(data):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used just now
    return data


def write(entries: dict[str, bytes]) -> None:
    """Keep what belongs to each key."""
    base = folder()
    with contextlib.suppress(OSError):
        base.mkdir(parents=True, exist_ok=True)
        for key, data in entries.items():
            _write_whole(base / key, _MAGIC + _digest(data) + data)
        if _is_much(sum(map(len, entries.values()))):
            _shrink(base)


def _is_much(written: int) -> bool:
    """Whether this process has written enough since its last look at the folder to look again: at
    thousands of files that takes a tenth of a second."""
    global _unlooked
    _unlooked += written
    if _unlooked < LIMIT // 64:
        return False
    _unlooked = 0
    return True


_unlooked = LIMIT  # look at the first write


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


def _write_whole(path: Path, raw: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _shrink(base: Path) -> None:
    """Remove the files unused for longest until a quarter of the limit is free again."""
    found = []
    for entry in os.scandir(base):
        with contextlib.suppress(OSError):  # another process may have removed it
            status = entry.stat()
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total <= LIMIT:
        return
    for _, size, path in sorted(found):
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= LIMIT * 3 // 4:
            return
