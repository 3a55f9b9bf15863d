"""Optimizers by name."""

from __future__ import annotations

from typing import Any

from nbdl.errors import ArgumentError, unknown
from nbdl.optim.optimizer import Optimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {}
"""Optimizers by the names that ``--optim`` and ``optim=`` take; ``nbdl.optim`` fills it."""


def optimizer_class(name: str) -> type[Optimizer]:
    """The class of a name, in any case; an unknown one is an ArgumentError with the nearest."""
    found = OPTIMIZERS.get(name.lower())
    if found is None:
        raise unknown("optimizer", name, OPTIMIZERS)
    return found


def as_optimizer_class(who: str, given: Any) -> type[Optimizer]:
    """``given`` as a class of optimizers, if it is one or the name of one."""
    if isinstance(given, str):
        return optimizer_class(given)
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given
    raise ArgumentError(
        f"{who}: base_optimizer must be a class of optimizers or the name of one, got "
        f"{given!r:.80}",
        hint=f"{who}(model.parameters(), base_optimizer=SGD, lr=0.1)",
    )
