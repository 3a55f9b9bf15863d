"""Cosine annealing, once or with restarts."""

from __future__ import annotations

import math

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import LRScheduler, positive
from nbdl.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the rate down to ``eta_min`` in ``T_max`` epochs.

    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = positive("CosineAnnealingLR", "T_max", T_max), eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, n, low = self.last_epoch, self.T_max, self.eta_min
        groups = self.optimizer.param_groups
        if t == 0:
            return self._scaled(1.0)
        if (t - 1 - n) % (2 * n) == 0:  # at the bottom of the cosine the ratio is 0 / 0
            bend = (1 - math.cos(math.pi / n)) / 2
            pairs = zip(groups, self.base_lrs, strict=True)
            return [group["lr"] + (base - low) * bend for group, base in pairs]
        ratio = (1 + math.cos(math.pi * t / n)) / (1 + math.cos(math.pi * (t - 1) / n))
        return [low + (group["lr"] - low) * ratio for group in groups]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosines down to ``eta_min``, each ``T_mult`` times as long as the one before.

    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
    May be stepped within an epoch: ``schedule.step(epoch + batch / batches)``.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.T_0 = positive("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult = positive("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        self.eta_min = eta_min
        self._part = 0.0
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one, or to ``epoch``, which may lie between two whole ones."""
        if epoch is not None:
            if epoch < 0:
                raise ArgumentError(
                    f"CosineAnnealingWarmRestarts: epoch={epoch!r} must be at least 0"
                )
            self.last_epoch = math.floor(epoch) - 1
            self._part = epoch - math.floor(epoch)
        super().step()

    def get_lr(self) -> list[float]:
        t, length = max(self.last_epoch, 0) + self._part, self.T_0
        if self.T_mult == 1:
            t %= length
        while t >= length:
            t, length = t - length, length * self.T_mult
        share = (1 + math.cos(math.pi * t / length)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]
