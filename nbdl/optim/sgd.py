"""Stochastic gradient descent, with momentum and Nesterov's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.optimizer import Optimizer, Slots


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr · b,  b ← momentum · b + (1 − dampening) · g.

    H. Robbins and S. Monro, "A Stochastic Approximation Method", Annals of Mathematical
    Statistics 1951. The first b is g itself. With ``nesterov`` the step is g + momentum · b
    (I. Sutskever and others, "On the importance of initialization and momentum in deep
    learning", ICML 2013, in PyTorch's form).

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate.
        momentum: the share of the last direction that is kept; 0 for none.
        dampening: how much less of a new gradient enters b.
        weight_decay: ``weight_decay * p`` is added to the gradient (L2).
        nesterov: look ahead; needs a momentum and no dampening.
        maximize: go up instead of down.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0,
        dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening,
            "weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ArgumentError(
                "SGD: nesterov=True needs a momentum above 0 and dampening=0, got "
                f"momentum={options['momentum']} and dampening={options['dampening']}"
            )

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if options["momentum"] else {}

    @classmethod
    def _rows_alone(cls, h: Mapping[str, Any]) -> bool:
        return not h["momentum"] and not h["weight_decay"]

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        if h["momentum"] and "momentum_buffer" not in s:  # switched on after the first step
            s.update(cls._new_slots(p, h), step=s["step"])
        return super()._apply(p, g, s, h)

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        decay, momentum = h["weight_decay"], h["momentum"]
        if decay:
            xp.multiply(p, decay, out=out)
            g = (xp.subtract if h["maximize"] else xp.add)(out, g, out=out)
        elif h["maximize"]:
            g = xp.negative(g, out=out)
        if momentum:
            buffer = s["momentum_buffer"]
            if s["step"] == 1:
                buffer[...] = g
            else:
                xp.multiply(buffer, momentum, out=buffer)
                xp.add(buffer, g * (1 - h["dampening"]) if h["dampening"] else g, out=buffer)
            g = g + buffer * momentum if h["nesterov"] else buffer
        xp.multiply(g, h["lr"], out=out)
        xp.subtract(p, out, out=out)
