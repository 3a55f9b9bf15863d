"""An optimizer's state as a dict, in PyTorch's layout, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.optim.groups import EXTRA, Group, plain

if TYPE_CHECKING:
    from nbdl.optim.optimizer import Optimizer


def saved_state(optimizer: Optimizer, live: bool = False) -> dict[str, Any]:
    """Copies, so that later steps do not change what was saved; ``live``: arrays themselves, which
    the next step changes."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            numbers[id(p)] = len(numbers)
        rest = {key: value for key, value in group.items() if key != "params"}
        groups.append({**rest, "params": [numbers[id(p)] for p in group["params"]]})
    save = _live_slots if live else optimizer._save_slots
    state = {numbers[id(p)]: save(p, s) for p, s in optimizer.state.items()}
    return {"state": dict(sorted(state.items())), "param_groups": groups}


def save_slots(p: Tensor, slots: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as they are, arrays as tensors of the shape that PyTorch gives them."""
    return {
        name: value if isinstance(value, (int, float)) else Tensor._wrap(_outside(p, value))
        for name, value in slots.items()
    }


def _live_slots(p: Tensor, slots: Mapping[str, Any]) -> dict[str, Any]:
    """As ``save_slots``, without copying where that can be."""
    if p.dtype in dtypes.COMPLEX:
        return save_slots(p, slots)
    return {
        name: value if isinstance(value, (int, float)) else Tensor._wrap(value)
        for name, value in slots.items()
    }


def _outside(p: Tensor, value: Any) -> Any:
    """A copy; the pairs of real numbers that stand for complex ones become complex again."""
    if p.dtype in dtypes.COMPLEX:
        return value.copy().view(p.dtype).reshape(p.shape)
    return value.copy()


def load_state(optimizer: Optimizer, given: Mapping[str, Any]) -> None:
    """Check everything, then take it over."""
    who = type(optimizer).__name__
    if not isinstance(given, Mapping) or not {"state", "param_groups"} <= set(given):
        raise ArgumentError(f"{who}.load_state_dict needs what state_dict() of an optimizer gave")
    groups = given["param_groups"]
    if len(groups) != len(optimizer.param_groups):
        raise ArgumentError(
            f"{who}.load_state_dict: {len(groups)} parameter groups were saved, this optimizer "
            f"has {len(optimizer.param_groups)}"
        )
    by_number: dict[Any, tuple[Tensor, Mapping[str, Any]]] = {}
    merged = [_merge(optimizer, i, saved) for i, saved in enumerate(groups)]
    for saved, new in zip(groups, merged, strict=True):
        by_number |= {n: (p, new) for n, p in zip(saved["params"], new["params"], strict=True)}
    state = {}
    for number, slots in given["state"].items():
        if number in by_number:
            p, options = by_number[number]
            state[p] = optimizer._load_slots(number, p, slots, options)
    for group, new in zip(optimizer.param_groups, merged, strict=True):
        group.update(new)
    optimizer.state = state


def _merge(optimizer: Optimizer, i: int, saved: Mapping[str, Any]) -> Group:
    """Group ``i`` with the options that were saved; ArgumentError if it does not fit."""
    group = optimizer.param_groups[i]
    if len(saved["params"]) != len(group["params"]):
        raise ArgumentError(
            f"{type(optimizer).__name__}.load_state_dict: group {i} has {len(saved['params'])} "
            f"parameters saved, this optimizer's has {len(group['params'])}"
        )
    known = {key: value for key, value in saved.items() if key in group or key in EXTRA}
    merged = plain(type(optimizer).__name__, {**group, **known, "params": group["params"]})
    optimizer._check(merged)
    return merged


def load_slots(
    who: str, number: Any, p: Tensor, saved: Mapping[str, Any], fresh: dict[str, Any]
) -> dict[str, Any]:
    """``fresh`` slots with the values that were saved. Raises where one is missing or misfits."""
    # PyTorch's SGD keeps no step count; what has a momentum buffer made at least one step.
    slots: dict[str, Any] = {"step": int(saved.get("step", 1))}
    for name, new in fresh.items():
        if name == "step":
            continue
        value = saved.get(name)
        if value is None:
            raise ArgumentError(
                f"{who}.load_state_dict: parameter {number} has no {name!r} "
                f"in what was saved (it has {', '.join(map(str, saved)) or 'nothing'})"
            )
        if isinstance(new, (int, float)):
            slots[name] = type(new)(value)
        else:
            slots[name] = _inside(who, name, number, p, value, new)
    return slots


def _inside(who: str, name: str, number: Any, p: Tensor, value: Any, new: Any) -> Any:
    """A copy of a saved array, where ``new`` is and as it is."""
    array = value.value if isinstance(value, Tensor) else np.asarray(value)
    expected = p.shape if p.dtype in dtypes.COMPLEX else new.shape
    if array.shape != expected:
        raise ShapeError(
            f"{who}.load_state_dict: {name!r} of parameter {number} has shape {array.shape} in "
            f"what was saved, it must be {expected} for a parameter of shape {p.shape}"
        )
    there = backends.to_device(array, backends.device_of(new))
    if p.dtype in dtypes.COMPLEX:
        there = there.astype(p.dtype, copy=True).reshape(-1).view(new.dtype)
    return there.astype(new.dtype, copy=True).reshape(new.shape)
