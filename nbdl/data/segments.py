"""Memory that two processes see. It has no name on disk, so none is ever left behind.

On Linux and macOS a segment is a file without a name whose descriptor the child inherits; on
Windows it is a named mapping, which vanishes with the last process that has it open.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import tempfile
import uuid

import numpy as np

LEAST = 1 << 16
"""Bytes of the smallest segment, and of the smallest buffer that is worth one."""


class Segment:
    """Shared memory that can grow.

    Args:
        name: of a segment that another process has made; None makes one.
    """

    def __init__(self, name: str | None = None) -> None:
        self._memory: mmap.mmap | None = None
        self._size = 0
        if sys.platform == "win32":
            self.name = name or f"nbdl-{uuid.uuid4().hex}"
            self.descriptor = -1
        else:
            self.descriptor = _nameless_file() if name is None else int(name)
            self.name = str(self.descriptor)

    def bytes(self, size: int) -> np.ndarray:
        """The first ``size`` bytes: (size,) uint8, of memory that stays valid while it is held.

        Raises OSError when there is not enough memory.
        """
        wanted = max(LEAST, 1 << max(size - 1, 0).bit_length())
        if self._memory is None or wanted > self._size:
            self._memory, self._size = self._map(wanted), wanted
        return np.frombuffer(self._memory, np.uint8, size)

    def _map(self, size: int) -> mmap.mmap:
        if sys.platform == "win32":  # a mapping cannot grow: a larger one has another name
            return mmap.mmap(-1, size, tagname=f"{self.name}-{size}")
        if os.fstat(self.descriptor).st_size < size:
            # Taken now: without it a full disk would be a crash at the first write.
            reserve = getattr(os, "posix_fallocate", None)
            if reserve is None:
                os.ftruncate(self.descriptor, size)
            else:
                reserve(self.descriptor, 0, size)
        return mmap.mmap(self.descriptor, size)

    def close(self) -> None:
        """Let go of the segment; arrays that are still held stay valid."""
        self._memory = None
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1


def _nameless_file() -> int:
    """A descriptor of memory, or of a file that is already deleted."""
    create = getattr(os, "memfd_create", None)
    if create is not None:
        return int(create("nbdl-data"))
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
