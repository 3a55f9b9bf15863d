"""A tensor for a terminal: its statistics, and a heat map of block letters."""

from __future__ import annotations

import numpy as np

from nbdl.inspection.arrays import DOWN, MASKED, NAN, NUMBER, UP
from nbdl.inspection.layout.words import one_line
from nbdl.inspection.static import formats
from nbdl.inspection.static.panels import panel_names
from nbdl.inspection.static.tensor import described, where
from nbdl.inspection.tensor_records import TensorRecord
from nbdl.inspection.tensors import facts_of
from nbdl.inspection.text import BLOCKS

WIDE, HIGH = 72, 16
LETTERS = {NAN: "x", UP: "^", DOWN: "v", MASKED: "·"}
FEW = 8
"""Tables of so few columns are written in numbers."""


def tensor_text(record: TensorRecord) -> str:
    """Title, statistics, the part that is seen: as numbers where it is small, else as blocks."""
    title = " · ".join(part for part in (record.title, record.kind) if part)
    lines = [one_line(f"{title} · {described(record)}", 120)]
    facts = [f"{name} {value}" for name, value in facts_of(record)]
    lines += ["   ".join(facts)] if facts else []
    if record.cells.size:
        _, rows, columns = record.cells.shape
        drawn = _numbers(record) if columns <= FEW and rows <= HIGH else _blocks(record)
        lines += ["", *drawn]
    return "\n".join([*lines, *where(record)])


def _numbers(record: TensorRecord) -> list[str]:
    rows = [[_said(record, 0, row, column) for column in range(record.cells.shape[2])]
            for row in range(record.cells.shape[1])]  # fmt: skip
    wide = max(len(word) for row in rows for word in row)
    head = [panel_names(record)[0]] if record.cells.shape[0] > 1 else []
    return [*head, *("  ".join(word.rjust(wide) for word in row) for row in rows)]


def _said(record: TensorRecord, panel: int, row: int, column: int) -> str:
    mark = int(record.marks[panel, row, column]) if record.marks.size else NUMBER
    words = {NAN: "NaN", UP: "∞", DOWN: "−∞", MASKED: "–"}
    return words.get(mark) or formats.value(float(record.cells[panel, row, column]))


def _blocks(record: TensorRecord) -> list[str]:
    """As many panels side by side as fit; the higher the block, the larger the number."""
    panels, rows, columns = record.cells.shape
    wide = min(columns, WIDE)
    across = max(1, min(panels, (WIDE + 2) // (wide + 2)))
    drawn = [_panel(record, panel, min(rows, HIGH), wide) for panel in range(across)]
    names = panel_names(record)
    head = ["  ".join(one_line(names[p], wide).ljust(wide) for p in range(across))]
    lines = ["  ".join(row) for row in zip(*drawn, strict=True)]
    scale = f"▁ {formats.value(record.low, 3)} … █ {formats.value(record.high, 3)}"
    bad = "   x NaN  ^ ∞  v −∞  · masked" if record.marks.size else ""
    return [*(head if panels > 1 else []), *lines, scale + bad]


def _panel(record: TensorRecord, panel: int, rows: int, columns: int) -> list[str]:
    cells = record.cells[panel]
    marks = record.marks[panel] if record.marks.size else np.zeros(cells.shape, np.uint8)
    # Halved first: the ends may lie further apart than the largest number.
    half = record.high / 2 - record.low / 2
    shares = np.clip((cells / 2 - record.low / 2) / (half or 1.0), 0, 1)
    lines = []
    for some in np.array_split(np.arange(cells.shape[0]), rows):
        letters = ""
        for few in np.array_split(np.arange(cells.shape[1]), columns):
            worst = marks[np.ix_(some, few)]
            bad = worst[worst != NUMBER]
            share = shares[np.ix_(some, few)].mean()
            letters += LETTERS[int(bad.min())] if bad.size else BLOCKS[round(7 * share)]
        lines.append(letters)
    return lines
