"""The host's memory: what a step frees is kept for the next step.

The arrays of a training step come and go. glibc gives large ones back to the system at once and
fetches them again page by page, which costs more than most operations on them. Told to keep up
to ``KEPT`` bytes at the end of its heap, it reuses them instead. Larger arrays than ``LARGE`` are
still given back as soon as they are freed.
"""

from __future__ import annotations

import ctypes
import os
import sys

KEPT = 256 << 20
LARGE = 32 << 20
"""The most that glibc allows."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_ONES_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed() -> bool:
    """Tell glibc; whether there was one to tell. Whoever has set its variables is left alone."""
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _ONES_OWN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    return mallopt is not None and bool(
        mallopt(_MMAP_THRESHOLD, LARGE) and mallopt(_TRIM_THRESHOLD, KEPT)
    )
