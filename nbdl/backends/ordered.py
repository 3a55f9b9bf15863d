"""Changes by index whose result does not depend on the order in which a GPU's threads come."""

from __future__ import annotations

import math
import os
import threading
from types import ModuleType
from typing import Any

import numpy as np

_default = False


class _Here(threading.local):
    """What this thread has in place of the default; None: nothing."""

    mode: bool | None = None


_here = _Here()


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Let every operation give the same numbers each time, on GPUs too, where it is slower.

    The CPU always does. On a GPU additions and assignments by index (``scatter_add``, gradients of
    indexing, ``x[index] = v``, ``bincount`` with weights) go in a fixed order instead of the one in
    which threads come, and cuBLAS is asked for a workspace of its own for each stream (its manual,
    "Results reproducibility"; it is heard where that library was not used before).

    Args:
        mode: whether.
        warn_only: PyTorch's; there is no operation without a deterministic way to be warned of.
    """
    global _default
    _default = bool(mode)
    _ask_cublas(_default)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms``, or the run of this thread, says so."""
    return _default if _here.mode is None else _here.mode


def own_mode() -> bool | None:
    """What this thread has in place of the default; None: nothing."""
    return _here.mode


def take_mode(mode: bool | None) -> None:
    """Let this thread be deterministic or not; None: as is the default."""
    _here.mode = mode
    _ask_cublas(bool(mode))


def _ask_cublas(mode: bool) -> None:
    if mode:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def add_at(xp: ModuleType, total: Any, index: Any, values: Any) -> None:
    """``total[index] += values`` in place, the values of one place in an order that is fixed."""
    heads, rows, flat = _flattened(xp, total, index, values)
    if not rows.size:
        return
    order, heads, first, _ = _sorted(xp, heads)
    flat[heads[first]] += xp.add.reduceat(rows[order], first, axis=0)
    _put_back(total, flat)


def put_at(xp: ModuleType, total: Any, index: Any, values: Any) -> None:
    """``total[index] = values`` in place; of several for one place the last counts."""
    values = xp.broadcast_to(xp.asarray(values, total.dtype), total[index].shape)
    heads, rows, flat = _flattened(xp, total, index, values)
    if not rows.size:
        return
    order, heads, _, last = _sorted(xp, heads)
    flat[heads[last]] = rows[order[last]]
    _put_back(total, flat)


def places(xp: ModuleType, shape: tuple[int, ...], index: Any) -> tuple[Any, int]:
    """(places among the leading axes flattened, elements that belong to each).

    The axes after those that the index speaks of are taken whole.
    """
    used = axes_used(index, len(shape))
    heads = xp.arange(math.prod(shape[:used])).reshape(shape[:used])[index].reshape(-1)
    return heads, math.prod(shape[used:])


def axes_used(index: Any, ndim: int) -> int:
    """How many axes an index speaks of; all that there are if it has an Ellipsis."""
    items = index if type(index) is tuple else (index,)
    if any(item is Ellipsis for item in items):
        return ndim
    masks = [item.ndim for item in items if getattr(item, "dtype", None) == np.bool_]
    return sum(masks) + sum(item is not None for item in items) - len(masks)


def _flattened(xp: ModuleType, total: Any, index: Any, values: Any) -> tuple[Any, Any, Any]:
    """Places (n,), their values (n, width), and ``total`` as (places, width)."""
    heads, width = places(xp, total.shape, index)
    return heads, values.reshape(heads.size, width), total.reshape(-1, max(1, width))


def _sorted(xp: ModuleType, heads: Any) -> tuple[Any, Any, Any, Any]:
    """(order, places in that order, where each begins, where each ends)."""
    order = xp.argsort(heads, kind="stable")
    heads = heads[order]
    changes, edge = heads[1:] != heads[:-1], xp.ones(1, bool)
    first = xp.flatnonzero(xp.concatenate([edge, changes]))
    return order, heads, first, xp.flatnonzero(xp.concatenate([changes, edge]))


def _put_back(total: Any, flat: Any) -> None:
    """Where ``flat`` is no view of ``total`` but a copy."""
    if not total.flags.c_contiguous:
        total[...] = flat.reshape(total.shape)
