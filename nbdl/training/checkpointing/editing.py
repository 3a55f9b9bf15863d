"""Edited models: what they take over from the model that was trained before, and going on with
one in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from nbdl.nn import Module
from nbdl.nn.carrying import Carried, carry, layers_in, layers_of
from nbdl.training.checkpointing.state import State, differences, pack, tensors_of, unpack


@dataclass(frozen=True)
class Edit:
    """Where an edited model comes from.

    Attributes:
        model: the older model; None if it is not in memory.
    """

    model: Any


edits: WeakKeyDictionary[Any, Edit] = WeakKeyDictionary()
"""Models that go on in the place of others."""


def carry_over(old: Any, new: Any) -> Carried:
    """Carry over what ``old`` has learned to ``new``, which goes on in its place.

    While ``old`` is being trained its values are those after a whole step; that training goes on
    with ``old``.
    """
    edits[new] = Edit(old)
    return carry(old, new)


def goes_on(new: Any) -> None:
    """Let ``new`` go on in the place of a model that is not in memory any more: a run that is
    resumed with it takes over what fits."""
    edits[new] = Edit(None)


def edited(state: State, run: Any) -> tuple[State, Carried | None]:
    """A run's state for the model that goes on in the place of the run's own.

    Parameters and buffers that are found again have the state's values, and their optimizer state;
    all others keep the values that they have, and begin without one. None: it is the same model,
    or one that was not meant to go on in its place.
    """
    if len(run.models) != 1 or run.models[0] not in edits:
        return state, None
    (model,), weights = run.models, state.weights()
    weights = {name: weights[name] for name in state.rest["models"][0]}  # a file has no order
    if not differences(model, weights):
        return state, None
    before = edits[model].model
    known = isinstance(before, Module) and not differences(before, weights)
    carried = carry(weights, model, layers_of(before) if known else layers_in(weights))
    arrays = {k: a for k, a in state.arrays.items() if not k.startswith(("models/", "optimizers/"))}
    rest = {**state.rest, "parts": dict(state.rest["parts"])}
    for name in ("gradients", "sampler", "averages"):  # of the older model's layers
        rest["parts"].pop(name, None)
    frozen = set(state.rest["frozen"][0])
    rest["frozen"] = [[now for now, then in carried.pairs.items() if then in frozen]]
    rest["models"] = pack([dict(tensors_of(model))], "models", arrays)
    saved = unpack(state.rest["optimizers"], state.arrays)
    names = state.rest.get("names") or [[] for _ in saved]
    rest["optimizers"] = pack(
        [_slots(one, of, carried.pairs, run, optimizer)
         for one, of, optimizer in zip(saved, names, run.optimizers, strict=True)],
        "optimizers", arrays,
    )  # fmt: skip
    return State(arrays, rest), carried


def _slots(
    saved: dict[str, Any], names: list[list[str]], pairs: Mapping[str, str], run: Any,
    optimizer: Any,
) -> dict[str, Any]:  # fmt: skip
    """An optimizer's state for the edited model's parameters.

    Each takes over that of the parameter that it was, by ``names`` of each group then; not where it
    is in another group now, which may have slots of another kind. With another number of groups, or
    an optimizer around another, all begin anew.
    """
    groups = saved.get("param_groups", ())
    counts = {len(groups), len(names), len(optimizer.param_groups)}
    if len(counts) > 1 or type(saved["state"]) is not dict:
        run.note("the optimizer's state begins anew")
        return dict(optimizer.state_dict())
    known = {id(p): name for name, p in run.models[0].named_parameters()}
    state, merged, number = {}, [], 0
    for group, before, now in zip(groups, names, optimizer.param_groups, strict=True):
        places = dict(zip(before, group["params"], strict=True))
        numbers = range(number, number + len(now["params"]))
        for number, p in zip(numbers, now["params"], strict=True):
            slots = saved["state"].get(places.get(pairs.get(known.get(id(p), ""), ""), -1))
            if slots is not None:
                state[number] = slots
        number = numbers.stop
        options = {key: value for key, value in group.items() if key != "param_names"}
        merged.append({**options, "params": list(numbers)})
    return {**saved, "state": state, "param_groups": merged}


def words(carried: Carried) -> str:
    """What an edit has done, in one line."""
    total = len(carried.pairs) + len(carried.resized) + len(carried.new)
    parts = [f"the model was edited, {len(carried.pairs)} of {total} weights kept"]
    for what, paths in (("of another shape", carried.resized), ("new", carried.new),
                        ("dropped", carried.dropped)):  # fmt: skip
        if paths:
            more = f" and {len(paths) - 4} more" if len(paths) > 4 else ""
            parts.append(f"{what}: {', '.join(paths[:4])}{more}")
    return "; ".join(parts)
