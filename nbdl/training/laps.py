"""Where the time of a step goes."""

from __future__ import annotations

import time

SMOOTH = 0.05
"""Share of the newest step in the averages: they tell of about the last twenty."""

PARTS = ("data", "forward", "backward", "compute", "update", "step", "other")
"""``data``: waiting for the batch and preparing it; ``compute``: forward and backward in one, by
compiled code; ``step``: a step of the user's own; ``other``: metrics, statistics, callbacks."""


class Laps:
    """A stopwatch for the parts of steps; only the training thread presses it.

    A lap costs a third of a microsecond.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._step: dict[str, float] = {}
        self._at = time.perf_counter()

    def start(self) -> None:
        """What has passed until now belongs to no part."""
        self._at = time.perf_counter()

    def lap(self, part: str) -> None:
        """What has passed since the last call belongs to ``part``."""
        now = time.perf_counter()
        self._step[part] = self._step.get(part, 0.0) + now - self._at
        self._at = now

    def step_done(self) -> None:
        """The step is over."""
        seconds, step = self._seconds, self._step
        for part, before in seconds.items():
            seconds[part] = before + SMOOTH * (step.pop(part, 0.0) - before)
        seconds.update(step)  # parts that are new
        self._step = {}

    def seconds(self) -> dict[str, float]:
        """Seconds of a step by part, in the order of PARTS; those that take none are left out."""
        found = self._seconds.copy()
        return {part: found[part] for part in PARTS if found.get(part, 0.0) > 1e-7}
