"""Schedules of the learning rate by name, fitted to the length of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.optim import lr_scheduler
from nbdl.training.names import check_options, parse
from nbdl.training.registry import Registry


@dataclass(frozen=True)
class Length:
    """How long a run is: steps in all (None if unknown) and epochs; and its optimizer's options:
    the learning rate of each group, and whether it has a momentum that can be cycled."""

    steps: int | None
    epochs: int
    rates: list[float]
    momentum: bool

    def need_steps(self, name: str) -> int:
        """The steps in all, or ArgumentError when nobody knows them."""
        if self.steps is None:
            raise ArgumentError(
                f"the schedule {name!r} must know the number of steps, and this data has no length",
                hint="max_steps=...",
            )
        return self.steps


@dataclass(frozen=True)
class ScheduleKind:
    """A class of ``nbdl.optim.lr_scheduler``, when it steps, and its arguments for a run."""

    cls: str
    every: str
    options: Callable[[Length], dict[str, Any]]


def _warm_then_cosine(length: Length) -> dict[str, Any]:
    """5 % of the steps up from 0, then a half cosine down to 0."""
    total = length.need_steps("warmup_cosine")
    warm = max(1, total // 20)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    return {"lr_lambda": factor}


SCHEDULES: Registry[ScheduleKind] = Registry("schedule")
"""Name -> what it is."""

for _name, _kind, *_aliases in (
    ("cosine", ScheduleKind(
        "CosineAnnealingLR", "step", lambda n: {"T_max": n.need_steps("cosine")}),
     "cosine_annealing"),
    ("one_cycle", ScheduleKind(
        "OneCycleLR", "step",
        lambda n: {"max_lr": n.rates, "total_steps": n.need_steps("one_cycle"),
                   "cycle_momentum": n.momentum}),
     "onecycle", "1cycle"),
    ("step", ScheduleKind(
        "StepLR", "epoch", lambda n: {"step_size": max(1, n.epochs // 3), "gamma": 0.1})),
    ("exponential", ScheduleKind("ExponentialLR", "epoch", lambda n: {"gamma": 0.95})),
    ("warmup", ScheduleKind(
        "LinearLR", "step",
        lambda n: {"start_factor": 0.01, "total_iters": max(1, n.need_steps("warmup") // 20)}),
     "warm_up", "linear_warmup"),
    ("warmup_cosine", ScheduleKind("LambdaLR", "step", _warm_then_cosine)),
    ("linear", ScheduleKind(
        "LinearLR", "step",
        lambda n: {"start_factor": 1.0, "end_factor": 0.0, "total_iters": n.need_steps("linear")}),
     "linear_decay"),
    ("plateau", ScheduleKind("ReduceLROnPlateau", "plateau", lambda n: {"patience": 2}),
     "reduce_on_plateau"),
):  # fmt: skip
    SCHEDULES.add(_name, _kind, *_aliases)


class Schedule:
    """Schedulers (one an optimizer) and when they step: 'step', 'epoch' or 'plateau'.

    After the last of ``steps`` steps there is no next one to set a rate for: OneCycleLR would
    refuse to.
    """

    def __init__(self, schedulers: list[Any], every: str, steps: int | None) -> None:
        self.schedulers, self.every, self.left = schedulers, every, steps

    def after_step(self) -> None:
        """A step is complete."""
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                return
        if self.every == "step":
            for scheduler in self.schedulers:
                scheduler.step()

    def after_epoch(self, values: Mapping[str, float]) -> None:
        """An epoch is complete; a plateau is looked for in the validation loss, or the loss."""
        if self.every == "epoch":
            for scheduler in self.schedulers:
                scheduler.step()
        elif self.every == "plateau":
            measured = values.get("val_loss", values.get("loss"))
            if measured is not None:
                for scheduler in self.schedulers:
                    scheduler.step(measured)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedulers are; functions of one's own are left out."""
        return {"left": self.left, "schedulers": [_state_of(s) for s in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.left = state["left"]
        for scheduler, saved in zip(self.schedulers, state["schedulers"], strict=True):
            load = getattr(scheduler, "load_state_dict", None)
            load(saved) if load is not None else vars(scheduler).update(saved)


def _state_of(scheduler: Any) -> dict[str, Any]:
    save = getattr(scheduler, "state_dict", None)
    found = vars(scheduler) if save is None else save()
    return {k: v for k, v in found.items() if k != "optimizer" and not callable(v)}


def as_schedule(schedule: Any, optimizers: list[Any], steps: int | None, epochs: int) -> Schedule:
    """A Schedule from a name, a function of the optimizer that makes a scheduler, or one.

    Schedulers of one's own step after each epoch, as PyTorch's examples do; after each step
    where they are such (OneCycleLR, CyclicLR), or say ``every = "step"``.
    """
    if not optimizers:
        raise ArgumentError(
            "a schedule needs an optimizer; with step= give them as optimizers=[...]"
        )
    if isinstance(schedule, str):
        word, given = parse(schedule)
        name = SCHEDULES.resolve(word)
        kind = SCHEDULES[name]
        cls = getattr(lr_scheduler, kind.cls)
        check_options(f"the schedule {name!r}", cls, given)
        made = []
        for optimizer in optimizers:
            group = optimizer.param_groups[0]
            rates = [float(g["lr"]) for g in optimizer.param_groups]
            momentum = bool(group.get("momentum") or group.get("betas"))
            length = Length(steps, epochs, rates, momentum)
            made.append(cls(optimizer, **{**kind.options(length), **given}))
        return Schedule(made, kind.every, steps)
    if hasattr(schedule, "step"):
        return Schedule([schedule], _when(schedule), steps)
    if callable(schedule):
        made = [schedule(optimizer) for optimizer in optimizers]
        if not all(hasattr(scheduler, "step") for scheduler in made):
            raise ArgumentError(
                f"{brief(schedule)} gave no scheduler but a {type(made[0]).__name__}"
            )
        return Schedule(made, _when(made[0]), steps)
    raise ArgumentError(
        f"a schedule is a name, a scheduler or a function that makes one, got {brief(schedule)}",
        hint="one of " + ", ".join(SCHEDULES.names()),
    )


def _when(scheduler: Any) -> str:
    said = getattr(scheduler, "every", None)
    if said in ("step", "epoch", "plateau"):
        return str(said)
    name = type(scheduler).__name__
    if name == "ReduceLROnPlateau":
        return "plateau"
    return "step" if name in ("OneCycleLR", "CyclicLR") else "epoch"
