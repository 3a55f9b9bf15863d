"""GNU's OpenMP library, whose threads compiled kernels and oneDNN share."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_SPIN = "10000"
"""How often an idle thread looks for work before it sleeps: between 0.1 and 0.3 ms. The library's
own 300,000 keep a core busy for milliseconds after each kernel, and on a machine that has other
work too a kernel then costs 3 ms instead of 1. With 2,000 a kernel that follows some Python waits
30 µs until its threads are awake."""


@cache
def library() -> ctypes.CDLL | None:
    """libgomp, or None where there is none. To be called before anything else loads it."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN)
    try:
        return ctypes.CDLL("libgomp.so.1")
    except OSError:
        return None


def thread_count() -> int:
    """How many threads a parallel region of the calling thread has."""
    found = library()
    return int(found.omp_get_max_threads()) if found else 1
