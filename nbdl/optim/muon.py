"""Muon, alone and with AdamW for what is no hidden matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.optim.adafactor import refuse_complex
from nbdl.optim.adam import AdamW
from nbdl.optim.groups import check_number, check_whole, check_word
from nbdl.optim.optimizer import Optimizer, Slots

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic x ↦ a x + b x³ + c x⁵, steep at 0, that pushes singular values towards 1."""


class Muon(Optimizer):
    """Muon: momentum whose singular values are all made about 1, for hidden matrices.

    K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024, and
    J. Liu and others, "Muon is Scalable for LLM Training", arXiv 2025.
    b ← momentum · b + (1 − momentum) · g; Newton and Schulz's iteration makes U Vᵀ of b = U S Vᵀ
    (of g and b with ``nesterov``); p ← (1 − lr · weight_decay) p − lr · scale · U Vᵀ.

    Embeddings, the last layer and everything that is no matrix are better trained by AdamW:
    ``MuonAdamW`` does both.

    Args:
        params: matrices, or a list of groups of them.
        lr: learning rate.
        weight_decay: decoupled, as AdamW's.
        momentum: how much of the old direction is kept.
        nesterov: look ahead.
        ns_coefficients: a, b and c of the polynomial a x + b x³ + c x⁵.
        eps: the least norm that b is divided by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: the scale; None or ``"original"``: √max(1, rows / columns);
            ``"match_rms_adamw"``: 0.2 · √max(rows, columns), with which AdamW's learning rate and
            weight decay serve as they are.

    Raises ArgumentError for options out of range, ShapeError for a parameter that is no matrix,
    DtypeError for a complex one.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1,
        momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS, eps: float = 1e-7,
        ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        check_muon(type(self).__name__, options)

    def _check_member(self, p: Tensor) -> None:
        refuse_complex("Muon", p)
        if p.ndim != 2:
            raise ShapeError(
                f"Muon trains matrices, got a parameter of shape {p.shape}",
                hint="MuonAdamW(model) takes Muon for the hidden matrices and AdamW for the rest",
            )

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        buffer, momentum, lr = s["momentum_buffer"], h["momentum"], h["lr"]
        buffer += (g - buffer) * (1 - momentum)
        direction = g + (buffer - g) * momentum if h["nesterov"] else buffer
        direction = orthogonalized(xp, direction, h["ns_coefficients"], h["ns_steps"], h["eps"])
        xp.multiply(p, 1 - lr * h["weight_decay"], out=out)
        xp.subtract(out, direction * (lr * _scale(h["adjust_lr_fn"], *p.shape)), out=out)


def check_muon(who: str, options: Mapping[str, Any]) -> None:
    """Raise ArgumentError for options of Muon's that are out of range."""
    check_word(who, "adjust_lr_fn", options["adjust_lr_fn"], (None, "original", "match_rms_adamw"))
    check_whole(who, "ns_steps", options["ns_steps"], 0)
    given = options["ns_coefficients"]
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise ArgumentError(f"{who}: ns_coefficients must be three numbers, got {given!r}")
    for i, number in enumerate(given):
        check_number(who, f"ns_coefficients[{i}]", number, -math.inf, math.inf)


def orthogonalized(
    xp: Any, x: Any, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Any:
    """Newton and Schulz's iteration: ``x`` (m, n) with singular values pushed towards 1."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / max(math.sqrt(float((x * x).sum())), eps)  # no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


def _scale(kind: str | None, rows: int, columns: int) -> float:
    if kind == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / max(columns, 1)))


class MuonAdamW(Optimizer):
    """Muon for the hidden matrices, AdamW for the rest: one optimizer, one learning rate.

    J. Liu and others, "Muon is Scalable for LLM Training", arXiv 2025. ``MuonAdamW(model)`` gives
    AdamW the embeddings, the last layer's matrix, and everything that is no matrix. From
    ``model.parameters()`` all matrices go to Muon, for a tensor does not tell where it is used.

    Args:
        params: a model, its parameters, or a list of groups; ``{"params": ..., "muon": False}``
            gives a group to AdamW whatever its shapes are.
        lr: learning rate.
        weight_decay: decoupled.
        momentum, nesterov, ns_coefficients, ns_steps, adjust_lr_fn: Muon's; the scale is
            ``"match_rms_adamw"`` unless given.
        betas, eps: AdamW's.

    Raises ArgumentError for options out of range.
    """

    elementwise = False

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, *,
        momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS, ns_steps: int = 5,
        adjust_lr_fn: str | None = "match_rms_adamw",
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if callable(getattr(params, "named_modules", None)):
            params = self.parameters_of(params)
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn, "betas": betas, "eps": eps, "muon": None,
            "amsgrad": False, "maximize": False, "decoupled_weight_decay": True,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        check_muon(type(self).__name__, options)
        check_word(type(self).__name__, "muon", options["muon"], (None, True, False))

    @classmethod
    def parameters_of(cls, model: Any) -> list[dict[str, Any]]:
        """Two groups of a model's parameters: for Muon, and for AdamW.

        A matrix is hidden if its layer is no embedding and another layer's matrix follows.
        """
        matrices: list[Tensor] = []
        outside: set[int] = set()
        for layer in model.modules():
            own = [p for p in layer.parameters(recurse=False) if p.ndim == 2]
            # Optimizers know no layers; a number of embeddings is what an embedding has.
            if getattr(layer, "num_embeddings", None) is not None:
                outside |= {id(p) for p in own}
            matrices += own
        outside |= {id(p) for p in matrices[-1:]}
        hidden = {id(p) for p in matrices} - outside
        trained = super().parameters_of(model)
        groups = [
            {"params": [p for p in trained if id(p) in hidden], "muon": True},
            {"params": [p for p in trained if id(p) not in hidden], "muon": False},
        ]
        return [group for group in groups if group["params"]]

    @classmethod
    def _rule(cls, p: Any, h: Mapping[str, Any]) -> type[Optimizer]:
        by_muon = p.ndim == 2 if h["muon"] is None else h["muon"]
        return Muon if by_muon else AdamW

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        return cls._rule(p, h)._new_slots(p, h)

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        return cls._rule(p, h)._apply(p, g, s, h)
