"""Turns at a model: the thread that trains it, and readers who look at it between two steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Lets readers in only between two steps, and holds the training up while they look.

    A reader who comes while the training waits for others lets it make a step first, or readers
    in a loop would hold it up for ever.

    Attributes:
        changed: the lock and condition of whatever the training waits for between its steps.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._trainer: int | None = None
        self._busy = False  # the trainer is at work
        self._readers: dict[int, int] = {}  # thread -> how often it reads
        self._queue = 0  # threads that wait to read
        self._held_up = False  # the trainer waits for readers: its turn is next

    # ----- readers --------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The model stands still for the time of the block, in whatever thread it is."""
        me = threading.get_ident()
        if me == self._trainer:
            with self.alone():
                yield
            return
        with self.changed:
            self._queue += 1
            try:
                while me not in self._readers and (self._busy or self._held_up):
                    self.changed.wait()
            finally:  # an interrupt may come while waiting
                self._queue -= 1
                self.changed.notify_all()
            self._readers[me] = self._readers.get(me, 0) + 1
        try:
            yield
        finally:
            with self.changed:
                self._readers[me] -= 1
                if not self._readers[me]:
                    del self._readers[me]
                self.changed.notify_all()

    # ----- the training thread --------------------------------------------------------------

    def begin(self) -> None:
        """This thread is the one that trains."""
        self._trainer = threading.get_ident()

    def end(self) -> None:
        """There is no more training."""
        self._trainer = None

    def must_wait(self) -> bool:
        """Whether it is a reader's turn; with the lock held."""
        if self._readers:
            self._held_up = True
            return True
        return bool(self._queue) and not self._held_up

    def let_in(self) -> None:
        """Readers may come: the training does not go on by itself; with the lock held."""
        if self._held_up:
            self._held_up = False
            self.changed.notify_all()

    def start(self) -> None:
        """The trainer's turn begins; with the lock held, when it need not wait."""
        self._held_up = False
        self._busy = True

    def stop(self) -> None:
        """The trainer's turn is over."""
        with self.changed:
            self._busy = False
            if self._queue:
                self.changed.notify_all()

    def alone(self) -> _Alone:
        """A turn of the training thread that is no step, such as validation: readers wait."""
        return _Alone(self)


class _Alone:
    """A block as one turn of the training thread, unless it is within another one."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def __enter__(self) -> None:
        turns = self.turns
        with turns.changed:
            self.within = turns._busy
            while not self.within and turns.must_wait():
                turns.changed.wait()
            turns.start()

    def __exit__(self, *_: object) -> None:
        if not self.within:
            self.turns.stop()
