"""Runs over each other as SVG: one chart a metric, one colour a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nbdl.inspection.static.chart import Area, readable, secondary
from nbdl.inspection.static.svg import (
    LINES,
    MARGIN,
    MUTED,
    WIDTH,
    Column,
    element,
    picture,
    shorten,
    text,
)

Curve = tuple[np.ndarray, np.ndarray]
"""(steps, values): both (n,)."""

HEIGHT, GAP = 190, 24


def color(run: int) -> str:
    """The colour of a run by its place; after six they begin again, and are drawn dashed."""
    return LINES[run % len(LINES)]


def dash(run: int) -> str | None:
    """How the line of a run is broken: not, for the first six."""
    return None if run < len(LINES) else "6 3" if run < 2 * len(LINES) else "2 3"


def sample(run: int) -> str:
    """A piece of a run's line, for a legend."""
    return element("line", x1=0, x2=20, y1=8, y2=8, stroke=color(run), stroke_width=2.5,
                   stroke_dasharray=dash(run))  # fmt: skip


def overlay(
    curves: Sequence[Curve | None], title: str, width: float, height: float = HEIGHT
) -> str:
    """One metric of several runs: a chart's markup, its corner at (0, 0).

    Args:
        curves: of each run, None for one without this metric.
        title: the metric.
        width, height: in pixels.
    """
    good = [None if curve is None else _finite(curve) for curve in curves]
    area = Area([curve for curve in good if curve is not None], width, height)
    lines = [
        area.curve(*curve, color(run), stroke_dasharray=dash(run))
        for run, curve in enumerate(good)
        if curve is not None
    ]
    return "".join([text(0, 14, readable(title), 12, font_weight=600), *area.axes(), *lines])


def comparison_svg(labels: Sequence[str], charts: Mapping[str, Sequence[Curve | None]]) -> str:
    """Runs over each other.

    Args:
        labels: of the runs, in the order of their curves.
        charts: metric -> the curve of each run.
    """
    column = Column()
    heading = text(0, 14, f"{len(labels)} runs", 15, font_weight=600)
    column.add(heading, 16, gap=10)
    for run, label in enumerate(labels):
        column.add(sample(run) + text(26, 12, shorten(label, 100), 12), 14, gap=4)
    column.y += 10
    names = sorted(charts, key=secondary)
    room = WIDTH - 2 * MARGIN
    for first in range(0, len(names), 2):
        row = names[first : first + 2]
        width = room if len(row) == 1 else (room - GAP) / 2
        for place, name in enumerate(row):
            column.put(overlay(charts[name], name, width), MARGIN + place * (width + GAP))
        column.y += HEIGHT + 16
    if not names:
        column.add(text(0, 14, "These runs have no numbers yet.", 12, fill=MUTED), 16)
    return picture(column.y + 4, *column.marks, title=f"Comparison of {', '.join(labels)}")


def _finite(curve: Curve) -> Curve:
    steps, values = curve
    good = np.isfinite(values)
    return steps[good], np.asarray(values, np.float64)[good]
