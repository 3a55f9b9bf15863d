"""Measuring on a machine that has other work to do.

A moment in which the machine did something else makes a time longer and a rate lower, never the
other way round: the best of a few measurements is the one that tells most of what is measured.
"""

from __future__ import annotations

from collections.abc import Callable

TRIES = 4


def least(measure: Callable[[], float], enough: float) -> float:
    """The least of a few measurements; no more are made once one is below ``enough``."""
    best = measure()
    for _ in range(TRIES - 1):
        if best < enough:
            break
        best = min(best, measure())
    return best


def most(measure: Callable[[], float], enough: float) -> float:
    """The greatest of a few measurements; no more are made once one reaches ``enough``."""
    return -least(lambda: -measure(), -enough + 1e-9)
