"""Callbacks: one's own code between the steps of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbdl.errors import ArgumentError, brief

if TYPE_CHECKING:
    from nbdl.training.run import Run

HOOKS = ("on_start", "on_epoch_start", "on_step_end", "on_epoch_end", "on_end")


class Callback:
    """Base of callbacks; override the hooks that are wanted.

    Every hook gets the run and is called in the training thread, between two steps: the model
    may be read and changed. ``run.stop()`` ends the training. An exception fails the run. They
    must not print (the text would appear under another cell): use ``run.history.note``.

    One with ``state_dict()`` and ``load_state_dict(state)``, of numbers, texts and arrays, goes on
    with its state when a run is resumed.
    """

    def on_start(self, run: Run) -> None:
        """Before the first step."""

    def on_epoch_start(self, run: Run) -> None:
        """Before the first step of an epoch; ``run.epoch`` is its number, from 1."""

    def on_step_end(self, run: Run) -> None:
        """After each step; ``run.history.last("loss")`` is its loss."""

    def on_epoch_end(self, run: Run) -> None:
        """After each epoch and its validation."""

    def on_end(self, run: Run) -> None:
        """After the last step, however the run ends."""


class _EachEpoch(Callback):
    def __init__(self, function: Any) -> None:
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        self.function(run)


class Callbacks:
    """Several callbacks as one; knows which hooks anybody wants."""

    def __init__(self, callbacks: Any) -> None:
        if callbacks is None:
            callbacks = ()
        if not isinstance(callbacks, Iterable):
            callbacks = (callbacks,)
        self.members = [_as_callback(callback) for callback in callbacks]
        self.wanted = {
            hook: [getattr(m, hook) for m in self.members if _overrides(m, hook)]
            for hook in HOOKS
        }

    def parts(self) -> dict[str, Any]:
        """Those that keep something from step to step, by name: they have ``state_dict`` and
        ``load_state_dict``."""
        return {
            f"callback {i}": member for i, member in enumerate(self.members)
            if hasattr(member, "state_dict") and hasattr(member, "load_state_dict")
        }  # fmt: skip

    def call(self, hook: str, run: Run) -> None:
        """Call one hook of all callbacks, in their order."""
        for method in self.wanted[hook]:
            method(run)


def _as_callback(callback: Any) -> Any:
    if isinstance(callback, type):
        raise ArgumentError(f"the callback is the class {callback.__name__}: call it, or make it")
    if any(callable(getattr(callback, hook, None)) for hook in HOOKS):
        return callback
    if callable(callback):
        return _EachEpoch(callback)
    raise ArgumentError(
        f"a callback is a function of the run, called after each epoch, or has some of "
        f"{', '.join(HOOKS)}; got {brief(callback)}"
    )


def _overrides(member: Any, hook: str) -> bool:
    method = getattr(member, hook, None)
    return callable(method) and getattr(type(member), hook, None) is not getattr(Callback, hook)
