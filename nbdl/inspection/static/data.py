"""The picture of data sets: fields with their histograms, classes, examples, findings."""

from __future__ import annotations

import numpy as np

from nbdl.inspection.data_records import DataPart, DataRecord, FieldRecord
from nbdl.inspection.data_text import how_many, mean_text, missing_text, range_text, shape_text
from nbdl.inspection.records import Sample
from nbdl.inspection.static import formats
from nbdl.inspection.static.heat import data_url
from nbdl.inspection.static.run import draw_findings
from nbdl.inspection.static.svg import (
    ACCENT,
    BAD,
    GRID,
    LINE,
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

LABEL, BAR = 150, 380
IMAGE = 52


def data_svg(record: DataRecord) -> str:
    """A record of data sets as SVG."""
    column = Column()
    draw_findings(column, record.findings)
    for part in record.parts:
        _part(column, part)
    titles = ", ".join(part.title for part in record.parts)
    return picture(column.y + 4, *column.marks, title=f"Data: {titles}")


def _part(column: Column, part: DataPart) -> None:
    title = shorten(part.title, 40)
    about = f"{shorten(part.kind, 30)} · {how_many(part)}"
    heading = text(0, 14, title, 15, font_weight=600)
    heading += text(ROOM, 14, about, 11, fill=MUTED, text_anchor="end")
    column.add(heading, 16, gap=12)
    if part.fields:
        column.add(_head(), 14, gap=4)
    for field in part.fields:
        column.add(_field(field), ROW, gap=0)
    if part.more_columns:
        words = f"The {part.more_columns} columns are not shown one by one."
        column.add(text(14, 14, words, 11, fill=MUTED), 16, gap=0)
    column.y += 14
    if part.samples:
        column.add(_examples(part.samples), IMAGE + 18, gap=12)
    if part.classes:
        shown = part.classes[:CLASSES]
        column.add(_classes(part), 20 + 17 * len(shown) + 14 * (len(part.classes) > CLASSES))


def _head() -> str:
    words = ((0, "field"), (EACH, "each"), (RANGE, "range"), (MEAN, "mean ± std"),
             (MISSING, "missing"), (SHAPE, "values"))  # fmt: skip
    return "".join(text(x, 11, word, 11, fill=MUTED) for x, word in words)


def _field(field: FieldRecord) -> str:
    indent = 14 if field.column else 0
    missing = missing_text(field)
    marks = [
        element("line", x1=0, x2=ROOM, y1=0, y2=0, stroke=LINE, stroke_width=1),
        text(indent, 15, shorten(field.name, 26), 12, font_weight=None if indent else 600),
        text(EACH, 15, shorten(shape_text(field), 22), 11),
        text(RANGE, 15, range_text(field), 11),
        text(MEAN, 15, mean_text(field), 11),
        text(MISSING, 15, missing or "–", 11, fill=BAD if missing else MUTED),
    ]
    return "".join([*marks, _histogram(field.histogram)])


def _histogram(counts: np.ndarray) -> str:
    """Counts as small bars, the highest as high as the row."""
    if not counts.size or not counts.max():
        return ""
    width = (ROOM - SHAPE) / len(counts)
    height = (ROW - 5) * np.sqrt(counts / counts.max())  # the square root shows rare values, too
    return "".join(
        rectangle(SHAPE + i * width, ROW - 2 - float(h), width - 0.5, float(h), fill=ACCENT)
        for i, h in enumerate(height)
        if h > 0
    )


def _classes(part: DataPart) -> str:
    most = max(count for _, count in part.classes) or 1
    total = sum(count for _, count in part.classes) or 1
    marks = [text(0, 12, f"{len(part.classes)} classes", 12, font_weight=600)]
    for row, (name, count) in enumerate(part.classes[:CLASSES]):
        y = 22 + 17 * row
        marks.append(text(LABEL - 8, y + 10, shorten(name, 22), 11, text_anchor="end"))
        marks.append(rectangle(LABEL, y, BAR, 13, rx=2, fill=GRID))
        marks.append(rectangle(LABEL, y, BAR * count / most, 13, rx=2, fill=ACCENT))
        said = f"{count:,} ({formats.value(100 * count / total, 3)} %)"
        marks.append(text(LABEL + BAR + 8, y + 10, said, 11, fill=MUTED if count else BAD))
    if len(part.classes) > CLASSES:
        rest = f"and {len(part.classes) - CLASSES} more classes"
        marks.append(text(LABEL, 22 + 17 * CLASSES + 10, rest, 11, fill=MUTED))
    return "".join(marks)


def _examples(samples: tuple[Sample, ...]) -> str:
    step = ROOM / 12
    marks = []
    for place, sample in enumerate(samples):
        x, pixels = place * step, sample.image
        image = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
        marks.append(
            element(
                "image", x=x, y=0, width=IMAGE, height=IMAGE, href=data_url(image),
                preserveAspectRatio="xMidYMid meet", style="image-rendering:pixelated",
            )
        )  # fmt: skip
        label = shorten(sample.target, 9)
        marks.append(text(x + IMAGE / 2, IMAGE + 13, label, 11, text_anchor="middle", fill=MUTED))
    return "".join(marks)
