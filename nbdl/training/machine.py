"""Memory of this process and of the GPU it uses."""

from __future__ import annotations

import sys

import psutil

_process = psutil.Process()


def memory() -> int:
    """Bytes of main memory that this process holds (its resident set)."""
    return int(_process.memory_info().rss)


def gpu_memory() -> tuple[int, int] | None:
    """(used, total) bytes of the current CUDA device; None where CuPy was not loaded."""
    cupy = sys.modules.get("cupy")
    if cupy is None:
        return None
    try:
        free, total = cupy.cuda.runtime.memGetInfo()
    except Exception:  # a driver without a device: there is nothing to tell
        return None
    return int(total - free), int(total)
