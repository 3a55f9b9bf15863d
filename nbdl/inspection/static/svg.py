"""Writing SVG: escaped elements, the text sizes and colours all static pictures share."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from nbdl.inspection.wire import clean

WIDTH = 760
"""Pictures are this wide: what fits a notebook's column and a printed page."""

MARGIN = 20
"""Around what is in a picture."""

FONT = "system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif"
SIZE = 12
"""Of letters, unless a text has its own."""

# The light theme of js/lib/base.css; a picture brings its own paper, so that it reads on any page.
PAPER = "#ffffff"
TEXT = "#1d2129"
MUTED = "#666a72"
FAINT = "#a5a8ad"
LINE = "#dfe0e2"
GRID = "#eeeff0"
ACCENT = "#1f66d1"
TRAIN = "#1f66d1"
VAL = "#c4560b"
GOOD = "#0b7a4b"
WARNING = "#9a6300"
BAD = "#c0262d"
LINES = (TRAIN, VAL, "#0b7a5e", "#9440a8", "#7a6a00", "#b3336b")
TONES = {
    "running": ACCENT, "paused": WARNING, "waiting": WARNING, "interrupted": WARNING,
    "finished": GOOD, "stopped": MUTED, "pruned": MUTED, "failed": BAD, "killed": BAD,
}  # fmt: skip
LETTERS = {"font_family": FONT, "font_size": SIZE, "fill": TEXT}
"""What a picture says of all its texts."""

LEVELS = {"good": GOOD, "note": ACCENT, "warning": WARNING, "bad": BAD}

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def escape(text: str) -> str:
    """Text made safe for XML content and attributes."""
    text = _FORBIDDEN.sub("\ufffd", clean(text))
    for letter, entity in _ENTITIES.items():
        text = text.replace(letter, entity)
    return text


def number(value: float) -> str:
    """A coordinate, short: two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def element(tag: str, *children: str, **attributes: Any) -> str:
    """An element with attributes; ``stroke_width`` becomes stroke-width, None is left out.

    Values stand in single quotes: in a notebook's JSON a double one takes two letters.
    Children are markup already: make text with ``text`` or ``escape``.
    """
    said = "".join(
        f" {name.replace('_', '-')}='{_attribute(value)}'"
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{said}>{''.join(children)}</{tag}>" if children else f"<{tag}{said}/>"


def _attribute(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) else escape(str(value))


def text(x: float, y: float, content: str, size: float = SIZE, **attributes: Any) -> str:
    """A line of text at a baseline; what is not said of it is as the whole picture says."""
    return element("text", escape(content), x=x, y=y, **letters(size, **attributes))


def letters(size: float, fill: str = TEXT, **attributes: Any) -> dict[str, Any]:
    """The attributes of a text that differ from those of the whole picture."""
    own = {"font_size": None if size == SIZE else size, "fill": None if fill == TEXT else fill}
    return own | attributes


def rectangle(x: float, y: float, width: float, height: float, **attributes: Any) -> str:
    """A rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, **attributes)


def mix(colour: str, share: float) -> str:
    """A colour mixed into the paper's white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)


def shorten(content: str, letters: int) -> str:
    """A text cut in the middle, so that both ends of a dotted path stay readable."""
    if len(content) <= letters:
        return content
    head = -(-(letters - 1) // 2)
    return f"{content[:head]}…{content[len(content) - (letters - 1 - head) :]}"


def wrap(content: str, letters: int) -> list[str]:
    """A text as lines of at most ``letters``; words longer than that are cut."""
    return [
        line
        for paragraph in content.splitlines()
        for line in textwrap.wrap(paragraph, letters) or [""]
    ]


class Column:
    """Blocks under each other: markup drawn at (0, 0) is put at the next free place."""

    def __init__(self, top: float = MARGIN) -> None:
        self.y = top
        self.marks: list[str] = []

    def add(self, markup: str, height: float, x: float = MARGIN, gap: float = 16) -> None:
        """Put a block of this height."""
        self.put(markup, x)
        self.y += height + gap

    def put(self, markup: str, x: float = MARGIN) -> None:
        """Put a block beside what comes next: the place does not move."""
        self.marks.append(element("g", markup, transform=f"translate({x:g} {self.y:g})"))


def picture(height: float, *children: str, title: str, width: float = WIDTH) -> str:
    """A whole SVG document on opaque paper.

    Args:
        height: in pixels.
        children: markup.
        title: says in words what is seen, for readers and search.
        width: in pixels.
    """
    width, height = round(width), round(height)
    paper = rectangle(0, 0, width, height, fill=PAPER)
    border = rectangle(0.5, 0.5, width - 1, height - 1, rx=6, fill="none", stroke=LINE)
    words = element("title", escape(title))
    return element(
        "svg", words, paper, *children, border, xmlns="http://www.w3.org/2000/svg", width=width,
        height=height, viewBox=f"0 0 {width} {height}", role="img", **LETTERS,
    )  # fmt: skip
