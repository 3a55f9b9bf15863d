"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.means import keep_mean
from nbdl.optim.optimizer import Optimizer, Slots


class Adamax(Optimizer):
    """Adamax: Adam with the largest gradient, slowly forgotten, in place of the mean of g².

    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, section 7.1.
    m ← β₁ m + (1 − β₁) g,  u ← max(β₂ u, |g| + eps),  p ← p − lr / (1 − β₁ⁿ) · m / u.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂.
        eps: added to |g|, so that u is never 0.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        foreach, capturable: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), m, u = h["betas"], s["exp_avg"], s["exp_inf"]
        if h["maximize"]:
            g = -g
        if h["weight_decay"]:
            g = g + p * h["weight_decay"]
        keep_mean(xp, m, g, beta1, out)
        xp.multiply(u, beta2, out=u)
        xp.abs(g, out=out)
        xp.add(out, h["eps"], out=out)
        xp.maximum(u, out, out=u)
        xp.divide(m, u, out=out)
        xp.multiply(out, h["lr"] / (1 - beta1 ** s["step"]), out=out)
        xp.subtract(p, out, out=out)
