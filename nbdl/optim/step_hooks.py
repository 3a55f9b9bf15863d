"""Hooks around an optimizer's step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbdl.core.tape import RemovableHook
from nbdl.errors import ArgumentError

if TYPE_CHECKING:
    from nbdl.optim.optimizer import Optimizer


class HookedStep:
    """Stands in an optimizer for its ``step``, once it has hooks: those without pay nothing."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        optimizer = self.optimizer
        for hook in tuple(self.before.values()):
            changed = hook(optimizer, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise ArgumentError(
                    f"a hook before {type(optimizer).__name__}.step returned {changed!r:.60}",
                    hint="None, or (args, kwargs) to call step with",
                )
            args, kwargs = changed
        result = type(optimizer).step(optimizer, *args, **kwargs)
        for hook in tuple(self.after.values()):
            hook(optimizer, args, kwargs)
        return result


def added(optimizer: Optimizer, place: str, hook: Callable[..., Any]) -> RemovableHook:
    """Keep a hook ``before`` or ``after`` the step; the handle's ``remove()`` takes it away."""
    if not callable(hook):
        raise ArgumentError(f"a step hook must be a function, got {hook!r:.60}")
    step = vars(optimizer).get("step")
    if step is None:
        step = vars(optimizer)["step"] = HookedStep(optimizer)
    return RemovableHook(getattr(step, place), hook)
