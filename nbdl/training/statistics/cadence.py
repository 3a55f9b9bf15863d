"""When to measure what costs time, so that it takes no more than a share of a training."""

from __future__ import annotations

import math
from typing import Any


class Cadence:
    """Says which steps are measured.

    Args:
        share: the most of the training's time that measuring may take.
        dense: steps until samples thin out: step s is never measured more often than every
            s/dense steps.
        reach: a step is measured in any case once there are ``reach`` times as many as at the
            last time, so that a short training has some samples too; None for not.
        every: measure every so many steps, whatever it costs.
    """

    def __init__(
        self, share: float, dense: int, reach: int | None = None, every: int | None = None
    ) -> None:
        self.share, self.dense, self.reach, self.every = share, dense, reach, every
        self._next = 0
        self._cost = 0.0

    def is_due(self, step: int) -> bool:
        """Whether step number ``step`` is measured."""
        return step >= self._next

    def took(self, step: int, cost: float, step_time: float) -> None:
        """Step ``step`` was measured, for ``cost`` seconds; without that one takes ``step_time``.

        A cost far beyond the last one is mostly chance: it counts only a little more.
        """
        self._cost = cost if not self._cost else min(cost, 1.5 * self._cost)
        self._next = step + self._interval(step, step_time)
        if self.reach is not None and self.every is None:
            self._next = min(self._next, max(step + 1, self.reach * step))

    def _interval(self, step: int, step_time: float) -> int:
        if self.every is not None:
            return self.every
        cheap = math.ceil(self._cost / (self.share * max(step_time, 1e-6)))
        return max(1, min(cheap, 10_000), step // self.dense)

    def forget_cost(self) -> None:
        """Measuring is done in another way from now on."""
        self._cost = 0.0

    def state_dict(self) -> dict[str, Any]:
        """When the next sample is due, by what the last ones have cost."""
        return {"next": self._next, "cost": self._cost}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self._next, self._cost = state["next"], state["cost"]
