"""The one-cycle policy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group, positive
from nbdl.optim.lr_scheduler.momentum import set_momentum, start_momentum
from nbdl.optim.optimizer import Optimizer


class OneCycleLR(LRScheduler):
    """Up to ``max_lr`` and down to almost nothing, in ``total_steps``.

    L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates", 2018. To be stepped after each batch. Momentum (or β₁) goes the other
    way.

    Args:
        optimizer: whose rates are written.
        max_lr: the peak, or one for each group.
        total_steps: steps in all; or give ``epochs`` and ``steps_per_epoch``.
        pct_start: the share of the steps that goes up.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum, base_momentum, max_momentum: how momentum moves.
        div_factor: the first rate is ``max_lr / div_factor``.
        final_div_factor: the last rate is the first one divided by it.
        three_phase: back to the first rate as steeply as up, then down.

    Raises ArgumentError for options out of range, and by ``step`` beyond the last.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float],
        total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        check_optimizer("OneCycleLR", optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError(
                    "OneCycleLR needs total_steps, or both epochs and steps_per_epoch"
                )
            total_steps = epochs * steps_per_epoch
        self.total_steps = positive("OneCycleLR", "total_steps", total_steps)
        if not 0 <= pct_start <= 1:
            raise ArgumentError(f"OneCycleLR: pct_start={pct_start!r} must be from 0 to 1")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f"OneCycleLR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'"
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self._phases = _phases(float(self.total_steps), pct_start, three_phase)
        peaks = per_group("OneCycleLR", "max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            start_momentum("OneCycleLR", optimizer, base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if t >= self.total_steps:
            raise ArgumentError(
                f"OneCycleLR was made for {self.total_steps} steps and stepped once more",
                hint="total_steps = epochs * len(loader)",
            )
        start = 0.0
        phases = iter(self._phases)
        end, low, high, m_low, m_high = next(phases)
        while t > end and (following := next(phases, None)) is not None:
            start, (end, low, high, m_low, m_high) = end, following
        share = (t - start) / (end - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[low], group[high], share))
            if self.cycle_momentum:
                set_momentum(group, self._between(group[m_low], group[m_high], share))
        return rates

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2 * (math.cos(math.pi * share) + 1)


def _phases(steps: float, share: float, three: bool) -> list[tuple[float, str, str, str, str]]:
    """(last step, rate from, rate to, momentum from, momentum to) of each phase."""
    up = (share * steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [up, (steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    return [
        up,
        (2 * share * steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
        (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
    ]
