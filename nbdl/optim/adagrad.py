"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.optimizer import Optimizer, Slots


class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of all g² so far.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", JMLR 2011.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        lr_decay: the rate at step n is lr / (1 + (n − 1) · lr_decay).
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        initial_accumulator_value: what the sum of g² starts from.
        eps: added to the denominator.
        maximize: go up instead of down.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0,
        weight_decay: float = 0.0, initial_accumulator_value: float = 0.0, eps: float = 1e-10,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"sum": options["initial_accumulator_value"]}

    @classmethod
    def _rows_alone(cls, h: Mapping[str, Any]) -> bool:
        return not h["weight_decay"]

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        if h["maximize"]:
            g = -g
        if h["weight_decay"]:
            g = g + p * h["weight_decay"]
        total = s["sum"]
        xp.multiply(g, g, out=out)
        xp.add(total, out, out=total)
        xp.sqrt(total, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(g, out, out=out)
        xp.multiply(out, h["lr"] / (1 + (s["step"] - 1) * h["lr_decay"]), out=out)
        xp.subtract(p, out, out=out)
