"""A hook that can be pickled."""

from __future__ import annotations

from typing import Any

noted: list[Any] = []


def note_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Remember whose step it was."""
    noted.append(optimizer)
