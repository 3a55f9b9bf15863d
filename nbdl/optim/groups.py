"""From what a person gives an optimizer to parameter groups, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError, did_you_mean

Group = dict[str, Any]
"""Options and ``params``, a list of tensors; ``param_names`` where names were given."""

EXTRA = ("params", "param_names", "initial_lr", "max_lr", "min_lr", "max_momentum",
          "base_momentum", "swa_lr")  # fmt: skip
"""Keys beside an optimizer's own options: schedules keep what they need in the group."""


def as_groups(params: Any, who: str) -> list[Group]:
    """Groups from tensors, (name, tensor) pairs, or dicts with ``params``.

    Raises ArgumentError for what is none of these and for an empty list, GradientError for a
    tensor that is no leaf.
    """
    if isinstance(params, Tensor):
        raise ArgumentError(
            f"{who} takes a list of parameters, got one tensor of shape {params.shape}",
            hint=f"{who}([x], lr=...)",
        )
    if isinstance(params, Mapping):
        return as_groups(list(params.items()), who)
    if not isinstance(params, Iterable) or isinstance(params, str):
        raise ArgumentError(
            f"{who} takes the parameters to train, got a {type(params).__name__}",
            hint=f"{who}(model.parameters(), lr=...)",
        )
    listed = list(params)
    if not listed:
        raise ArgumentError(
            f"{who} got an empty list of parameters",
            hint="a model without parameters? a generator that was gone through already?",
        )
    if not isinstance(listed[0], Mapping):
        listed = [{"params": listed}]
    return [_group(given, who) for given in listed]


def _group(given: Any, who: str) -> Group:
    if not isinstance(given, Mapping) or "params" not in given:
        raise ArgumentError(
            f"{who}: a parameter group is a dict with 'params', got {given!r:.80}",
            hint='[{"params": model.head.parameters(), "lr": 1e-2}, {"params": ...}]',
        )
    members = given["params"]
    members = [members] if isinstance(members, Tensor) else list(members)
    names = None
    if members and all(isinstance(m, tuple) and len(m) == 2 for m in members):
        names = [str(name) for name, _ in members]
        members = [p for _, p in members]
    for i, p in enumerate(members):
        label = repr(names[i]) if names else f"number {i}"
        if isinstance(p, tuple):
            raise ArgumentError(
                f"{who}: parameter {label} has a name and others in its group have none",
                hint="model.named_parameters(), or model.parameters()",
            )
        if not isinstance(p, Tensor):
            raise ArgumentError(
                f"{who} can only train tensors, parameter {label} is a {type(p).__name__}",
                hint="model.parameters()",
            )
        if not p.is_leaf:
            raise GradientError(
                f"{who} can only train leaves, parameter {label} of shape {p.shape} is the "
                "result of an operation",
                hint="give the tensors it was computed from, or x.detach().requires_grad_()",
            )
    group = {**given, "params": members}
    return group | {"param_names": names} if names else group


def check_some_require_grad(groups: list[Group], who: str) -> None:
    """Raise GradientError unless some parameter requires a gradient: nothing would happen."""
    if not any(p.requires_grad for group in groups for p in group["params"]):
        count = sum(len(group["params"]) for group in groups)
        raise GradientError(
            f"{who} got {count} tensor{'s' * (count != 1)}, none of which requires a gradient",
            hint="model.requires_grad_(True), or nbdl.tensor(..., requires_grad=True)",
        )


def refuse_repeated(who: str, groups: list[Group]) -> None:
    """Raise ArgumentError for a tensor that is there twice: it would be updated twice."""
    seen: dict[int, int] = {}
    for number, group in enumerate(groups):
        for p in group["params"]:
            if id(p) in seen:
                where = f"groups {seen[id(p)]} and {number}"
                if seen[id(p)] == number:
                    where = f"group {number} twice"
                raise ArgumentError(f"{who}: a parameter of shape {p.shape} is in {where}")
            seen[id(p)] = number


def refuse_half_named(who: str, groups: list[Group]) -> None:
    """Raise ArgumentError where some groups have names of parameters and others have none."""
    if len({"param_names" in group for group in groups}) > 1:
        raise ArgumentError(
            f"{who}: some groups of parameters have names and others have none",
            hint="model.named_parameters() for all groups, or model.parameters()",
        )


def refuse_unknown(who: str, group: Group, defaults: Mapping[str, Any]) -> None:
    """Raise ArgumentError for an option that the optimizer does not have."""
    for name in group:
        if name not in defaults and name not in EXTRA:
            raise ArgumentError(
                f"{who} has no option {name!r}{did_you_mean(name, defaults)}",
                hint="its options are " + ", ".join(defaults),
            )


RANGES: dict[str, tuple[float, float]] = {
    name: (0.0, math.inf)
    for name in ("lr", "weight_decay", "eps", "momentum", "lr_decay", "initial_accumulator_value")
}
"""Options that mean the same in every optimizer: the least value, and what they stay below."""


def check_options(
    who: str, options: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]
) -> None:
    """Raise ArgumentError for an option outside of its range."""
    for name, (low, below) in {**RANGES, **ranges}.items():
        if name in options:
            check_number(who, name, options[name], low, below)
    if "betas" in options:
        check_pair(who, "betas", options["betas"])
        for i, beta in enumerate(options["betas"]):
            check_number(who, f"betas[{i}]", beta, 0.0, 1.0)


def check_pair(who: str, name: str, value: Any) -> None:
    """Raise ArgumentError unless ``value`` is a tuple or list of two."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{who}: {name} must be two numbers, got {value!r}")


def check_number(who: str, name: str, value: Any, low: float, below: float) -> None:
    """Raise ArgumentError unless ``low <= value < below``."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{who}: {name} must be a number, got {value!r}") from None
    if not low <= number < below:
        allowed = f"at least {low:g}" if below == math.inf else f"from {low:g} to below {below:g}"
        raise ArgumentError(f"{who}: {name}={value!r} must be {allowed}")


def check_share(who: str, name: str, value: Any) -> None:
    """Raise ArgumentError unless ``0 <= value <= 1``."""
    check_number(who, name, value, -math.inf, math.inf)
    if not 0 <= value <= 1:
        raise ArgumentError(f"{who}: {name}={value!r} must be from 0 to 1")


def check_whole(who: str, name: str, value: Any, low: int) -> None:
    """Raise ArgumentError unless ``value`` is a whole number of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ArgumentError(f"{who}: {name}={value!r} must be a whole number of at least {low}")


def check_word(who: str, name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Raise ArgumentError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ArgumentError(
            f"{who}: {name}={value!r} must be one of {', '.join(map(repr, allowed))}"
        )


def plain(who: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with numbers of NumPy and tensors of one element as Python's numbers."""
    return {
        name: value if name in ("params", "param_names") else _plain(who, name, value)
        for name, value in options.items()
    }


def _plain(who: str, name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(who, name, v) for v in value)
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        return item()
    except (ValueError, RuntimeError):
        raise ArgumentError(f"{who}: {name} must be one number, got {value!r:.80}") from None
