"""GNU's OpenMP library, whose threads compiled kernels and oneDNN share."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_SPIN = "1000"
"""How often an idle thread looks for work before it sleeps: about 10 µs. The library's own 300,000
keep a core busy for milliseconds after each kernel, and on a machine that has other work, too, the
kernels of one step then wait for each other for tens of milliseconds. A step of 31 kernels (two
threads) takes 0.8 ms with 10,000 on a quiet machine, 0.9 with 1000 and 1.6 with 0; on a busy one
11, 4 and 1.5."""


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
