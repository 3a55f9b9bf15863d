"""The picture of data sets: fields with their histograms, classes, examples, what is there twice,
findings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from nbdl.inspection.data_records import DataPart, DataRecord, FieldRecord, PairGroup, PairRecord
from nbdl.inspection.data_text import (
    how_many,
    mean_text,
    missing_text,
    range_text,
    rows_of,
    shape_text,
    side_text,
)
from nbdl.inspection.records import Sample
from nbdl.inspection.static import formats
from nbdl.inspection.static.heat import data_url
from nbdl.inspection.static.run import draw_findings
from nbdl.inspection.static.svg import (
    BAD,
    GRID,
    LINE,
    LINES,
    MARGIN,
    MUTED,
    WIDTH,
    Column,
    element,
    picture,
    rectangle,
    shorten,
    text,
)

ROOM = WIDTH - 2 * MARGIN
ROW = 22
EACH, RANGE, MEAN, MISSING, SHAPE = 190, 330, 450, 570, 636
"""Where the columns of the table begin."""

CLASSES = 20
"""So many classes have a bar."""

LABEL, BAR = 150, 340
IMAGE = 52

PAIRS = 5
"""So many pairs of each kind are shown."""


def data_svg(record: DataRecord) -> str:
    """A record of data sets as SVG."""
    column = Column()
    draw_findings(column, record.findings)
    for part, colour in zip(record.parts, cycle(LINES)):
        _part(column, part, colour)
    classified = [part for part in record.parts if part.classes]
    if classified:
        column.add(*_classes(classified), gap=16)
    for group in record.groups:
        _group(column, group)
    titles = ", ".join(part.title for part in record.parts)
    return picture(column.y + 4, *column.marks, title=f"Data: {titles}")


def _part(column: Column, part: DataPart, colour: str) -> None:
    title = shorten(part.title, 40)
    about = f"{shorten(part.kind, 30)} · {how_many(part)}"
    heading = text(0, 14, title, 15, font_weight=600)
    heading += text(ROOM, 14, about, 11, fill=MUTED, text_anchor="end")
    column.add(heading, 16, gap=12)
    if part.fields:
        column.add(_head(), 14, gap=4)
    fields, hidden = rows_of(part)
    for field in fields:
        column.add(_field(field, colour), ROW, gap=0)
    if hidden:
        words = f"The {hidden} columns are not shown one by one."
        column.add(text(14, 14, words, 11, fill=MUTED), 16, gap=0)
    column.y += 14
    if part.samples:
        column.add(_examples(part.samples), IMAGE + 18, gap=12)


def _head() -> str:
    words = ((0, "field"), (EACH, "each"), (RANGE, "range"), (MEAN, "mean ± std"),
             (MISSING, "missing"), (SHAPE, "values"))  # fmt: skip
    return "".join(text(x, 11, word, 11, fill=MUTED) for x, word in words)


def _field(field: FieldRecord, colour: str) -> str:
    indent = 14 if field.column else 0
    missing = missing_text(field)
    name = shorten(field.name, 24 if indent else 26)
    marks = [
        element("line", x1=0, x2=ROOM, y1=0, y2=0, stroke=LINE, stroke_width=1),
        text(indent, 15, name, 12, font_weight=None if indent else 600),
        text(EACH, 15, shorten(shape_text(field), 22), 11),
        text(RANGE, 15, range_text(field), 11),
        text(MEAN, 15, mean_text(field), 11),
        text(MISSING, 15, missing or "–", 11, fill=BAD if missing else MUTED),
    ]
    return "".join([*marks, _histogram(field.histogram, colour)])


def _histogram(counts: np.ndarray, colour: str) -> str:
    """Counts as small bars, the highest as high as the row."""
    if not counts.size or not counts.max():
        return ""
    width = (ROOM - SHAPE) / len(counts)
    height = (ROW - 5) * np.sqrt(counts / counts.max())  # the square root shows rare values, too
    return "".join(
        rectangle(SHAPE + i * width, ROW - 2 - float(h), width - 0.5, float(h), fill=colour)
        for i, h in enumerate(height)
        if h > 0
    )


def _classes(parts: Sequence[DataPart]) -> tuple[str, int]:
    """The share of each class, a bar for each data set; and how high all that is."""
    tables = [dict(part.classes) for part in parts]
    names = list(dict.fromkeys(name for table in tables for name in table))
    totals = [sum(table.values()) or 1 for table in tables]
    most = max(n / t for table, t in zip(tables, totals, strict=True) for n in table.values()) or 1
    marks = [text(0, 12, f"{len(names)} classes", 12, font_weight=600)]
    if len(parts) > 1:
        marks += _key([part.title for part in parts])
    thick = 13 if len(parts) == 1 else 8
    step = thick * len(parts) + 4
    y = 22
    for name in names[:CLASSES]:
        middle = y + thick * len(parts) / 2 + 4
        marks.append(text(LABEL - 8, middle, shorten(name, 22), 11, text_anchor="end"))
        for row, (table, total) in enumerate(zip(tables, totals, strict=True)):
            at, count = y + row * thick, table.get(name, 0)
            marks.append(rectangle(LABEL, at, BAR, thick - 1, rx=2, fill=GRID))
            width = BAR * count / total / most
            marks.append(rectangle(LABEL, at, width, thick - 1, rx=2, fill=LINES[row % len(LINES)]))
        counts = [(table.get(name, 0), total) for table, total in zip(tables, totals, strict=True)]
        said = " · ".join(f"{n:,} ({formats.value(100 * n / t, 3)} %)" for n, t in counts)
        none = any(not n for n, _ in counts)
        marks.append(text(LABEL + BAR + 8, middle, said, 11, fill=BAD if none else MUTED))
        y += step
    if len(names) > CLASSES:
        rest = f"and {len(names) - CLASSES} more classes"
        marks.append(text(LABEL, y + 10, rest, 11, fill=MUTED))
        y += 14
    return "".join(marks), y


def _key(titles: Sequence[str]) -> list[str]:
    """Which colour is which data set."""
    marks, x = [], float(LABEL)
    for row, title in enumerate(titles):
        said = shorten(title, 24)
        marks.append(rectangle(x, 4, 9, 9, rx=2, fill=LINES[row % len(LINES)]))
        marks.append(text(x + 13, 12, said, 11))
        x += 13 + 7 * len(said) + 16
    return marks


def _group(column: Column, group: PairGroup) -> None:
    """Samples that are there twice, side by side."""
    title = text(0, 12, f"{shorten(group.title, 70)}: {group.count:,}", 12, font_weight=600)
    column.add(title, 14, gap=6)
    shown = group.pairs[:PAIRS]
    if shown[0].image.size:
        column.add(_pictures(shown), IMAGE + 32, gap=12)
        return
    for pair in shown:
        said = f"{side_text(pair.first)} = {side_text(pair.second)}"
        row = "  ".join(f"{name} {value}" for name, value in pair.cells[:6]) or pair.text
        marks = text(0, 12, shorten(said, 50), 11)
        marks += text(RANGE, 12, shorten(row, 70), 11, fill=MUTED)
        column.add(marks, 16, gap=0)
    column.y += 12


def _pictures(pairs: Sequence[PairRecord]) -> str:
    step = ROOM / PAIRS
    marks = []
    for place, pair in enumerate(pairs):
        for row, side in enumerate((pair.first, pair.second)):
            x = place * step + row * (IMAGE + 4)
            marks.append(_image(pair.image, x))
            fill = BAD if pair.differs else MUTED
            words = (f"{shorten(side.part, 6)} {side.number}", shorten(side.target, 9))
            for line, word in enumerate(words):
                y = IMAGE + 12 + 13 * line
                marks.append(text(x + IMAGE / 2, y, word, 10, text_anchor="middle", fill=fill))
    return "".join(marks)


def _image(pixels: np.ndarray, x: float) -> str:
    image = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    return element(
        "image", x=x, y=0, width=IMAGE, height=IMAGE, href=data_url(image),
        preserveAspectRatio="xMidYMid meet", style="image-rendering:pixelated",
    )  # fmt: skip


def _examples(samples: tuple[Sample, ...]) -> str:
    step = ROOM / 12
    marks = []
    for place, sample in enumerate(samples):
        x = place * step
        marks.append(_image(sample.image, x))
        label = shorten(sample.target, 9)
        marks.append(text(x + IMAGE / 2, IMAGE + 13, label, 11, text_anchor="middle", fill=MUTED))
    return "".join(marks)
