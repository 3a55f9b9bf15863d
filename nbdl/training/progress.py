"""Progress as text, for where no dashboard is: a bar in a terminal, rare lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

from tqdm.std import tqdm

from nbdl.training.run import Run

AFTER_S = 0.5
"""A run that takes no longer needs no bar."""

_SKIP = ("lr", "throughput")


class _Bar(tqdm):
    monitor_interval = 0  # no thread that draws: only whoever waits does


class TextProgress:
    """A bar over the steps of a run, drawn by the thread that waits for it or makes them.

    In a terminal it is redrawn ten times a second, in a notebook twice; into a file a line goes
    every ten seconds.
    """

    def __init__(self, run: Run, file: Any = None) -> None:
        self.run = run
        file = sys.stderr if file is None else file
        notebook = type(file).__module__.startswith("ipykernel")
        terminal = not notebook and bool(getattr(file, "isatty", lambda: False)())
        self.interval = 0.1 if terminal else 0.5 if notebook else 10.0
        self.bar = _Bar(
            total=run.total_steps, desc=run.name, unit="step", file=file, leave=True,
            mininterval=0, dynamic_ncols=True,
        )  # fmt: skip
        self._drawn = time.monotonic()

    def tick(self) -> None:
        """Draw the run if it is time to."""
        if time.monotonic() - self._drawn >= self.interval:
            self.update()

    def update(self) -> None:
        """Draw the run as it is now."""
        run = self.run
        self._drawn = time.monotonic()
        self.bar.n = run.step
        if run.epochs:
            self.bar.set_description(f"{run.name} epoch {run.epoch}/{run.epochs}", refresh=False)
        numbers = {
            name: f"{run.history.last(name):.4g}"
            for name in run.history.names()
            if name not in _SKIP
        }
        self.bar.set_postfix(numbers, refresh=False)
        self.bar.refresh()

    def close(self) -> None:
        """Draw the end."""
        self.update()
        self.bar.close()
