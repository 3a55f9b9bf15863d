"""LAMB."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.groups import check_number
from nbdl.optim.means import keep_mean, keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class LAMB(Optimizer):
    """LAMB: Adam's direction, in each parameter as long as its own norm times the learning rate.

    Y. You and others, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
    ICLR 2020.  r = m̂ / (√v̂ + eps) + weight_decay · p,  p ← p − lr · ‖p‖ / ‖r‖ · r. Where one of
    the norms is 0 their ratio counts as 1.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂, how much of the old means of g and g² is kept.
        eps: added to the denominator.
        weight_decay: ``weight_decay * p`` is added to r.
        bias_correction: correct m and v for starting at 0; the paper's first versions did not.
        clamp_value: the largest ‖p‖ that counts; None for no limit.
        maximize: go up instead of down.

    Raises ArgumentError for options out of range.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6, weight_decay: float = 0.0, *, bias_correction: bool = True,
        clamp_value: float | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "bias_correction": bias_correction, "clamp_value": clamp_value, "maximize": maximize,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        if options["clamp_value"] is not None:
            check_number("LAMB", "clamp_value", options["clamp_value"], 0.0, math.inf)

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), step, m, v = h["betas"], s["step"], s["exp_avg"], s["exp_avg_sq"]
        if h["maximize"]:
            g = -g
        keep_mean(xp, m, g, beta1, out)
        keep_square_mean(xp, v, g, beta2, out)
        corrections = (1 - beta1**step, 1 - beta2**step) if h["bias_correction"] else (1.0, 1.0)
        xp.divide(v, corrections[1], out=out)
        xp.sqrt(out, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(m, out, out=out)
        xp.divide(out, corrections[0], out=out)
        if h["weight_decay"]:
            xp.add(out, p * h["weight_decay"], out=out)
        xp.multiply(out, h["lr"] * _trust(p, out, h["clamp_value"]), out=out)
        xp.subtract(p, out, out=out)


def _trust(p: Any, update: Any, largest: float | None) -> float:
    """‖p‖ / ‖update‖."""
    weight, length = (math.sqrt(float((x * x).sum())) for x in (p, update))
    if largest is not None:
        weight = min(weight, largest)
    return weight / length if weight and length else 1.0
