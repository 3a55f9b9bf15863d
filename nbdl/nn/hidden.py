"""Layers that training would silently leave out: those kept in a plain list or dict."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nbdl.nn.parameter import Parameter

if TYPE_CHECKING:
    from nbdl.nn.module import Module


class HiddenLayersWarning(UserWarning):
    """Layers or parameters lie where neither training nor saving sees them."""


def hidden_layers(module: Module) -> list[tuple[str, str]]:
    """Attributes of ``module`` that hide layers: ``(attribute, what to use instead)``.

    A plain list, tuple, set or dict of layers or parameters is not seen by ``parameters()``,
    ``to()``, ``state_dict()`` or ``train()``. Those that are registered elsewhere too are
    not hidden.
    """
    seen = {id(m) for m in module.modules()}
    for inner in module.modules():
        seen.update(map(id, inner._parameters.values()))
    found = []
    for name, value in module.__dict__.items():
        if name.startswith("_") or not isinstance(value, (list, tuple, set, dict)):
            continue
        hidden = [item for item in _contents(value) if id(item) not in seen]
        if hidden:
            kind = "Parameter" if isinstance(hidden[0], Parameter) else "Module"
            shape = "Dict" if isinstance(value, dict) else "List"
            found.append((name, f"{kind}{shape}"))
    return found


def _contents(value: Any, depth: int = 3) -> Iterator[Any]:
    """The modules and parameters in nested lists, tuples, sets and dicts."""
    if isinstance(value, Parameter) or hasattr(type(value), "named_parameters"):
        yield value
    elif depth and isinstance(value, (list, tuple, set, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _contents(item, depth - 1)


def warn_of_hidden_layers(module: Module) -> None:
    """Warn once a module, at its first call, about each attribute that hides layers."""
    for name, instead in hidden_layers(module):
        kind = type(module).__name__
        warnings.warn(
            f"{kind}.{name} keeps layers in a plain {type(module.__dict__[name]).__name__}: they "
            "are not trained, not moved to the GPU and not saved; "
            f"write self.{name} = nn.{instead}(...)",
            HiddenLayersWarning,
            stacklevel=4,
        )
