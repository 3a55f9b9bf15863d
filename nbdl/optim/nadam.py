"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.means import keep_mean, keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class NAdam(Optimizer):
    """NAdam: Adam that looks ahead as Nesterov's momentum does.

    T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016. With
    μₙ = β₁ (1 − ½ · 0.96^(n · momentum_decay)) and Πₙ = μ₁ ⋯ μₙ the step is
    lr · ((1 − μₙ) / (1 − Πₙ) · g + μₙ₊₁ / (1 − Πₙ₊₁) · m) / (√v̂ + eps).

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂, how much of the old means of g and g² is kept.
        eps: added to the denominator.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2), or decays p.
        momentum_decay: how fast μ grows to β₁.
        decoupled_weight_decay: decay as AdamW does.
        foreach, capturable: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    ranges = {"momentum_decay": (0.0, math.inf)}

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        return {**super()._new_slots(p, h), "mu_product": 1.0}

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        s["mu_product"] *= _momentum(s["step"] + 1, h)
        return super()._apply(p, g, s, h)

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
        product, following = s["mu_product"], _momentum(step + 1, h)
        ahead = g * (lr * (1 - _momentum(step, h)) / (1 - product))
        ahead += m * (lr * following / (1 - product * following))
        xp.divide(v, 1 - beta2**step, out=out)
        xp.sqrt(out, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(ahead, out, out=out)
        xp.subtract(p, out, out=out)


def _momentum(step: int, h: Mapping[str, Any]) -> float:
    """μ of a step."""
    return float(h["betas"][0] * (1 - 0.5 * 0.96 ** (step * h["momentum_decay"])))
