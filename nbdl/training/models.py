"""What is trained: one module or several, their names and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from nbdl import nn
from nbdl.errors import ArgumentError, brief


@dataclass(frozen=True)
class Definition:
    """Where a model comes from.

    Attributes:
        source: the text of the cell that defined it.
        random: the state of the random numbers when the cell began.
    """

    source: str
    random: dict[str, int] = field(default_factory=dict)


definitions: WeakKeyDictionary[nn.Module, Definition] = WeakKeyDictionary()
"""Of models that were defined by a cell: kept with their runs."""


def source_of(models: list[Any]) -> str | None:
    """The cells that defined these models, one after another; None if none is known."""
    found = [definitions[model].source for model in models if model in definitions]
    return "\n\n".join(dict.fromkeys(found)) or None


def one_module(model: Any, who: str = "train") -> Any:
    """``model`` if it is a module; ArgumentError in words if not."""
    if isinstance(model, nn.Module):
        return model
    if model is None:
        own = ", or step= with a step of your own" if who == "train" else ""
        raise ArgumentError(f"{who} needs a model{own}")
    hint = "an nbdl.nn.Module"
    if isinstance(model, type) and issubclass(model, nn.Module):
        hint = f"{model.__name__}() makes a model of the class"
    raise ArgumentError(f"the model is a {type(model).__name__}, not a module", hint=hint)


def modules_of(model: Any) -> list[Any]:
    """The modules that a run of one's own step is about: none, one, or several."""
    if model is None:
        return []
    if isinstance(model, nn.Module):
        return [model]
    members = model.values() if isinstance(model, Mapping) else model
    if isinstance(members, Iterable) and not isinstance(members, str):
        found = list(members)
        if all(isinstance(m, nn.Module) for m in found):
            return found
    raise ArgumentError(f"model must be a module, or a list or dict of them, got {brief(model)}")


def name_of(models: list[Any]) -> str:
    """What a run of these modules is called."""
    return " + ".join(m._name or type(m).__name__ for m in models) or "run"


def named_parameters(models: list[Any]) -> list[tuple[str, Any]]:
    """(path, parameter) of all.

    With several modules the path begins with the module's name, or its place.
    """
    if len(models) == 1:
        return list(models[0].named_parameters())
    return [
        (f"{m._name or i}.{name}", p)
        for i, m in enumerate(models)
        for name, p in m.named_parameters()
    ]


def trained_parameters(models: list[Any]) -> list[tuple[str, Any]]:
    """The same of those that require a gradient."""
    return [(name, p) for name, p in named_parameters(models) if p.requires_grad]
