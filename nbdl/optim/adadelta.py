"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.groups import check_share
from nbdl.optim.means import keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class Adadelta(Optimizer):
    """Adadelta: steps in the units of the parameter, from running means of g² and of past steps².

    M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv 2012.
    v ← ρ v + (1 − ρ) g²,  d = g · √(u + eps) / √(v + eps),  u ← ρ u + (1 − ρ) d²,  p ← p − lr · d.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: what d is multiplied by; the paper has 1.
        rho: ρ, how much of the old means is kept.
        eps: added under both roots.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        foreach, capturable: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, foreach: bool | None = None, *, capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        check_share("Adadelta", "rho", options["rho"])

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        rho, eps, v, u = h["rho"], h["eps"], s["square_avg"], s["acc_delta"]
        if h["maximize"]:
            g = -g
        if h["weight_decay"]:
            g = g + p * h["weight_decay"]
        keep_square_mean(xp, v, g, rho, out)
        xp.add(v, eps, out=out)
        xp.sqrt(out, out=out)
        d = xp.sqrt(u + eps) / out * g
        keep_square_mean(xp, u, d, rho, out)
        xp.multiply(d, h["lr"], out=out)
        xp.subtract(p, out, out=out)
