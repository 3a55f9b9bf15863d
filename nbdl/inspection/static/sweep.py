"""The picture of a sweep: the metric over each parameter, a dot for each trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.inspection.static.chart import Area
from nbdl.inspection.static.svg import (
    FAINT,
    GOOD,
    MARGIN,
    MUTED,
    TRAIN,
    WIDTH,
    Column,
    element,
    picture,
    text,
    wrap,
)

HEIGHT, GAP = 180, 24
TONES = {"finished": TRAIN, "pruned": FAINT}


def sweep_svg(sweep: Any) -> str:
    """The trials of a sweep (anything with ``words``, ``choices``, ``trials``, ``metric``)."""
    column = Column()
    for line in wrap(sweep.words(), 112):
        column.add(text(0, 12, line, 12), 12, gap=5)
    legend = "blue: finished   grey: pruned   green: the best"
    column.add(text(0, 12, legend, 11, fill=MUTED), 12, gap=12)
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    shown = [t for t in sweep.trials if t.value is not None and t.status in TONES]
    for first in range(0, len(sweep.choices) if shown else 0, 2):
        for place, choice in enumerate(sweep.choices[first : first + 2]):
            markup = _panel(sweep, choice, shown, width)
            column.put(markup, MARGIN + place * (width + GAP))
        column.y += HEIGHT + 16
    return picture(column.y + 4, *column.marks, title=f"Sweep: {sweep.words()}")


def _panel(sweep: Any, choice: Any, shown: Sequence[Any], width: float) -> str:
    values = [t.parameters[choice.name] for t in shown]
    names = [str(option) for option in choice.options]
    if names:
        x = np.array([choice.options.index(value) for value in values], np.float64)
    else:
        x = np.array(values, np.float64)
        x = np.log10(x) if choice.log else x
    y = np.array([t.value for t in shown], np.float64)
    area = Area([(x, y)], width, HEIGHT, across="", powers=choice.log and not names, names=names)
    marks = [*area.axes(), text(0, 14, f"{sweep.metric} by {choice.name}", 12, font_weight=600)]
    for trial, a, b in zip(shown, x, y, strict=True):
        best = trial is sweep.best
        fill = GOOD if best else TONES[trial.status]
        marks.append(element("circle", cx=float(area.x(a)), cy=float(area.y(b)),
                             r=5 if best else 3.5, fill=fill, fill_opacity=0.8))  # fmt: skip
    return "".join(marks)
