"""The functional face of optimizers: pure functions on ``{path: Tensor}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError

if TYPE_CHECKING:
    from nbdl.optim.optimizer import Optimizer, Slots


def nothing() -> Tensor:
    """A parameter without elements, for options to be checked without a model."""
    return Tensor(np.zeros((0, 0), np.float32), requires_grad=True)


class Rule:
    """An optimizer without parameters: two pure functions on ``{path: Tensor}``.

    Attributes:
        optimizer: the class of optimizer.
        options: learning rate and the rest; copy with changes by ``rule.replace(lr=...)``.
    """

    def __init__(self, optimizer: type[Optimizer], options: Mapping[str, Any]) -> None:
        self.optimizer = optimizer
        self.options = dict(options)

    def replace(self, **options: Any) -> Rule:
        """The same rule with other options. Raises ArgumentError for unknown ones."""
        group = {"params": [nothing()], **self.options, **options}
        make: Any = self.optimizer
        made = make([group]).param_groups[0]
        return Rule(self.optimizer, {name: made[name] for name in self.options})

    def init(self, params: Mapping[str, Tensor]) -> dict[str, Slots]:
        """The state before the first update: ``{path: {"step": 0, name: array, ...}}``."""
        return {path: self.optimizer._new_slots(p.value, self.options)
                for path, p in params.items()}  # fmt: skip

    def update(
        self, grads: Mapping[str, Tensor | None], state: Mapping[str, Slots],
        params: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, Slots]]:  # fmt: skip
        """New parameters and new state; nothing that is given is changed.

        A path without a gradient keeps its value and state. Raises ShapeError if a gradient's
        shape is not its parameter's.
        """
        new_params: dict[str, Tensor] = {}
        new_state: dict[str, Slots] = {}
        for path, p in params.items():
            g = grads.get(path)
            if g is None:
                new_params[path], new_state[path] = p, state[path]
                continue
            if g.shape != p.shape:
                raise ShapeError(
                    f"the gradient of {path!r} has shape {g.shape}, the parameter {p.shape}"
                )
            slots = {k: v.copy() if hasattr(v, "copy") else v for k, v in state[path].items()}
            new = self.optimizer._apply(p.value, g.value, slots, self.options)
            new_params[path], new_state[path] = Tensor._wrap(new), slots
        return new_params, new_state

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.optimizer.__name__}.rule({options})"
