"""Lion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.optimizer import Optimizer, Slots


class Lion(Optimizer):
    """Lion: the sign of an interpolated momentum.

    X. Chen and others, "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023.

    p ← p − lr · (sign(β₁ m + (1 − β₁) g) + weight_decay · p),  then m ← β₂ m + (1 − β₂) g. All
    elements go by the same amount, so learning rates are 3 to 10 times smaller than Adam's.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ for the step, β₂ for what is kept of the momentum.
        weight_decay: decoupled, as AdamW's.
        maximize: go up instead of down.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize,
        })  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), lr, m = h["betas"], h["lr"], s["exp_avg"]
        if h["maximize"]:
            g = -g
        scratch = g * (1 - beta1)
        xp.multiply(m, beta1, out=out)
        xp.add(out, scratch, out=out)
        xp.sign(out, out=out)
        xp.multiply(out, lr, out=out)
        xp.multiply(m, beta2, out=m)
        scratch = g * (1 - beta2)
        xp.add(m, scratch, out=m)
        if h["weight_decay"]:
            p = p * (1 - lr * h["weight_decay"])
        xp.subtract(p, out, out=out)
