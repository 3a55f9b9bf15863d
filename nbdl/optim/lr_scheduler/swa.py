"""A constant rate for averaging weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdl.errors import ArgumentError
from nbdl.optim.groups import check_whole
from nbdl.optim.lr_scheduler.base import LRScheduler, per_group
from nbdl.optim.optimizer import Optimizer


class SWALR(LRScheduler):
    """From the rates that are there to ``swa_lr`` in ``anneal_epochs``, and there to stay.

    P. Izmailov and others, "Averaging Weights Leads to Wider Optima and Better Generalization",
    UAI 2018. For the end of a training, while ``nbdl.nn.AveragedModel`` takes the mean.

    Args:
        optimizer: whose rates are written.
        swa_lr: the rate to go to, or one for each group.
        anneal_epochs: how long it takes; 0: at once.
        anneal_strategy: ``"cos"`` or ``"linear"``.

    Raises ArgumentError for options out of range.
    """

    _begins_anew = False

    def __init__(
        self, optimizer: Optimizer, swa_lr: float | Sequence[float], anneal_epochs: int = 10,
        anneal_strategy: str = "cos", last_epoch: int = -1,
    ) -> None:  # fmt: skip
        rates = per_group("SWALR", "swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f"SWALR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'"
            )
        check_whole("SWALR", "anneal_epochs", anneal_epochs, 0)
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How much of the way is behind."""
        t = min(1.0, max(0, epoch) / max(1, self.anneal_epochs))
        return t if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        epoch = max(self.last_epoch, 1 if self.anneal_epochs == 0 else 0)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            # Where the way began, from where it is: others may have changed the rate meanwhile.
            end = group["swa_lr"]
            begin = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + begin * (1 - now))
        return rates
