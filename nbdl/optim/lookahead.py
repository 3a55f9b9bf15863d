"""Lookahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.optim.groups import check_share, check_whole
from nbdl.optim.optimizer import as_working, from_working
from nbdl.optim.wrapper import Wrapper


class Lookahead(Wrapper):
    """Lookahead: another optimizer goes k steps ahead, then the parameters follow part of the way.

    M. Zhang, J. Lucas, G. Hinton and J. Ba, "Lookahead Optimizer: k steps forward, 1 step back",
    NeurIPS 2019.  After every k steps  p ← slow + alpha · (p − slow), where slow is p as it was
    before them. ``Lookahead(AdamW(model.parameters(), lr=1e-3))``.

    Args:
        params: an optimizer, or what to train.
        k: steps forward.
        alpha: how much of the way counts.
        base_optimizer: where ``params`` is no optimizer, the class or name of one.
        options: of that one.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Any, k: int = 5, alpha: float = 0.5, *, base_optimizer: Any = "adamw",
        **options: Any,
    ) -> None:  # fmt: skip
        check_whole("Lookahead", "k", k, 1)
        check_share("Lookahead", "alpha", alpha)
        super().__init__(params, base_optimizer, options)
        self.k, self.alpha = k, alpha
        self.needs_closure = self.base.needs_closure
        self._ahead = 0
        self._slow: dict[Tensor, Any] = {}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """A step of the optimizer inside; after the k-th one, back part of the way."""
        if not self._ahead:
            # Values are never changed in place, so to keep them is to keep the arrays.
            self._slow = {p: p.value for group in self.param_groups for p in group["params"]}
        loss = self.base.step(closure)
        self._ahead += 1
        if self._ahead == self.k:
            for p, slow in self._slow.items():
                if p.value is not slow:
                    p.value = _between(slow, p.value, self.alpha)
            self._ahead, self._slow = 0, {}
        return loss

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizer inside, steps made since the last pause and where it was."""
        slow = {
            i: Tensor._wrap(self._slow[p])
            for i, p in enumerate(p for group in self.param_groups for p in group["params"])
            if p in self._slow
        }
        return {**super().state_dict(), "lookahead": {"ahead": self._ahead, "slow": slow}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        own = state_dict.get("lookahead")
        if own is None:
            raise ArgumentError(
                "Lookahead.load_state_dict: this is no state of a Lookahead",
                hint="optimizer.base.load_state_dict takes that of the optimizer inside",
            )
        super().load_state_dict(state_dict)
        members = [p for group in self.param_groups for p in group["params"]]
        self._ahead = int(own["ahead"])
        self._slow = {
            members[i]: backends.to_device(slow.value, backends.device_of(members[i].value))
            for i, slow in own["slow"].items()
        }


def _between(start: Any, end: Any, share: float) -> Any:
    """``start + share · (end − start)``."""
    a, b = as_working(start), as_working(end)
    return from_working(a + (b - a) * share, start)
