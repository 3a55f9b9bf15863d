"""Schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nbdl.errors import ArgumentError, TrainingError
from nbdl.optim.groups import check_number, check_whole
from nbdl.optim.means import keep_square_mean
from nbdl.optim.optimizer import Optimizer, Slots, as_working, from_working


class AdamWScheduleFree(Optimizer):
    """Schedule-free AdamW: the mean of all points stands in for a falling learning rate.

    A. Defazio and others, "The Road Less Scheduled", NeurIPS 2024. z goes AdamW's steps without
    momentum, x is a weighted mean of all z, and gradients are computed at y = (1 − β₁) z + β₁ x.
    The parameters hold y in training. ``optimizer.eval()`` puts x there, which is what to
    evaluate and to save; ``optimizer.train()`` puts y back. ``nbdl.train`` does both.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: learning rate; larger than AdamW's, and without a schedule.
        betas: β₁ above, and β₂, how much of the old mean of g² is kept.
        eps: added to the denominator.
        weight_decay: decoupled; computed at y.
        warmup_steps: steps in which the learning rate grows to ``lr``.
        r: the n-th step weighs n ** r in the mean,
        weight_lr_power: times the largest learning rate so far to this power.
        foreach: accepted for the original's sake; there is one implementation.

    Raises ArgumentError for options out of range, TrainingError by ``step`` after ``eval``.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
        warmup_steps: int = 0, r: float = 0.0, weight_lr_power: float = 2.0,
        foreach: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "warmup_steps": warmup_steps, "r": r, "weight_lr_power": weight_lr_power,
            "train_mode": True,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        who = type(self).__name__
        if not options["betas"][0]:
            raise ArgumentError(f"{who}: betas[0]=0 leaves no mean in what is trained")
        check_whole(who, "warmup_steps", options["warmup_steps"], 0)
        for name in ("r", "weight_lr_power"):
            check_number(who, name, options[name], 0.0, float("inf"))

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg_sq": 0.0}

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        z = as_working(p).copy()
        return {**super()._new_slots(p, h), "z": z, "lr_max": 0.0, "weight_sum": 0.0}

    @classmethod
    def _apply(cls, p: Any, g: Any, s: Slots, h: Mapping[str, Any]) -> Any:
        step = s["step"] + 1
        s["lr_max"] = max(s["lr_max"], _rate(step, h))
        s["weight_sum"] += _weight(step, s, h)
        return super()._apply(p, g, s, h)

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (beta1, beta2), step, v, z = h["betas"], s["step"], s["exp_avg_sq"], s["z"]
        lr, total = _rate(step, h), s["weight_sum"]
        share = _weight(step, s, h) / total if total else 0.0
        keep_square_mean(xp, v, g, beta2, out)
        xp.divide(v, 1 - beta2**step, out=out)
        xp.sqrt(out, out=out)
        xp.add(out, h["eps"], out=out)
        direction = g / out
        if h["weight_decay"]:
            direction += p * h["weight_decay"]
        # With x ← (1 − share) x + share z after z ← z − lr d, y is this without knowing x.
        xp.subtract(z, p, out=out)
        xp.multiply(out, share, out=out)
        xp.add(out, p, out=out)
        xp.subtract(out, direction * (lr * (1 - beta1 * (1 - share))), out=out)
        xp.subtract(z, direction * lr, out=z)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; not in evaluation mode."""
        if not all(group["train_mode"] for group in self.param_groups):
            raise TrainingError(
                "AdamWScheduleFree.step after eval(): the parameters are where they are "
                "evaluated, not where they are trained",
                hint="optimizer.train() before training goes on",
            )
        return super().step(closure)

    def train(self) -> None:
        """Put y into the parameters, where gradients are computed."""
        self._move(True)

    def eval(self) -> None:
        """Put x into the parameters, the mean, which is to be evaluated and saved."""
        self._move(False)

    def _move(self, to_train: bool) -> None:
        for group in self.param_groups:
            if group["train_mode"] is to_train:
                continue
            group["train_mode"] = to_train
            beta1 = group["betas"][0]
            share = 1 - beta1 if to_train else 1 - 1 / beta1
            for p in group["params"]:
                if p in self.state:
                    p.value = _towards(p.value, self.state[p]["z"], share)


def _towards(value: Any, z: Any, share: float) -> Any:
    here = as_working(value)
    return from_working(here + (z - here) * share, value)


def _rate(step: int, h: Mapping[str, Any]) -> float:
    """The learning rate of a step."""
    warm = h["warmup_steps"]
    return float(h["lr"] * step / warm if step < warm else h["lr"])


def _weight(step: int, s: Slots, h: Mapping[str, Any]) -> float:
    """How much a step counts in the mean."""
    return float(step ** h["r"] * s["lr_max"] ** h["weight_lr_power"])
