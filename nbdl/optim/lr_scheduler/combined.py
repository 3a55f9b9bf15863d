"""Several schedules on one optimizer: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.lr_scheduler.base import LRScheduler, check_optimizer
from nbdl.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """One schedule after the other: the next one takes over at each milestone."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        check_optimizer("SequentialLR", optimizer)
        _check_members("SequentialLR", optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} "
                f"milestones, got {list(milestones)}"
            )
        self.optimizer = optimizer
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self.last_epoch = last_epoch + 1
        # Each member wrote its first rate when it was made: begin anew with the first alone.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            scheduler.last_epoch -= 1
        self._schedulers[0].step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on by one."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler.step(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """State of this schedule and of its members."""
        return _members_state(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        _load_members(self, state_dict)


class ChainedScheduler(LRScheduler):
    """Several schedules stepped together: their factors multiply."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ArgumentError("ChainedScheduler needs at least one schedule")
        self.optimizer = optimizer or schedulers[0].optimizer
        _check_members("ChainedScheduler", self.optimizer, schedulers)
        self._schedulers = list(schedulers)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Step each of them."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """State of the members."""
        return _members_state(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        _load_members(self, state_dict)


def _check_members(who: str, optimizer: Any, schedulers: Sequence[Any]) -> None:
    if not schedulers:
        raise ArgumentError(f"{who} needs at least one schedule")
    for i, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler) or scheduler.optimizer is not optimizer:
            raise ArgumentError(
                f"{who}: schedulers[{i}] is not a schedule of this optimizer: {scheduler!r:.80}"
            )


def _members_state(scheduler: Any) -> dict[str, Any]:
    state = LRScheduler.state_dict(scheduler)
    return {**state, "_schedulers": [s.state_dict() for s in scheduler._schedulers]}


def _load_members(scheduler: Any, state: dict[str, Any]) -> None:
    members = state["_schedulers"]
    LRScheduler.load_state_dict(scheduler, {k: v for k, v in state.items() if k != "_schedulers"})
    for member, saved in zip(scheduler._schedulers, members, strict=True):
        member.load_state_dict(saved)
