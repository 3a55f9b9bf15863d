"""Leaving a step half-way: what a second interrupt asks for, done before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.core import modes


class Aborted(BaseException):
    """The step under way was left before it changed a parameter."""


class Abort:
    """Ends a step of another thread between two operations, as long as it has changed nothing.

    Once a step has begun to write parameters it is finished: it is done whole or not at all. A
    step costs nothing more for it, because operations are watched only once the wish is there.

    Attributes:
        asked: whether somebody wished it.
        changes: whether parameters are being changed, or no step is under way.
        copying: waits for somebody who copies the state of before; None: nobody does.
        stop: called with the wish; stops compiled code, which is not watched. None: there is none.
    """

    def __init__(self) -> None:
        self.asked, self.changes = False, True
        self.stop: Callable[[], None] | None = None
        self.copying: Callable[[], object] | None = None
        self._state: modes.State | None = None
        self._untouched: Callable[[], bool] = bool

    def begin(self, untouched: Callable[[], bool]) -> None:
        """Steps are made in this thread from now on.

        Args:
            untouched: whether the step under way has changed nothing, as far as can be seen.
        """
        self._untouched, self._state = untouched, modes.state()

    def ask(self) -> None:
        """Wish the end of the step under way, from any thread or a signal handler."""
        self.asked = True
        state = self._state
        if state is None:
            return
        state.observers = (*state.observers, self._look)
        if self.stop is not None:
            self.stop()

    def commit(self) -> None:
        """Parameters are about to be changed. Raises Aborted if the step is to be left."""
        self.check()
        self.let_go()
        self.changes = True

    def let_go(self) -> None:
        """Wait for whoever still copies what is about to be changed."""
        if self.copying is not None:
            self.copying()
            self.copying = None

    def check(self) -> None:
        """Raise Aborted if the step is to be left and can be."""
        if self.asked and not self.changes and self._untouched():
            raise Aborted

    def end(self) -> None:
        """No more steps in this thread."""
        state, self._state, self.stop = self._state, None, None
        if state is not None:
            state.observers = tuple(each for each in state.observers if each != self._look)

    def _look(self, *_: Any) -> None:
        self.check()
