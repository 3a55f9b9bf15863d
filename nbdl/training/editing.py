"""Edited models: what they have taken over from the model that was trained before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from nbdl.nn.carrying import Carried, carry


@dataclass(frozen=True)
class Edit:
    """Where an edited model comes from.

    Attributes:
        model: the older model.
        carried: what was carried over from it.
    """

    model: Any
    carried: Carried


edits: WeakKeyDictionary[Any, Edit] = WeakKeyDictionary()
"""Models that are edits of others."""


def carry_over(old: Any, new: Any) -> Carried:
    """Carry over what ``old`` has learned to ``new``, which goes on in its place.

    While ``old`` is being trained its values are those after a whole step; that training goes on
    with ``old``.
    """
    carried = carry(old, new)
    edits[new] = Edit(old, carried)
    return carried
