"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.means import keep_mean, keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots


class RMSprop(Optimizer):
    """RMSprop: steps divided by the running root mean square of g.

    T. Tieleman and G. Hinton, "Lecture 6.5: rmsprop", COURSERA: Neural Networks for Machine
    Learning, 2012.

    v ← α v + (1 − α) g²,  p ← p − lr · g / (√v + eps).

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        alpha: α, how much of the old mean is kept.
        eps: added to the denominator.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        momentum: the share of the last direction that is kept; 0 for none.
        centered: divide by an estimate of g's standard deviation (A. Graves, "Generating sequences
            with recurrent neural networks", 2013).
        maximize: go up instead of down.
        capturable, foreach: accepted for PyTorch's sake; there is one implementation.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    ranges = {"alpha": (0.0, 1.0)}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
            "momentum": momentum, "centered": centered, "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        slots = {"square_avg": 0.0}
        if options["momentum"]:
            slots["momentum_buffer"] = 0.0
        if options["centered"]:
            slots["grad_avg"] = 0.0
        return slots

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        alpha, momentum = h["alpha"], h["momentum"]
        if h["maximize"]:
            g = -g
        if h["weight_decay"]:
            g = g + p * h["weight_decay"]
        v = s["square_avg"]
        keep_square_mean(xp, v, g, alpha, out)
        if h["centered"]:
            mean = s["grad_avg"]
            keep_mean(xp, mean, g, alpha, out)
            xp.multiply(mean, mean, out=out)
            xp.subtract(v, out, out=out)
            xp.sqrt(out, out=out)
        else:
            xp.sqrt(v, out=out)
        xp.add(out, h["eps"], out=out)
        xp.divide(g, out, out=out)
        if momentum:
            buffer = s["momentum_buffer"]
            xp.multiply(buffer, momentum, out=buffer)
            xp.add(buffer, out, out=buffer)
            xp.multiply(buffer, h["lr"], out=out)
        else:
            xp.multiply(out, h["lr"], out=out)
        xp.subtract(p, out, out=out)
