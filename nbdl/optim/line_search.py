"""Line search: how far to go in a direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Point(NamedTuple):
    """What is known at a distance along the line."""

    t: float
    loss: float
    gradient: Any
    slope: float


@dataclass(frozen=True)
class StrongWolfe:
    """Finds a point that satisfies the strong Wolfe conditions.

    J. Nocedal and S. J. Wright, "Numerical Optimization", Springer 2006, algorithms 3.5 and 3.6,
    with cubic interpolation safeguarded as in M. Schmidt's minFunc (2005). The loss falls by at
    least ``c1`` of what the first slope promises, and the slope by at least the factor ``c2``.

    Attributes:
        evaluate: gives the point at a distance.
        start: the point at distance 0; its slope is negative.
        reach: the largest element of the direction.
        most: how many more points than the first are evaluated at most.
        tolerance: brackets that move no element further than this are not refined.
        c1, c2: of the conditions.
    """

    evaluate: Callable[[float], Point]
    start: Point
    reach: float
    most: int = 25
    tolerance: float = 1e-9
    c1: float = 1e-4
    c2: float = 0.9

    def __call__(self, t: float) -> tuple[Point, int]:
        """The point, looked for from ``t`` on, and how many were evaluated; where ``most`` do not
        suffice, the best so far."""
        before, here, count, done = self._bracket(t)
        low, high = (before, here) if before.loss <= here.loss else (here, before)
        stalled = False
        while not done and count < self.most and self._is_wide(low, high):
            trial, stalled = _inside(low, high, stalled)
            here = self.evaluate(trial)
            count += 1
            if self._too_high(here) or here.loss >= low.loss:
                low, high = (low, here) if low.loss <= here.loss else (here, low)
                continue
            done = self._is_flat(here)
            low, high = here, low if here.slope * (high.t - low.t) >= 0 else high
        return low, count + 1

    def _bracket(self, t: float) -> tuple[Point, Point, int, bool]:
        """Two points with a good one between them, or a good one twice; points evaluated after
        the first; and whether it is the good one."""
        before, here = self.start, self.evaluate(t)
        for n in range(self.most):
            if self._too_high(here) or (n > 1 and here.loss >= before.loss):
                return before, here, n, False
            if self._is_flat(here):
                return here, here, n, True
            if here.slope >= 0:
                return before, here, n, False
            bounds = here.t + 0.01 * (here.t - before.t), 10 * here.t
            before, here = here, self.evaluate(cubic_minimum(before, here, bounds))
        return self.start, here, self.most, False

    def _too_high(self, here: Point) -> bool:
        return here.loss > self.start.loss + self.c1 * here.t * self.start.slope

    def _is_flat(self, here: Point) -> bool:
        return abs(here.slope) <= -self.c2 * self.start.slope

    def _is_wide(self, a: Point, b: Point) -> bool:
        return abs(a.t - b.t) * self.reach >= self.tolerance


def _inside(low: Point, high: Point, stalled: bool) -> tuple[float, bool]:
    """A distance between two points, and whether it is close to one of them.

    If that happens twice, or it is one of them, it moves a tenth of the bracket inside.
    """
    left, right = sorted((low.t, high.t))
    t = cubic_minimum(low, high, (left, right))
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not stalled and left < t < right:
        return t, True
    return (right - margin if right - t < t - left else left + margin), False


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic through two points and their slopes is least, within ``bounds``.

    The middle of the bounds where there is no such place.
    """
    a, b = sorted((a, b), key=lambda point: point.t)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square >= 0:
        d2 = math.sqrt(square)
        below = b.slope - a.slope + 2 * d2
        place = b.t - (b.t - a.t) * (b.slope + d2 - d1) / below if below else math.nan
        if math.isfinite(place):
            return min(max(place, bounds[0]), bounds[1])
    return (bounds[0] + bounds[1]) / 2
