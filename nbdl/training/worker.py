"""Threads that runs train in. A thread is used again: compute libraries keep a pool for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class _Worker(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="nbdl-train", daemon=True)
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def run(self) -> None:
        while True:
            job = self.jobs.get()
            job()
            del job  # it may hold a model
            with _lock:
                _idle.append(self)


_idle: list[_Worker] = []
_lock = threading.Lock()


def in_thread(job: Callable[[], None]) -> None:
    """Run ``job``, which must not raise, in an idle thread; a new one if there is none."""
    with _lock:
        worker = _idle.pop() if _idle else None
    if worker is None:
        worker = _Worker()
        worker.start()
    worker.jobs.put(job)
