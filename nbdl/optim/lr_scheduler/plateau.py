"""A schedule that looks at what is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from nbdl.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """lr ← lr · factor when a measured value has not improved for ``patience`` epochs.

    ``schedule.step(val_loss)`` after each epoch.

    Args:
        optimizer: whose rates are written.
        mode: ``"min"`` if smaller is better, ``"max"`` if larger is.
        factor: what the rate is multiplied by.
        patience: epochs without improvement that are put up with.
        threshold: the least change that counts as an improvement.
        threshold_mode: ``"rel"``: a share of the best value; ``"abs"``: itself.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the rate never goes below it (a number, or one for each group).
        eps: changes of the rate smaller than this are not made.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        self.optimizer = check_optimizer("ReduceLROnPlateau", optimizer)
        if not 0 <= factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor!r} must be from 0 to below 1")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"ReduceLROnPlateau: mode={mode!r} must be 'min' or 'max', "
                f"threshold_mode={threshold_mode!r} 'rel' or 'abs'"
            )
        self.min_lrs = per_group("ReduceLROnPlateau", "min_lr", optimizer, min_lr)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the newest value; reduce the rate if it is time."""
        value = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else int(epoch)
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold

    def _reduce(self) -> None:
        for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, low)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
