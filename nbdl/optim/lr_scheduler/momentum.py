"""Momentum, or β₁, that schedules move against the rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import per_group
from nbdl.optim.optimizer import Optimizer


def start_momentum(
    who: str, optimizer: Optimizer, low: float | Sequence[float], high: float | Sequence[float]
) -> None:
    """Note the range in each group and begin at its upper end, also where momentum was 0.

    Raises ArgumentError for an optimizer that knows no momentum.
    """
    lows = per_group(who, "base_momentum", optimizer, low)
    highs = per_group(who, "max_momentum", optimizer, high)
    for group, a, b in zip(optimizer.param_groups, lows, highs, strict=True):
        if "betas" not in group and "momentum" not in group:
            raise ArgumentError(
                f"{who} cycles the momentum, but {type(optimizer).__name__} has none",
                hint="cycle_momentum=False",
            )
        group["base_momentum"], group["max_momentum"] = a, b
        set_momentum(group, b)


def set_momentum(group: dict[str, Any], value: float) -> None:
    """Write momentum or β₁, whichever the group has."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
