"""What optimizers around another optimizer share."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NoReturn

from nbdl.errors import ArgumentError, did_you_mean
from nbdl.optim.optimizer import Optimizer
from nbdl.optim.registry import as_optimizer_class


class Wrapper(Optimizer):
    """An optimizer around another one, whose groups and state it shows as its own.

    Args:
        params: an optimizer, or what to train.
        base_optimizer: for the latter, the class (or its name) that does the steps.
        options: for the latter, its learning rate and the rest.

    Attributes:
        base: the optimizer inside.
    """

    def __init__(self, params: Any, base_optimizer: Any, options: Mapping[str, Any]) -> None:
        who = type(self).__name__
        if isinstance(params, Optimizer):
            if options:
                raise ArgumentError(
                    f"{who} got an optimizer and options for one: {', '.join(options)}",
                    hint=f"give them to the {type(params).__name__} inside",
                )
            self.base = params
        else:
            self.base = _made(as_optimizer_class(who, base_optimizer), params, options)
        self.defaults = self.base.defaults
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.base.param_groups, self.base.state

    @classmethod
    def rule(cls, **options: Any) -> NoReturn:
        """Not for optimizers around others: raises ArgumentError."""
        raise ArgumentError(
            f"{cls.__name__} is no pure rule: it works on the parameters of the optimizer inside",
            hint="take the rule of that one",
        )

    def train(self) -> None:
        """As the optimizer inside."""
        self.base.train()

    def eval(self) -> None:
        """As the optimizer inside."""
        self.base.eval()

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add a group to the optimizer inside."""
        self.base.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizer inside."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.base.load_state_dict(state_dict)
        self._share()

    def __repr__(self) -> str:
        return f"{type(self).__name__} around {self.base!r}"


def _made(cls: Any, params: Any, options: Mapping[str, Any]) -> Optimizer:
    """The optimizer inside. Raises ArgumentError for options that it does not have."""
    known = list(inspect.signature(cls).parameters)[1:]
    for name in options:
        if name not in known:
            raise ArgumentError(
                f"{cls.__name__} has no option {name!r}{did_you_mean(name, known)}",
                hint="its options are " + ", ".join(known),
            )
    made: Optimizer = cls(params, **options)
    return made
