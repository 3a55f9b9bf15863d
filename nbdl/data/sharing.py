"""Streams read by several workers: who is asked, what each reads, whose turn it is.

A stream that asks ``get_worker_info`` gives each worker a share of its own; any other is dealt
out in whole batches, so that the batches are those of one worker.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from nbdl.errors import DataError


@dataclass(frozen=True)
class WorkerInfo:
    """A worker of a DataLoader, with PyTorch's names.

    Attributes:
        id: its number, 0..num_workers-1.
        num_workers: how many there are.
        seed: the loader's seed and ``id`` added: another for each worker.
        dataset: what is read; in a process its copy there.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Local(threading.local):
    info: WorkerInfo | None = None
    asked: Callable[[], None] | None = None


_local = _Local()


def get_worker_info() -> WorkerInfo | None:
    """The worker that reads here: a loader's process, or its thread for a stream; else None.

    Asked by a stream before its first sample, it makes each worker read a share:

    >>> def lines():
    ...     info = get_worker_info()
    ...     first, step = (info.id, info.num_workers) if info else (0, 1)
    ...     yield from range(first, 6, step)
    >>> list(lines())
    [0, 1, 2, 3, 4, 5]

    Raises DataError in a stream that asks later than that.
    """
    if _local.info is not None and _local.asked is not None:
        _local.asked()
    return _local.info


def enter(info: WorkerInfo) -> None:
    """This thread is that worker from now on."""
    _local.info = info


class _Changed:
    """``with``: a value of this thread's is another for a while."""

    name: str

    def __init__(self, value: Any) -> None:
        self.value = value

    def __enter__(self) -> None:
        self.before = getattr(_local, self.name)
        setattr(_local, self.name, self.value)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        setattr(_local, self.name, self.before)


class acting(_Changed):
    """``with acting(info)``: this thread is that worker."""

    name = "info"


class asking(_Changed):
    """``with asking(f)``: ``f()`` is called whenever ``get_worker_info`` is; None for nothing."""

    name = "asked"


def refuse_late() -> None:
    """What a question means once a stream has been taken for one that does not ask."""
    raise DataError(
        "get_worker_info() was asked only after the first sample of the stream, when its "
        "samples were already dealt out to the workers",
        hint="ask at the beginning of __iter__, before the first yield",
    )


@dataclass(frozen=True)
class Share:
    """Which batches of a stream a worker reads.

    Attributes:
        worker, workers: its number, and how many there are.
        start: batches of the epoch that all of them have read before.
        own: of these, how many were this worker's; None where another number of workers read.
    """

    worker: int
    workers: int
    start: int
    own: int | None

    @property
    def first(self) -> int:
        """The first batch that is this worker's where whole batches are dealt out in turn."""
        return self.start + (self.worker - self.start) % self.workers

    def taken(self) -> int:
        """``own``. Raises DataError where that is not known."""
        if self.own is None:
            raise DataError(
                f"the stream gives each worker a share, and was left in the middle of an epoch "
                f"by another number of workers than {self.workers}",
                hint="num_workers as before, or set_epoch to begin one anew",
            )
        return self.own


def shares(workers: int, start: int, ended: Iterable[tuple[int, int]] | None) -> list[Share]:
    """What the workers read after ``start`` batches, in the order of their turns.

    ended: pairs of a number of batches and the worker that turned out to have no more when so
        many were read; None where another number of workers read them.
    """
    if ended is None:
        turns = [(start + i) % workers for i in range(workers)]
        return [Share(worker, workers, start, None if start else 0) for worker in turns]
    left = set(map(tuple, ended))
    order, own = deque(range(workers)), [0] * workers
    for at in range(start + 1):
        while order and (at, order[0]) in left:
            order.popleft()
        if order and at < start:
            own[order[0]] += 1
            order.rotate(-1)
    return [Share(worker, workers, start, own[worker]) for worker in order]
