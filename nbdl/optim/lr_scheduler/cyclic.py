"""Rates that go up and down, with momentum against them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import LRScheduler, per_group, positive
from nbdl.optim.lr_scheduler.momentum import set_momentum, start_momentum
from nbdl.optim.optimizer import Optimizer

_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """From ``base_lr`` up to ``max_lr`` and back, again and again. To be stepped after each batch.

    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017. Momentum (or
    β₁) goes the other way.

    Args:
        optimizer: whose rates are written.
        base_lr, max_lr: the ends, or one for each group.
        step_size_up, step_size_down: steps of each half; down as up unless given.
        mode: the height of a cycle: ``"triangular"`` the same, ``"triangular2"`` half of the one
            before, ``"exp_range"`` times gamma at each step.
        gamma: for ``"exp_range"``.
        scale_fn: a height of one's own, from 0 to 1, in place of ``mode``.
        scale_mode: what it is given: the number of the ``"cycle"``, from 1, or ``"iterations"``.
        cycle_momentum, base_momentum, max_momentum: how momentum moves.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: float | Sequence[float],
        max_lr: float | Sequence[float], step_size_up: int = 2000,
        step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
        cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        lows = per_group("CyclicLR", "base_lr", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR", "max_lr", optimizer, max_lr)
        self.step_size_up = positive("CyclicLR", "step_size_up", step_size_up)
        down = step_size_up if step_size_down is None else step_size_down
        self.step_size_down = positive("CyclicLR", "step_size_down", down)
        if scale_fn is None and mode not in _MODES:
            raise ArgumentError(f"CyclicLR: mode={mode!r} must be one of {', '.join(_MODES)}")
        if scale_mode not in ("cycle", "iterations"):
            raise ArgumentError(
                f"CyclicLR: scale_mode={scale_mode!r} must be 'cycle' or 'iterations'"
            )
        self.mode, self.gamma, self.scale_mode = mode, gamma, scale_mode
        self.scale_fn, self.cycle_momentum = scale_fn, cycle_momentum
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                group["lr"] = group["initial_lr"] = low
        if cycle_momentum:
            start_momentum("CyclicLR", optimizer, base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def _height(self, cycle: int) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "exp_range":
            return float(self.gamma**self.last_epoch)
        return 0.5 ** (cycle - 1) if self.mode == "triangular2" else 1.0

    def get_lr(self) -> list[float]:
        length = self.step_size_up + self.step_size_down
        cycle = math.floor(1 + self.last_epoch / length)
        at = self.last_epoch % length
        share = min(at / self.step_size_up, (length - at) / self.step_size_down)
        share *= self._height(cycle)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                low, high = group["base_momentum"], group["max_momentum"]
                set_momentum(group, high - (high - low) * share)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * share for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on; a function of one's own is left out."""
        return {k: v for k, v in super().state_dict().items() if k != "scale_fn"}
