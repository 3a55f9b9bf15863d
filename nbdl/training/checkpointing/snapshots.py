"""A ring of snapshots: a bounded number of them that always covers the whole of a training.

Which are kept: a step is worth as much as the power of two that divides it. When there are too
many, the oldest of those worth least goes, and from then on only steps worth more are taken. So
what is left lies evenly, from the first step to the newest, however long the training gets.

How they are kept: as the difference to the next newer one, bit by bit (exclusive or), the bytes of
all numbers sorted by their place in the number, compressed. Between two steps most high bytes of a
weight stay the same; the low ones are noise, which nothing compresses. What is got back is the same
to the bit. Differences can be joined: when a snapshot goes, its older neighbour's becomes that to
the newer one. All of that is done in a thread beside the training.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import zstandard

from nbdl import backends
from nbdl.training.worker import in_thread

BACKLOG = 64_000_000
"""Bytes of snapshots that may wait for being compressed; while there are more none is taken."""

_LEVEL = 1
"""Of Zstandard: level 3 takes twice the time and is no smaller; zlib takes seven times as long."""

Layout = tuple[tuple[str, tuple[int, ...], np.dtype], ...]


class Snapshot(NamedTuple):
    """The state at a step.

    Attributes:
        step: steps done.
        arrays: by name, as they were.
        rest: what was given with them.
    """

    step: int
    arrays: dict[str, np.ndarray]
    rest: Any


@dataclass(eq=False)
class _Kept:
    """A snapshot in the chain.

    Attributes:
        planes: its bytes, sorted; only of the newest.
        packed: the difference of ``planes`` to those of the next newer one, compressed.
        alone: ``packed`` is no difference, for the next one has other arrays.
    """

    step: int
    layout: Layout
    rest: Any
    planes: np.ndarray | None = None
    packed: bytes = b""
    alone: bool = False


class Ring:
    """Keeps at most ``count`` snapshots, or as many as fit into ``memory`` bytes, or both.

    The training's thread calls ``wants`` and ``take``; anyone may read.
    """

    def __init__(self, count: int | None = None, memory: int | None = None) -> None:
        self.count, self.memory = count, memory
        self._stride = 1
        self._steps: list[int] = []
        self._fresh: deque[tuple[_Kept, dict[str, Any], list[int]]] = deque()
        self._waiting = 0  # bytes in _fresh
        self._busy = False
        self._lock = threading.Lock()  # of the five above; held for moments
        self._chain: list[_Kept] = []
        self._near: tuple[_Kept, np.ndarray] | None = None  # what was asked for last
        self._working = threading.Lock()  # of the two above; held for as long as packing takes
        self._size = 0.0  # bytes of one that is packed, on average

    @property
    def steps(self) -> list[int]:
        """The steps of which there is a snapshot, in order."""
        with self._lock:
            return list(self._steps)

    @property
    def nbytes(self) -> int:
        """Bytes that all snapshots take."""
        with self._working:
            held = sum(len(k.packed) for k in self._chain)
            newest = self._chain[-1].planes if self._chain else None
            return held + (0 if newest is None else newest.nbytes) + self._waiting

    # ----- taking -----------------------------------------------------------------------------

    def plan(self, total: int | None) -> None:
        """Of so many steps in all about as many snapshots are taken as may be kept; where nobody
        knows how many there will be, more, and most of them are thinned out again."""
        if total is not None and self.count is not None and total > self.count:
            self._stride = 1 << round(math.log2(total / self.count))

    def wants(self, step: int) -> bool:
        """Whether a snapshot of this step is to be taken."""
        return step % self._stride == 0 and self._steps[-1:] != [step]

    def take(self, step: int, arrays: Mapping[str, Any], rest: Any = None) -> None:
        """Keep ``arrays``, which nobody changes any more. Returns at once.

        Nothing is kept while too much waits for being compressed.
        """
        nbytes = sum(a.nbytes for a in arrays.values())
        with self._lock:
            most = BACKLOG if self.memory is None else 0
            if self._steps[-1:] == [step] or (self._fresh and self._waiting + nbytes > most):
                return
            self._steps.append(step)
            layout = tuple((name, a.shape, a.dtype) for name, a in arrays.items())
            self._fresh.append((_Kept(step, layout, rest), dict(arrays), self._thin(nbytes)))
            self._waiting += nbytes
            idle, self._busy = not self._busy, True
        if idle:
            in_thread(self._work)

    def settle(self) -> None:
        """Wait until nothing waits for being compressed."""
        with self._working:
            self._settle()

    def _thin(self, nbytes: int) -> list[int]:
        """The steps that are too many: the first and the newest never are."""
        gone = []
        while len(self._steps) > max(2, self._room(nbytes)):
            victim = min(self._steps[1:-1], key=lambda step: (_worth(step), step))
            self._steps.remove(victim)
            self._stride = max(self._stride, 2 * _worth(victim))
            gone.append(victim)
        return gone

    def _room(self, nbytes: int) -> int:
        """How many may be kept; ``nbytes``: of one as it is. One waits, one is the newest."""
        rooms = [] if self.count is None else [self.count]
        if self.memory is not None:
            rooms.append(2 + int((self.memory - 2 * nbytes) // max(self._size or nbytes, 1)))
        return min(rooms)

    # ----- packing ----------------------------------------------------------------------------

    def _work(self) -> None:
        """Pack what waits, in a thread of its own."""
        while True:
            with self._working:
                if not self._next():
                    return

    def _settle(self) -> None:
        """Pack what waits, with the lock held."""
        while self._next():
            pass

    def _next(self) -> bool:
        """Pack one that waits; False if none does."""
        with self._lock:
            if not self._fresh:
                self._busy = False
                return False
            kept, arrays, gone = self._fresh[0]
        self._append(kept, arrays)
        for step in gone:
            self._drop(step)
        packed = self._chain[:-1]
        self._size = sum(len(k.packed) for k in packed) / max(len(packed), 1)
        with self._lock:
            self._fresh.popleft()
            self._waiting -= sum(a.nbytes for a in arrays.values())
        return True

    def _append(self, kept: _Kept, arrays: dict[str, Any]) -> None:
        kept.planes = _planes(arrays)
        if self._chain:
            before = self._chain[-1]
            assert before.planes is not None
            before.alone = before.layout != kept.layout
            planes = before.planes if before.alone else before.planes ^ kept.planes
            before.packed, before.planes = zstandard.compress(planes.data, _LEVEL), None
        self._chain.append(kept)

    def _drop(self, step: int) -> None:
        """Take one out of the middle: its difference is added to its older neighbour's."""
        place = next(i for i, kept in enumerate(self._chain) if kept.step == step)
        before, victim = self._chain[place - 1], self._chain.pop(place)
        if not before.alone:
            joined = _unpacked(before) ^ _unpacked(victim)
            before.packed, before.alone = zstandard.compress(joined.data, _LEVEL), victim.alone
        if self._near is not None and self._near[0] is victim:
            self._near = None

    # ----- reading ----------------------------------------------------------------------------

    def at(self, step: int) -> Snapshot | None:
        """The nearest snapshot at or before ``step``; None if there is none so early."""
        with self._working:
            self._settle()
            places = [i for i, kept in enumerate(self._chain) if kept.step <= step]
            if not places:
                return None
            kept = self._chain[places[-1]]
            planes = self._planes_of(places[-1])
            self._near = kept, planes
            return Snapshot(kept.step, _arrays(planes, kept.layout), kept.rest)

    def _planes_of(self, place: int) -> np.ndarray:
        """By way of the differences from the next that is whole, or from the one asked for last."""
        chain = self._chain
        whole = next(i for i in range(place, len(chain)) if chain[i].planes is not None
                     or chain[i].alone)  # fmt: skip
        between = range(place, whole)
        start = chain[whole].planes
        planes = _unpacked(chain[whole]) if start is None else start
        if self._near is not None:
            near = chain.index(self._near[0])
            way = range(min(place, near), max(place, near))
            if len(way) <= len(between) and not any(chain[i].alone for i in way):
                between, planes = way, self._near[1]
        for i in between:
            planes = planes ^ _unpacked(chain[i])
        return planes


def _worth(step: int) -> int:
    """The greatest power of two that divides a step; 0 is divided by all."""
    return step & -step if step else 1 << 62


def _bytes(array: np.ndarray) -> np.ndarray:
    """An array as (elements, bytes of one) uint8."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, array.dtype.itemsize)


def _planes(arrays: Mapping[str, Any]) -> np.ndarray:
    """All bytes of the arrays, on any device: of each the first ones of all its numbers, then the
    second ones, and so on."""
    parts = [_bytes(backends.to_device(a, backends.CPU)).T.reshape(-1) for a in arrays.values()]
    return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def _arrays(planes: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """The arrays that ``_planes`` was given."""
    found, start = {}, 0
    for name, shape, dtype in layout:
        end = start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        numbers = np.ascontiguousarray(planes[start:end].reshape(dtype.itemsize, -1).T)
        found[name] = numbers.reshape(-1).view(dtype).reshape(shape)
        start = end
    return found


def _unpacked(kept: _Kept) -> np.ndarray:
    return np.frombuffer(zstandard.decompress(kept.packed), np.uint8)
