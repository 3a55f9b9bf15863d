"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.means import keep_mean, keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class RAdam(Optimizer):
    """RAdam: Adam whose first steps, when the mean of g² is not known yet, are SGD's.

    L. Liu and others, "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020.
    The length of the running mean of g² is ρ = ρ∞ − 2 n β₂ⁿ / (1 − β₂ⁿ), ρ∞ = 2 / (1 − β₂) − 1.
    While it is at most 5 the step is lr · m̂; then Adam's, times
    √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)).

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂, how much of the old means of g and g² is kept.
        eps: added to the denominator.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2), or decays p.
        decoupled_weight_decay: decay as AdamW does.
        foreach, capturable: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), lr, decay, step = h["betas"], h["lr"], h["weight_decay"], s["step"]
        m, v = s["exp_avg"], s["exp_avg_sq"]
        if h["maximize"]:
            g = -g
        if decay and h["decoupled_weight_decay"]:
            p = p * (1 - lr * decay)
        elif decay:
            g = g + p * decay
        keep_mean(xp, m, g, beta1, out)
        keep_square_mean(xp, v, g, beta2, out)
        rate = lr / (1 - beta1**step)
        rectified = _rectification(beta2, step)
        if rectified is None:
            xp.multiply(m, rate, out=out)
        else:
            xp.sqrt(v, out=out)
            xp.add(out, h["eps"], out=out)
            xp.divide(m, out, out=out)
            xp.multiply(out, rate * rectified * math.sqrt(1 - beta2**step), out=out)
        xp.subtract(p, out, out=out)


def _rectification(beta2: float, step: int) -> float | None:
    """What makes up for the variance of the mean of g²; None while it is too short."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:
        return None
    share = (length - 4) * (length - 2) / ((longest - 4) * (longest - 2))
    return math.sqrt(share * longest / length)
