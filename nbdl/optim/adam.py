"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.means import keep_mean, keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class Adam(Optimizer):
    """Adam: steps scaled by running means of g and g².

    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  p ← p − lr · m̂ / (√v̂ + eps), where m̂ and
    v̂ are corrected for starting at 0.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        betas: β₁ and β₂, how much of the old means is kept.
        eps: added to the denominator.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2; see AdamW).
        amsgrad: divide by the largest v̂ so far (S. Reddi and others, "On the Convergence of Adam
            and Beyond", ICLR 2018).
        maximize: go up instead of down.
        decoupled_weight_decay: decay as AdamW does.
        foreach, capturable, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        means = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return means | {"max_exp_avg_sq": 0.0} if options["amsgrad"] else means

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), lr, decay, step = h["betas"], h["lr"], h["weight_decay"], s["step"]
        if h["maximize"]:
            g = -g
        if decay and not h["decoupled_weight_decay"]:
            g = g + p * decay
        m, v = s["exp_avg"], s["exp_avg_sq"]
        keep_mean(xp, m, g, beta1, out)
        keep_square_mean(xp, v, g, beta2, out)
        if h["amsgrad"]:
            v = xp.maximum(s["max_exp_avg_sq"], v, out=s["max_exp_avg_sq"])
        # m̂/(√v̂ + eps) = (√c₂/c₁) · m/(√v + eps·√c₂), one pass less.
        root = math.sqrt(1 - beta2**step)
        xp.sqrt(v, out=out)
        xp.add(out, h["eps"] * root, out=out)
        xp.divide(m, out, out=out)
        xp.multiply(out, lr * root / (1 - beta1**step), out=out)
        if decay and h["decoupled_weight_decay"]:
            p = p * (1 - lr * decay)
        xp.subtract(p, out, out=out)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019. Each step
    first shrinks p by the factor 1 − lr · weight_decay, then goes Adam's step. Arguments are
    Adam's; ``weight_decay`` is 0.01 unless given.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize,
            differentiable=differentiable, decoupled_weight_decay=True,
        )  # fmt: skip
