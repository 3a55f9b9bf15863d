"""Mistakes that an optimizer can see from where it stands: told once, training goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbdl.core import modes
from nbdl.core.mistakes import tell
from nbdl.core.tape import Leaf

if TYPE_CHECKING:
    from nbdl.optim.optimizer import Optimizer

_PATIENCE = 2
"""Steps after which a parameter without a gradient is spoken of."""


class Attention:
    """What the steps of one optimizer have shown."""

    def __init__(self) -> None:
        self.steps = 0

    def after(self, optimizer: Optimizer, updated: list[Any]) -> None:
        """Look at a step in which the parameters ``updated`` got a new value."""
        self.steps += 1
        who = type(optimizer).__name__
        _mark_used(updated, who)
        if not updated:
            _tell_nothing(optimizer, who)
        elif self.steps == _PATIENCE:
            _tell_idle(optimizer, who)
        if modes.local.state.untrained:
            _tell_evaluating(optimizer)


def _mark_used(updated: list[Any], who: str) -> None:
    """Tell when a gradient was added to one that the step before had used already."""
    added = False
    for p in updated:
        leaf = p.node
        if type(leaf) is Leaf:
            added = added or leaf.added
            leaf.used, leaf.added = True, False
    if added:
        tell(
            f"{who}.step() with gradients that were added to those of the step before: all "
            "gradients so far add up",
            "optimizer.zero_grad() before each backward",
        )


def _members(optimizer: Optimizer) -> list[Any]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _tell_nothing(optimizer: Optimizer, who: str) -> None:
    members = _members(optimizer)
    tell(
        f"{who}.step() changed nothing: none of its {len(members)} parameters has a gradient",
        "loss.backward() before it; and if the model was made anew (its cell was run again), make "
        "the optimizer anew too: it still holds the parameters of the model before",
    )


def _tell_idle(optimizer: Optimizer, who: str) -> None:
    idle = [p for p in _members(optimizer) if p.requires_grad and p not in optimizer.state]
    if idle:
        shapes = ", ".join(str(tuple(p.shape)) for p in idle[:4]) + ", …" * (len(idle) > 4)
        tell(
            f"{len(idle)} of {who}'s parameters never got a gradient in {_PATIENCE} steps, "
            f"of shapes {shapes}",
            "is each layer used in forward, and none behind .detach() or no_grad? "
            "p.requires_grad_(False) says that one is meant to stay",
        )


def _tell_evaluating(optimizer: Optimizer) -> None:
    """A step for a model whose dropout or batch norm was in evaluation mode."""
    mine = {id(p) for p in _members(optimizer)}
    for reference in modes.local.state.untrained:
        model = reference()
        if model is None or model.training:
            continue
        if any(id(p) in mine for p in model.parameters()):
            tell(
                f"a training step of {model._name or type(model).__name__} in evaluation mode: "
                "its dropout and batch norm do not work as in training",
                "model.train() before training; model.eval() is for predicting",
            )
    modes.local.state.untrained = ()
