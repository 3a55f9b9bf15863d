"""Running means, in place and without new arrays."""

from __future__ import annotations

from typing import Any


def keep_mean(xp: Any, mean: Any, x: Any, share: float, scratch: Any) -> None:
    """mean ← share · mean + (1 − share) · x.  ``x`` may be ``scratch``."""
    xp.multiply(mean, share, out=mean)
    xp.multiply(x, 1 - share, out=scratch)
    xp.add(mean, scratch, out=mean)


def keep_square_mean(xp: Any, mean: Any, x: Any, share: float, scratch: Any) -> None:
    """mean ← share · mean + (1 − share) · x²."""
    xp.multiply(x, x, out=scratch)
    keep_mean(xp, mean, scratch, share, scratch)
