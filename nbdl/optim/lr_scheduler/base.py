"""The base of schedules."""

from __future__ import annotations

from typing import Any, ClassVar

from nbdl.core.mistakes import tell
from nbdl.errors import ArgumentError
from nbdl.optim.optimizer import Optimizer


class LRScheduler:
    """Base of schedules: ``get_lr`` gives the rates for ``self.last_epoch``.

    Attributes:
        optimizer: whose rates are written.
        base_lrs: the rates the schedule started from, one for each group.
        last_epoch: how many times ``step`` was called.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(type(self).__name__, optimizer)
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: last_epoch={last_epoch} needs 'initial_lr' in each "
                    "group of the optimizer",
                    hint="load the optimizer's state_dict first",
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> list[float]:
        """The rates of the groups now that ``last_epoch`` steps were made."""
        raise NotImplementedError

    def _scaled(self, factor: float) -> list[float]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Go on by one and write the new rates; or begin anew and go to ``epoch``."""
        if epoch is None:
            self.last_epoch += 1
            self._check_order()
            self._write(self.get_lr())
            return
        if self._begins_anew:
            self._write(self.base_lrs)
        for t in range(int(epoch) + 1):
            self.last_epoch = t
            self._write(self.get_lr())

    def _check_order(self) -> None:
        """Tell when the schedule goes on before the optimizer has made a step."""
        if self.last_epoch == 1 and not self.optimizer.state:
            tell(
                f"{type(self).__name__}.step() before {type(self.optimizer).__name__}.step(): the "
                "first value of the schedule is passed over",
                "optimizer.step() first, then scheduler.step()",
            )

    _begins_anew: ClassVar[bool] = True
    """Whether a fresh start goes from ``base_lrs``, or from the rates that are there."""

    def _write(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = rates

    def get_last_lr(self) -> list[float]:
        """The rates written last."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, without the optimizer."""
        return {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.__dict__.update(state_dict)


def check_optimizer(who: str, optimizer: Any) -> Optimizer:
    """``optimizer`` if it is one; ArgumentError if not."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"{who} takes an optimizer, got a {type(optimizer).__name__}",
            hint=f"{who}(SGD(model.parameters(), lr=0.1), ...)",
        )
    return optimizer


def per_group(who: str, name: str, optimizer: Any, value: Any) -> list[float]:
    """One number for each group: ``value`` for all of them, or a list of as many.

    Raises ArgumentError for a list of another length, and for what is no optimizer.
    """
    count = len(check_optimizer(who, optimizer).param_groups)
    given = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(given) != count:
        raise ArgumentError(f"{who}: {len(given)} values of {name} for {count} parameter groups")
    return given


def positive(who: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ArgumentError(f"{who}: {name}={value!r} must be a whole number of at least 1")
    return int(value)
