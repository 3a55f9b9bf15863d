"""Parameters that a run leaves as they are, until it is told otherwise."""

from __future__ import annotations

from typing import Any

from nbdl.errors import ArgumentError
from nbdl.training.models import named_parameters
from nbdl.training.patterns import as_patterns, matching


class Freezing:
    """What a run has frozen; at its end that can be trained again.

    A layer all of whose own parameters are frozen is in evaluation mode meanwhile: the statistics
    of a frozen batch norm stand still, as in Keras.

    Args:
        models: those of the run.
        gradients: where samples of gradients go: told which layers have none on purpose.
    """

    def __init__(self, models: list[Any], gradients: Any) -> None:
        self.models, self.gradients = models, gradients
        self.mine: dict[str, Any] = {}  # parameters by their names
        self.first: dict[str, Any] = {}  # what is frozen when the run begins

    def find(self, what: str, patterns: Any) -> dict[str, Any]:
        """The parameters that are meant. Raises ArgumentError for a pattern that fits none."""
        named = dict(named_parameters(self.models))
        return {
            name: named[name]
            for pattern in as_patterns(what, patterns)
            for name in matching(what, pattern, named)
        }

    def freeze(self, found: dict[str, Any]) -> None:
        """Leave these as they are from now on."""
        self.mine |= {name: p for name, p in found.items() if p.requires_grad}
        for p in found.values():
            p.requires_grad_(False)
        self._put_modes()

    def thaw(self, found: dict[str, Any]) -> None:
        """Train these from now on."""
        for p in found.values():
            p.requires_grad_(True)
        self._put_modes()
        self.mine = {name: p for name, p in self.mine.items() if name not in found}

    def begin(self) -> None:
        """The models have been put into training mode."""
        first, self.first = self.first, {}
        self.freeze(first)

    def _put_modes(self) -> None:
        """Put layers into the mode that they train in, where it is this run's to say."""
        mine = {id(p) for p in self.mine.values()}
        for model in self.models:
            for layer in model.modules():
                own = list(layer.parameters(recurse=False))
                if model.training and own and all(id(p) in mine for p in own):
                    layer.training = any(p.requires_grad for p in own)
        self.gradients.frozen = {n for n, p in self.mine.items() if not p.requires_grad}

    def end(self) -> None:
        """What the run has frozen can be trained again."""
        for p in self.mine.values():
            p.requires_grad_(True)

    def check_trained(self, optimizers: list[Any], found: dict[str, Any]) -> None:
        """Raise ArgumentError for a parameter that no optimizer would change."""
        known = {id(p) for o in optimizers for group in o.param_groups for p in group["params"]}
        for name, p in found.items():
            if id(p) not in known:
                raise ArgumentError(
                    f"unfreeze: {name!r} was frozen before the run began, so its optimizer does "
                    "not have it",
                    hint="leave that to the run: nbdl.train(model, ..., freeze='features.*')",
                )

    def state_dict(self) -> dict[str, Any]:
        """The names of what is this run's."""
        return {"mine": list(self.mine)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with these."""
        named = dict(named_parameters(self.models))
        self.mine = {name: named[name] for name in state["mine"] if name in named}
        self.first = {}
