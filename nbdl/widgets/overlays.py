"""Other runs of the store, drawn over the curves of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nbdl.errors import NbdlError
from nbdl.experiments.runs import runs
from nbdl.inspection.dashboard import series_part
from nbdl.inspection.records import Others, Overlay

MOST = 50
"""Runs that are offered: the newest ones."""


def others_of(run: Any, wanted: Sequence[str]) -> Others:
    """The runs that ``run`` can be compared with, and the curves of those whose ids are wanted."""
    try:
        kept = [other for other in runs()[:MOST] if other.id != run.id]
    except NbdlError:  # a store that cannot be read offers nothing
        return Others()
    choices = tuple((other.id, _label(other)) for other in kept)
    found = tuple(
        Overlay(other.id, _label(other), _curves(other)) for other in kept if other.id in wanted
    )
    return Others(choices, found)


def _label(run: Any) -> str:
    when = time.strftime("%b %d %H:%M", time.localtime(run.created))
    return f"{run.name} · {run.id} · {when}"


def _curves(run: Any) -> tuple[Any, ...]:
    history = run.history()
    return tuple(series_part(history, name) for name in history.names())
