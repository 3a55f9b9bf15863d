"""Learning rates by patterns of names: ``lr={"head.*": 1e-3, "*": 1e-4}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.training.patterns import as_patterns, matching


def grouped(given: Any, rates: Mapping[str, float], model: Any) -> list[dict[str, Any]]:
    """Parameter groups, each with the rate of the first pattern that fits.

    Args:
        given: what an optimizer would be made from: parameters, or groups of them.
        rates: rates by pattern; parameters that none fits get the optimizer's own.
        model: whose names the patterns are about.

    Raises ArgumentError for a pattern that fits nothing, or nothing that is left.
    """
    places = _places(rates, model)
    listed = list(given)
    groups = listed if listed and isinstance(listed[0], Mapping) else [{"params": listed}]
    order = [*rates, None]
    return [
        {**group, "params": members, **({} if pattern is None else {"lr": float(rates[pattern])})}
        for pattern in order
        for group in groups
        if (members := [p for p in group["params"] if places.get(id(p)) == pattern])
    ]


def _places(rates: Mapping[str, float], model: Any) -> dict[int, str | None]:
    """The pattern of each parameter, by its identity."""
    named = dict(model.named_parameters())
    places: dict[int, str | None] = dict.fromkeys(map(id, named.values()))
    for pattern in as_patterns("lr", list(rates)):
        members = matching("lr", pattern, named)
        new = [name for name in members if places[id(named[name])] is None]
        if not new:
            before = places[id(named[members[0]])]
            raise ArgumentError(
                f"lr: all that {pattern!r} fits has the rate of {before!r}, which comes first",
                hint="the narrower pattern first: lr={'head.*': 1e-3, '*': 1e-4}",
            )
        for name in new:
            places[id(named[name])] = pattern
    return places
