"""Dashboards that show themselves: of loops that begin, runs that are awaited, and results."""

from __future__ import annotations

import threading
from typing import Any

from nbdl import events, training
from nbdl.experiments import Sweep
from nbdl.magics import show, sweeping
from nbdl.magics.waiting import NOTICE, request_id


class Dashboards:
    """Shows a run, or a sweep, in the cell that goes through it or waits for it, once a cell.

    Nothing is shown of a run that a cell leaves to the background, until somebody looks at it;
    in a terminal there is a bar of text instead.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._last = ("", "")
        self._shown: list[tuple[Any, Any]] = []  # runs and their views, in this cell

    def register(self) -> None:
        """Listen to runs, and be the way a run shows itself."""
        self._undo = [
            events.subscribe(events.RunStarted, self._started),
            events.subscribe(events.RunAwaited, self._awaited),
            events.subscribe(events.SweepAwaited, self._sweep_awaited),
        ]
        self.shell.events.register("post_execute", self._settle)
        formatter = self.shell.display_formatter.ipython_display_formatter
        formatter.for_type(training.Run, self._displayed)
        formatter.for_type(Sweep, self._sweep_displayed)

    def unregister(self) -> None:
        """Listen no more, and show runs as anything else."""
        for undo in self._undo:
            undo()
        self.shell.events.unregister("post_execute", self._settle)
        for kind in (training.Run, Sweep):
            self.shell.display_formatter.ipython_display_formatter.pop(kind, None)

    def has_shown(self, run: Any) -> bool:
        """Whether this cell has shown this run already; from now on it has."""
        now = (request_id(self.shell), run.id)
        before, self._last = self._last, now
        return before == now

    def _started(self, event: events.RunStarted) -> None:
        if isinstance(event.run, training.TrackedRun):
            self._awaited(event)

    def _awaited(self, event: events.RunEvent) -> None:
        here = threading.current_thread() is threading.main_thread()
        if here and show.has_front_end(self.shell) and not self.has_shown(event.run):
            view = show.run_view(event.run)
            show.view(self.shell, view)
            self._shown.append((event.run, view))
            event.run.watched = True  # a bar of text beside it would say the same
            event.run.notice = NOTICE

    def _settle(self) -> None:
        """The pictures show the end before the cell's output is complete."""
        shown, self._shown = self._shown, []
        for run, view in shown:
            run.notice = ""
            if not run.is_alive:
                view.settle()

    def _displayed(self, run: Any) -> None:
        if not self.has_shown(run):
            show.view(self.shell, show.run_view(run))

    def _sweep_awaited(self, event: events.SweepEvent) -> None:
        sweep = event.sweep
        here = threading.current_thread() is threading.main_thread()
        if here and show.has_front_end(self.shell) and not self.has_shown(sweep):
            self._shown.append((sweep, sweeping.LiveSweep(sweep)))
            sweep.notice = NOTICE

    def _sweep_displayed(self, sweep: Any) -> None:
        if not self.has_shown(sweep):
            sweeping.view(self.shell, sweep)
