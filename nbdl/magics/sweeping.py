"""A sweep under its cell: its picture, its trials, and the dashboard of the trial under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any

from IPython.display import display

from nbdl import events, widgets
from nbdl.experiments import Sweep
from nbdl.magics import show

INTERVAL = 0.5
"""Seconds between two pictures at least: trials may be short."""

HEARTBEAT = 2.0


class LiveSweep:
    """A sweep on the screen of a notebook, which follows it to its end.

    The dashboard is that of the trial under way, in the end that of the best.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._news = threading.Event()
        self._undo = events.subscribe(events.SweepChanged, self._happened)
        self._state = self._now()
        self._picture = display(_picture(sweep), raw=True, display_id=True)
        self._table = display(_table(sweep), raw=True, display_id=True)
        self.view = widgets.trials(self._shown(), self._following)
        show.Live(self.view)
        self._thread = threading.Thread(target=self._follow, name="nbdl-sweep-view", daemon=True)
        self._thread.start()

    def hold(self, wait: Callable[..., None], sweep: Sweep) -> None:
        """Wait for the sweep in this cell, and leave its final picture."""
        wait(sweep)
        self.settle()

    def settle(self) -> None:
        """Bring the screen to the sweep's end before returning."""
        if not self.sweep.is_alive:
            self._news.set()
            self._thread.join(10.0)
            self.view.settle()

    def _happened(self, event: events.SweepEvent) -> None:
        if event.sweep is self.sweep:
            self._news.set()

    def _follow(self) -> None:
        try:
            while threading.main_thread().is_alive():
                over = not self.sweep.is_alive  # read first: what came before it is then drawn
                self._draw()
                if over:
                    return
                self._news.wait(HEARTBEAT)
                self._news.clear()
                self.sweep.join(INTERVAL)
        finally:
            self._undo()

    def _now(self) -> tuple[Any, ...]:
        sweep = self.sweep
        return len(sweep.trials), None if sweep.run is None else sweep.run.id, sweep.status

    def _shown(self) -> Any:
        """The run whose dashboard is to be seen."""
        sweep = self.sweep
        return sweep.run if sweep.is_alive or sweep.best_run is None else sweep.best_run

    def _following(self, run: Any) -> Any:
        """The run to be seen after this one, once there is one; None at the end."""
        while self.sweep.is_alive and self._shown() is run:
            self.sweep.join(INTERVAL)
        then = self._shown()
        return None if then is run else then

    def _draw(self) -> None:
        """Show what has changed."""
        now = self._now()
        if now != self._state:
            self._state = now
            self._picture.update(_picture(self.sweep), raw=True)
            self._table.update(_table(self.sweep), raw=True)


class TextSweep:
    """The same for a terminal: a line for each trial that is over, and in the end all of them."""

    def __init__(self, sweep: Sweep, show_now: bool) -> None:
        self.sweep, self._told = sweep, 0
        if show_now:
            print(sweep.text())

    def hold(self, wait: Callable[..., None], sweep: Sweep) -> None:
        """Wait for the sweep, tell each trial, and print how it ended."""
        wait(sweep, self._tell)
        self._tell()
        print(sweep.text())

    def settle(self) -> None:
        """Nothing is left to draw."""

    def _tell(self) -> None:
        for trial in self.sweep.trials[self._told :]:
            print(trial.words(), flush=True)
            self._told += 1


def view(shell: Any, sweep: Sweep, *, show_now: bool = True) -> LiveSweep | TextSweep:
    """Show a sweep the way this shell can."""
    return LiveSweep(sweep) if show.has_front_end(shell) else TextSweep(sweep, show_now)


def _picture(sweep: Sweep) -> dict[str, Any]:
    return show.sweep_picture(sweep).mime_bundle()


def _table(sweep: Sweep) -> dict[str, Any]:
    """The trials as a table, with what opens each run."""
    heads, rows = sweep.table()
    titles = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}"
        f"<td><code>%runs {escape(run)}</code></td></tr>"
        for *cells, run in rows
    )
    html = f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/html": html, "text/plain": ""}
