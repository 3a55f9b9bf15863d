"""Reading ahead: tasks done by threads, their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nbdl import dtypes
from nbdl.data.processes import END

_NAME = "nbdl-data"


def read_ahead(
    tasks: Iterator[Callable[[], Any]], threads: int, each: int, timeout: float | None = None
) -> Generator[Any, None, None]:
    """Results of ``tasks`` in order.

    Args:
        tasks: functions without arguments; taken as there is room for them.
        threads: that do them.
        each: at most so many are under way for each thread.
        timeout: seconds that a result is waited for; TimeoutError after them.
    """
    waiting: deque[Future[Any]] = deque()
    pool = _pool(threads)
    try:
        for task in islice(tasks, threads * each):
            waiting.append(pool.submit(task))
        while waiting:
            result = waiting.popleft().result(timeout)
            for task in islice(tasks, 1):
                waiting.append(pool.submit(task))
            yield result
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(wait=False)


@dataclass(frozen=True)
class Turn:
    """One of several that read a stream in turn, each in a thread of its own.

    Attributes:
        next: gives its next batch, or END.
        begin: called in the thread first.
        end: called in it when nothing more will be read.
    """

    next: Callable[[], Any]
    begin: Callable[[], Any] | None = None
    end: Callable[[], Any] | None = None


def in_turn(
    turns: Sequence[Turn], each: int, timeout: float | None = None
) -> Generator[tuple[int, Any], None, None]:
    """The place of a turn and its result, one turn after the other.

    A turn that has ended gives END once, and is left out after that.

    Args:
        turns: in their order.
        each: so many results are under way for each.
        timeout: as of ``read_ahead``.
    """
    pools = [_pool(1, turn.begin) for turn in turns]
    waiting = [
        deque(pool.submit(turn.next) for _ in range(each))
        for pool, turn in zip(pools, turns, strict=True)
    ]
    try:
        order = deque(range(len(turns)))
        while order:
            place = order[0]
            result = waiting[place].popleft().result(timeout)
            if result is END:
                order.popleft()
            else:
                waiting[place].append(pools[place].submit(turns[place].next))
                order.rotate(-1)
            yield place, result
    finally:
        for future in (each for queue in waiting for each in queue):
            future.cancel()
        for pool, turn in zip(pools, turns, strict=True):
            if turn.end is not None:
                pool.submit(turn.end)
            pool.shutdown(wait=False)


def _pool(threads: int, begin: Callable[[], Any] | None = None) -> ThreadPoolExecutor:
    """Threads that read floats as this one does; ``begin`` is called first in each."""

    def start(dtype: Any) -> None:
        dtypes.take_float(dtype)
        if begin is not None:
            begin()

    own = (dtypes.own_float(),)
    return ThreadPoolExecutor(threads, thread_name_prefix=_NAME, initializer=start, initargs=own)
