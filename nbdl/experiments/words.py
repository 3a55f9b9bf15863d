"""Values and texts of runs as a person reads them: short, escaped, without control characters."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from nbdl.inspection.static import formats
from nbdl.inspection.static.svg import escape, shorten

LETTERS = 40


def visible(text: Any, letters: int = LETTERS) -> str:
    """A text in one line for a terminal: what would move the cursor or turn the writing
    direction is replaced."""
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in str(text))
    return shorten(shown, letters)


def markup(text: Any, letters: int | None = None) -> str:
    """A text as HTML that stays text, and does not turn what stands beside it."""
    said = str(text)
    return f"<bdi>{escape(said if letters is None else shorten(said, letters))}</bdi>"


def value(x: Any) -> str:
    """A value of a configuration or a metric, for people."""
    if x is None:
        return "–"
    if isinstance(x, bool):
        return str(x)
    if isinstance(x, float):
        return formats.value(x)
    if isinstance(x, (dict, list, tuple)):
        return json.dumps(x, ensure_ascii=False, default=str)
    return str(x)


def moment(created: float) -> str:
    """A unix time as a date and time of here; '–' for what is none."""
    try:
        return datetime.fromtimestamp(created).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "–"
