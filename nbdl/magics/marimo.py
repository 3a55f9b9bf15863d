"""marimo, the one host without IPython: what a cell shows before its end, and in which form.

Everything here is marimo's own public protocol; the package is never loaded by nbdl.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from html import escape
from typing import Any


def is_here() -> bool:
    """Whether this thread is running a marimo notebook's cells."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def append(thing: Any) -> None:
    """Show something in the cell that runs, below what it shows already."""
    sys.modules["marimo"].output.append(thing)


def stacked(things: Sequence[Any]) -> Any:
    """Several things as one that marimo shows, one below the other."""
    return things[0] if len(things) == 1 else sys.modules["marimo"].vstack(list(things))


class Html:
    """A piece of a page that marimo shows as it stands."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def _mime_(self) -> tuple[str, str]:
        return "text/html", self.markup


def picture(svg: str, text: str) -> str:
    """A picture as the markup of an image, in which no script runs, with its text for readers."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(text)}" src="data:image/svg+xml;base64,{data}">'


def words(text: str) -> str:
    """Text as markup, lines as they are."""
    return f'<pre style="font-size: 12px; line-height: 1.3">{escape(text)}</pre>'
