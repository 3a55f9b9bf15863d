"""A confusion matrix as SVG: rows are the true classes, shaded by their share of the row."""

from __future__ import annotations

import numpy as np

from nbdl.inspection.records import Confusion
from nbdl.inspection.static import formats
from nbdl.inspection.static.svg import ACCENT, GRID, MUTED, TEXT, VAL, rectangle, shorten, text

MAX_CLASSES = 20
"""More classes than this have cells too small to read: their summary alone is drawn."""

CELL, LABEL, HEAD = 30, 96, 40


def right_of_all(confusion: Confusion) -> str:
    """How many were right, in words: '321 of 360 right (89.2 %)'."""
    right, every = float(np.trace(confusion.counts)), float(confusion.counts.sum())
    part = f" ({100 * right / every:.1f} %)" if every else ""
    return f"{formats.value(right)} of {formats.value(every)} right{part}"


def confusion_height(confusion: Confusion) -> float:
    """How tall its picture is."""
    classes = len(confusion.labels)
    return 20 if classes > MAX_CLASSES else HEAD + CELL * classes


def confusion_matrix(confusion: Confusion) -> str:
    """The matrix's markup, its corner at (0, 0)."""
    heading = text(0, 14, "Confusion", 12, font_weight=600)
    heading += text(LABEL, 14, right_of_all(confusion), 11, fill=MUTED)
    if len(confusion.labels) > MAX_CLASSES:
        return heading
    marks = [heading]
    for place, label in enumerate(confusion.labels):
        middle = LABEL + (place + 0.5) * CELL
        marks.append(
            text(middle, HEAD - 8, shorten(label, 4), 11, text_anchor="middle", fill=MUTED)
        )
        base = HEAD + (place + 0.5) * CELL + 4
        marks.append(text(LABEL - 8, base, shorten(label, 13), 11, text_anchor="end", fill=MUTED))
    shares = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    for (row, column), count in np.ndenumerate(confusion.counts):
        marks.append(_cell(row, column, float(count), float(shares[row, column])))
    return "".join(marks)


def _cell(row: int, column: int, count: float, share: float) -> str:
    x, y = LABEL + column * CELL, HEAD + row * CELL
    if not count:
        return rectangle(x + 1, y + 1, CELL - 2, CELL - 2, rx=3, fill=GRID)
    opacity = 0.12 + 0.88 * share
    box = rectangle(
        x + 1, y + 1, CELL - 2, CELL - 2, rx=3,
        fill=ACCENT if row == column else VAL, fill_opacity=opacity,
    )  # fmt: skip
    ink = "#ffffff" if opacity > 0.75 else TEXT
    said = formats.count(count)
    return box + text(x + CELL / 2, y + CELL / 2 + 4, said, 11, text_anchor="middle", fill=ink)
