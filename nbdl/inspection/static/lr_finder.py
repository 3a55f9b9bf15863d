"""The picture of a learning-rate finder: the loss over the rate, and what is suggested."""

from __future__ import annotations

import numpy as np

from nbdl.inspection.static.chart import Area
from nbdl.inspection.static.svg import (
    GOOD,
    MARGIN,
    MUTED,
    PAPER,
    TRAIN,
    VAL,
    WIDTH,
    Column,
    element,
    picture,
    text,
    wrap,
)
from nbdl.training import LRFinder

HEIGHT = 240


def lr_finder_svg(found: LRFinder) -> str:
    """The finder's curve as SVG."""
    column = Column()
    column.add(text(0, 14, f"Learning-rate finder of {found.name}", 15, font_weight=600), 16)
    for sentence in found.words():
        for line in wrap(sentence, 112):
            column.add(text(0, 12, line, 12, fill=MUTED), 12, gap=5)
    column.y += 4
    column.add(_curve(found), HEIGHT)
    title = f"Learning-rate finder of {found.name}: {' '.join(found.words())}"
    return picture(column.y + 4, *column.marks, title=title)


def _curve(found: LRFinder) -> str:
    """Losses over the rate; losses far above the first one say no more than that."""
    x = np.log10(found.lrs)
    ceiling = 1.5 * float(found.smoothed[: max(1, len(x) // 2)].max())
    raw, mean = (np.minimum(values, ceiling) for values in (found.losses, found.smoothed))
    area = Area([(x, raw), (x, mean)], WIDTH - 2 * MARGIN, HEIGHT, across="rate", powers=True)
    marks = [*area.axes(), text(0, 14, "loss", 12, font_weight=600)]
    marks.append(element("g", area.curve(x, raw, TRAIN), opacity=0.3))
    marks.append(area.curve(x, mean, TRAIN))
    named = (("least loss", found.minimum, MUTED), ("steepest", found.steepest, VAL),
             ("suggested", found.suggestion, GOOD))  # fmt: skip
    for row, (name, rate, colour) in enumerate(named):
        if rate is not None:
            marks.append(_mark(area, rate, f"{name} {rate:.1e}", colour, 14 * row))
    return "".join(marks)


def _mark(area: Area, rate: float, name: str, colour: str, down: float) -> str:
    """A rate as a line across the chart; its name stands on the side with more room."""
    x = float(area.x(np.log10(rate)))
    left = x > area.width / 2
    line = element("line", x1=x, x2=x, y1=24, y2=HEIGHT - 24, stroke=colour, stroke_dasharray="4 3")
    label = text(x - 5 if left else x + 5, 34 + down, name, 11, fill=colour,
                 stroke=PAPER, stroke_width=4, paint_order="stroke",
                 text_anchor="end" if left else "start")  # fmt: skip
    return line + label
