"""Classic mistakes that compute something all the same: told once, at the line that makes them."""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends import has_data
from nbdl.core import modes
from nbdl.core.lines import user_line
from nbdl.core.tape import SPENT, Node, Pick
from nbdl.core.tensor import Tensor
from nbdl.errors import MistakeWarning

_told: set[tuple[Any, ...]] = set()
_MOST = 10_000
"""Places remembered at most: a notebook gives its cells new names at every run."""


def tell(what: str, cure: str, scope: modes.Scope | None = None) -> None:
    """Warn of a mistake, once a line of the user's code.

    Args:
        what: what was found, with names and shapes.
        cure: what to do.
        scope: the layer that is meant; default the one that is being called now.
    """
    state = modes.local.state
    where = user_line() or state.begun or ("", 0)
    key = (*where, what)
    if key in _told:
        return
    if len(_told) >= _MOST:
        _told.clear()
    _told.add(key)
    scope = scope or state.scope
    text = what
    if scope is not None:
        text += f"\n  In layer: {scope.path()} ({type(scope.layer).__name__})".replace(":  ", ": ")
    line = linecache.getline(*where).strip()
    if line:
        text += f"\n  At: line {where[1]}, `{line}`"
    text += f"\n  Try: {cure}"
    if state.tell is not None:
        state.tell(text)
    else:
        warnings.warn_explicit(text, MistakeWarning, where[0] or "<unknown>", where[1])


class told_to:
    """Mistakes seen in a ``with`` block of this thread go to ``hear(text)``, not to warnings.

    ``begun`` is the line that is named where none of the user's code is under way.
    """

    def __init__(self, hear: Callable[[str], None], begun: tuple[str, int] | None = None) -> None:
        self.hear, self.begun = hear, begun

    def __enter__(self) -> None:
        state = modes.local.state
        self.before = state.tell, state.begun
        state.tell, state.begun = self.hear, self.begun

    def __exit__(self, *_: object) -> None:
        state = modes.local.state
        state.tell, state.begun = self.before


def untold() -> told_to:
    """Say nothing of mistakes inside a ``with`` block: what is only tried may be bad."""
    return told_to(lambda text: None)


_PASSING = ("Reshape", "PermuteDims", "Cast", "Clone", "GetItem", "BroadcastTo")
"""Operations through which one still sees what made the values."""


def made_by(x: Tensor, *titles: str) -> Node | None:
    """The recorded operation of one of these titles that made the values of ``x``, or None."""
    node = x.node
    for _ in range(6):
        if type(node) is Pick:
            node = node.edges[0]
        if type(node) is not Node:
            return None
        title = node.op.title
        if title in titles:
            return node
        if title not in _PASSING:
            return None
        node = node.edges[0]
    return None


def check_spent(x: Tensor, y: Tensor) -> None:
    """Tell when a loss whose backward has run is added to a sum that keeps its history."""
    for part, other in ((x, y), (y, x)):
        if _is_spent(part) and type(other.node) is Node and other.node.op.title == "Add":
            tell(
                "a loss is added up after its backward: the sum holds the graph of every step, "
                "so memory grows",
                "total += loss.item()",
            )


def _is_spent(x: Tensor) -> bool:
    node = x.node
    return type(node) in (Node, Pick) and bool(node.extra) and SPENT in node.extra


def _counts(a: np.ndarray) -> bool:
    """Whether values are an axis of a table, as ``arange(n)``: one after the other, growing."""
    return bool((np.diff(a.reshape(-1)) > 0).all())


def check_pairing(name: str, x: Tensor, y: Tensor) -> None:
    """Tell when (N, 1) meets (N,): each of N values is paired with all N others.

    Only where it looks like a slip: a result of a layer against given values, or two tensors
    of whole numbers that have nothing to do with each other. ``y[:, None] == y`` is meant.
    """
    if {x.ndim, y.ndim} != {1, 2}:
        return
    column, row = (x, y) if x.ndim == 2 else (y, x)
    n = row.shape[0]
    if column.shape != (n, 1) or n < 2 or column.node is not None is not row.node:
        return
    floats = x.dtype.kind in "fV"
    if floats and (column.node is None and row.node is None):
        return
    a, b = column.value, row.value
    if not has_data(a) or not has_data(b):
        return
    if type(a) is np.ndarray and (np.may_share_memory(a, b) or _counts(a) or _counts(b)):
        return
    made = (column if column.node is not None else row).node
    scope = getattr(made.edges[0] if type(made) is Pick else made, "scope", None)
    tell(
        f"{name} of shapes {x.shape} and {y.shape} gives {(n, n)}: each of the {n} values is "
        f"paired with all {n} others",
        "x.squeeze(-1) or y.unsqueeze(-1), so that both have one shape; expand one of them "
        "where all pairs are meant",
        scope,
    )
