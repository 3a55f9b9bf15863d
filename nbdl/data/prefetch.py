"""Reading ahead: tasks done by threads, their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from nbdl.data.processes import END


def read_ahead(
    tasks: Iterator[Callable[[], Any]],
    threads: int,
    each: int,
    at_end: Callable[[], Any] | None = None,
) -> Generator[Any, None, None]:
    """Results of ``tasks`` in order, up to the first that is END.

    Args:
        tasks: functions without arguments; taken as there is room for them.
        threads: that do them.
        each: at most so many are under way for each thread.
        at_end: called in one of the threads when nothing more will be read.
    """
    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="nbdl-data")
    try:
        for task in islice(tasks, threads * each):
            waiting.append(pool.submit(task))
        while waiting:
            result = waiting.popleft().result()
            if result is END:
                return
            for task in islice(tasks, 1):
                waiting.append(pool.submit(task))
            yield result
    finally:
        for future in waiting:
            future.cancel()
        if at_end is not None:
            pool.submit(at_end)
        pool.shutdown(wait=False)
