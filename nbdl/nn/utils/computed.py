"""Attributes of a layer that are computed whenever they are read.

The layer's class is replaced by a subclass with a property of the attribute's name, so that
``layer.weight`` in anybody's ``forward`` is the computed one, fresh after each optimizer step.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter, Unsized

M = TypeVar("M", bound=Module)


class Rule(Protocol):
    """How an attribute is computed from other members of its layer."""

    def value(self, module: Module) -> Tensor:
        """What reading the attribute gives."""

    def assign(self, module: Module, value: Any) -> None:
        """What writing to the attribute does."""


def compute(module: Module, name: str, rule: Rule) -> None:
    """Let ``module.name`` be what ``rule`` computes; a parameter or buffer there goes away."""
    if name in module.__dict__:
        delattr(module, name)
    rules = {**rules_of(module), name: rule}
    module.__dict__["_computed"] = rules
    _become(module, _with_properties(plain_class(module), list(rules)))


def uncompute(module: Module, name: str) -> Any:
    """Undo ``compute``; returns the rule. The name is free afterwards."""
    rules = dict(rules_of(module))
    rule = rules.pop(name)
    module.__dict__["_computed"] = rules
    plain = plain_class(module)
    _become(module, _with_properties(plain, list(rules)) if rules else plain)
    if not rules:
        del module.__dict__["_computed"]
    return rule


def _become(module: Module, cls: type[Module]) -> None:
    # A module's own __setattr__ makes a member of whatever it is given.
    object.__setattr__(module, "__class__", cls)


def rules_of(module: Module) -> dict[str, Any]:
    """The rules of computed attributes by name."""
    found: dict[str, Any] = module.__dict__.get("_computed", {})
    return found


def plain_class(module: Module) -> type[Module]:
    """The class that the layer had before attributes were computed."""
    found: type[Module] = getattr(type(module), "_plain_class", type(module))
    return found


def _with_properties(plain: type[Module], names: list[str]) -> type[Module]:
    """A subclass of ``plain`` with a property for each name."""

    def reader(name: str) -> property:
        return property(lambda self: rules_of(self)[name].value(self))

    def write(self: Module, name: str, value: Any) -> None:
        rule = rules_of(self).get(name)
        if rule is None:
            plain.__setattr__(self, name, value)
        else:
            rule.assign(self, value)

    def reduce(self: Module, protocol: Any) -> Any:
        return _rebuilt, (plain, names), self.__dict__

    members = {"__setattr__": write, "__reduce_ex__": reduce, "_plain_class": plain,
               "__module__": plain.__module__, "__qualname__": plain.__qualname__,
               "__doc__": plain.__doc__}  # fmt: skip
    return type(plain.__name__, (plain,), members | {name: reader(name) for name in names})


def _rebuilt(plain: type[Module], names: list[str]) -> Module:
    """A layer without its members, for copies and pickles."""
    made: Module = object.__new__(_with_properties(plain, names))
    return made


def check_layer(who: str, module: Any) -> None:
    """Raise ArgumentError for what is no layer."""
    if not isinstance(module, Module):
        raise ArgumentError(f"{who} takes a layer, got a {type(module).__name__}")


def member(who: str, module: Module, name: str) -> Any:
    """The parameter or buffer of that name.

    Raises ArgumentError if there is none, or one whose shape is not known yet.
    """
    check_layer(who, module)
    found = {**module._parameters, **module._buffers}.get(name)
    if type(found) is Unsized:
        raise found.refuse()
    if found is None:
        known = [key for key, value in {**module._parameters, **module._buffers}.items()
                 if value is not None]  # fmt: skip
        raise ArgumentError(
            f"{who}: {type(module).__name__} has no parameter or buffer {name!r}",
            hint=f"it has {', '.join(known) or 'none'}",
        )
    return found


def as_kind_of(value: Tensor, like: Tensor) -> Tensor:
    """``value`` as a parameter if ``like`` is one, trained or frozen as it is."""
    if not isinstance(like, Parameter):
        return value.detach()
    return Parameter(value.detach(), like.requires_grad)


def put_member(module: Module, name: str, value: Tensor) -> None:
    """Register a parameter as one, and anything else as a buffer."""
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)
