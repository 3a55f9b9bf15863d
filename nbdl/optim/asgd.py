"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.optim.optimizer import Optimizer, Slots


class ASGD(Optimizer):
    """Averaged stochastic gradient descent: plain steps, and the mean of where they led.

    B. T. Polyak and A. B. Juditsky, "Acceleration of Stochastic Approximation by Averaging",
    SIAM Journal on Control and Optimization 1992. The mean of the parameter from step ``t0`` on
    is kept as ``optimizer.state[p]["ax"]``.
    η = lr / (1 + lambd · lr · n)^alpha,  p ← (1 − lambd · η) p − η g,  ax ← ax + μ (p − ax).

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate at the start.
        lambd: decay of the parameter.
        alpha: the power with which η falls.
        t0: the step from which on the mean is taken.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        foreach, capturable: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    ranges = {"lambd": (0.0, float("inf"))}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
        t0: float = 1e6, weight_decay: float = 0.0, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        return {**super()._new_slots(p, h), "eta": float(h["lr"]), "mu": 1.0}

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        new = super()._apply(p, g, s, h)
        step, lr = s["step"], h["lr"]
        s["eta"] = lr / (1 + h["lambd"] * lr * step) ** h["alpha"]
        s["mu"] = 1 / max(1.0, step - h["t0"])
        return new

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        ax, eta = s["ax"], s["eta"]
        if h["maximize"]:
            g = -g
        if h["weight_decay"]:
            g = g + p * h["weight_decay"]
        step = g * eta
        xp.multiply(p, 1 - h["lambd"] * eta, out=out)
        xp.subtract(out, step, out=out)
        if s["mu"] == 1:
            ax[...] = out
        else:
            xp.add(ax, (out - ax) * s["mu"], out=ax)
