"""When a run's checkpoints are written, and which are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.training.names import check_options, parse
from nbdl.training.sources import whole
from nbdl.training.stopping import higher_is_better

SHARE = 0.01
"""The most of the training's time that writing by the clock and after epochs may take."""


@dataclass(frozen=True)
class Policy:
    """When checkpoints are written: at the start, after epochs, and at every end.

    Args:
        steps: every so many steps, however long that takes, instead of by the clock.
        minutes: every so many minutes; if given, however long that takes.
        best: the series whose best epoch is kept; the validation loss if there is one.
        keep: so many of the newest are kept, besides the best one.

    Raises ArgumentError for numbers out of range.
    """

    steps: int | None = None
    minutes: float | None = None
    best: str | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        if self.steps is not None:
            whole("checkpoint's steps", self.steps)
        whole("checkpoint's keep", self.keep)
        minutes = self.minutes
        if minutes is not None and (
            isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not minutes > 0
        ):
            raise ArgumentError(
                f"checkpoint's minutes must be a number above 0, got {brief(minutes)}"
            )
        if self.best is not None and not isinstance(self.best, str):
            raise ArgumentError(f"checkpoint's best is the name of a series, got {self.best!r}")

    @property
    def seconds(self) -> float | None:
        """Seconds between two checkpoints by the clock; None for none."""
        if self.minutes is not None:
            return 60.0 * self.minutes
        return 60.0 if self.steps is None else None

    def score(self, values: Mapping[str, float]) -> float | None:
        """How good an epoch with these values was, the less the better; None if nobody knows."""
        name = self.best or "val_loss"
        value = values.get(name)
        if value is None:
            return None
        return -value if higher_is_better(name) else value


def as_policy(checkpoint: Any) -> Policy | None:
    """What ``checkpoint=`` of ``nbdl.train`` stands for; None for no checkpoints.

    True, False, a number of steps, a dict of the arguments of ``Policy``, or a text such as
    ``"minutes=10, best='val_accuracy'"``.
    """
    if checkpoint is True or checkpoint is None:
        return Policy()
    if checkpoint is False:
        return None
    if isinstance(checkpoint, int):
        return Policy(steps=checkpoint)
    if isinstance(checkpoint, str):
        checkpoint = parse(f"checkpoint({checkpoint})")[1]
    if isinstance(checkpoint, Mapping):
        check_options("checkpoint", Policy, checkpoint)
        return Policy(**checkpoint)
    raise ArgumentError(
        f"checkpoint is True, False, a number of steps or a dict, got {brief(checkpoint)}",
        hint="checkpoint={'minutes': 10, 'best': 'val_accuracy', 'keep': 3}",
    )
