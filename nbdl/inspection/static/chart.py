"""A line chart as SVG: a quantity with its training and validation curves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from nbdl.inspection.records import SeriesPart
from nbdl.inspection.static import formats
from nbdl.inspection.static.scales import ticks
from nbdl.inspection.static.svg import (
    FAINT,
    GRID,
    LINES,
    MUTED,
    VAL,
    element,
    number,
    rectangle,
    text,
)

LEFT, RIGHT, TOP, FOOT = 48, 12, 32, 24
MARKERS = 24
"""Series with so few points show each as a dot."""

MEANS = 400
"""Longer series are drawn as a faint curve of all points and the mean of each stretch."""


def chart(
    parts: Sequence[SeriesPart], title: str, width: float, height: float,
    marked: Sequence[tuple[int, str]] = (),
) -> str:  # fmt: skip
    """The chart's markup, its corner at (0, 0).

    Args:
        parts: whole series that share the chart.
        title: its heading.
        width, height: in pixels.
        marked: steps at which something happened, and what.
    """
    drawn = [_finite(part) for part in parts]
    area = Area(drawn, width, height)
    return "".join(
        [
            text(0, 14, title, 12, font_weight=600),
            _legend(parts, width),
            *area.axes(),
            *(area.mark(step, what) for step, what in marked),
            *(area.curve(s, v, color(part.name, i)) for i, (part, (s, v)) in
              enumerate(zip(parts, drawn, strict=True))),
        ]
    )  # fmt: skip


def color(name: str, index: int) -> str:
    """The colour of a series: validation is the same in every chart."""
    return VAL if name.startswith("val_") else LINES[0 if index == 0 else (index + 1) % len(LINES)]


def group(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Series that share a chart (loss with val_loss), losses first, the machine's last."""
    charts: dict[str, list[str]] = {}
    for name in names:
        charts.setdefault(name.removeprefix("val_").removeprefix("train_"), []).append(name)

    def rank(title: str) -> int:
        return 0 if title == "loss" else 1 if "loss" in title else 3 if secondary(title) else 2

    ordered = sorted(charts.items(), key=lambda chart: rank(chart[0]))
    return [(title, sorted(names, key=lambda n: n.startswith("val_"))) for title, names in ordered]


def secondary(title: str) -> bool:
    """Whether a chart is about the machine or the schedule rather than about learning."""
    return title in ("lr", "throughput", "memory", "gpu_memory", "time")


def worth_a_chart(part: SeriesPart) -> bool:
    """Whether a series says more than its last value: a constant learning rate does not."""
    return not secondary(part.name) or len(part.values) > 1


def readable(title: str) -> str:
    """A name of the history as a heading."""
    known = {"lr": "learning rate", "throughput": "samples per second"}
    return known.get(title, title.replace("_", " "))


def _finite(part: SeriesPart) -> tuple[np.ndarray, np.ndarray]:
    good = np.isfinite(part.values)
    return part.steps[good], part.values[good].astype(np.float64)


def _legend(parts: Sequence[SeriesPart], width: float) -> str:
    """Names and latest values, right-aligned over the chart."""
    marks, x = [], width - RIGHT
    for index, part in reversed(list(enumerate(parts))):
        latest = formats.value(float(part.values[-1]) if len(part.values) else None)
        name = "val" if part.name.startswith("val_") else "train" if len(parts) > 1 else ""
        marks.append(text(x, 14, latest, 12, text_anchor="end", font_weight=600))
        x -= 7.5 * len(latest) + 6
        if name:
            marks.append(text(x, 14, name, 11, text_anchor="end", fill=MUTED))
            x -= 6.5 * len(name) + 4
        marks.append(rectangle(x - 12, 8, 12, 3, rx=1.5, fill=color(part.name, index)))
        x -= 28
    return "".join(marks)


class Area:
    """The place of points: scales, grid, curves.

    Args:
        drawn: (x, y) of each curve.
        width, height: in pixels.
        across: what x is.
        powers: x are logarithms of ten, and whole ones are marked.
        names: x are places in this list.
    """

    def __init__(
        self, drawn: Sequence[tuple[np.ndarray, np.ndarray]], width: float, height: float,
        across: str = "step", powers: bool = False, names: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.names = names
        self.width, self.height, self.across, self.powers = width, height, across, powers
        steps = np.concatenate([s for s, _ in drawn] or [np.zeros(0)])
        values = np.concatenate([v for _, v in drawn] or [np.zeros(0)])
        self.x_low, self.x_high = _span(steps, 0.0)
        if names:
            self.x_low, self.x_high = -0.5, len(names) - 0.5
        self.y_low, self.y_high = _span(values, 0.06)

    def x(self, steps: np.ndarray | float) -> np.ndarray | float:
        room = self.width - LEFT - RIGHT
        return LEFT + (steps - self.x_low) / (self.x_high - self.x_low) * room

    def y(self, values: np.ndarray | float) -> np.ndarray | float:
        room = self.height - TOP - FOOT
        return TOP + (self.y_high - values) / (self.y_high - self.y_low) * room

    def mark(self, step: int, what: str) -> str:
        """A line from top to bottom; what it means is told where a pointer rests on it."""
        if not self.x_low <= step <= self.x_high:
            return ""
        x = float(self.x(step))
        line = element("line", x1=x, x2=x, y1=TOP, y2=self.height - FOOT, stroke=VAL,
                       stroke_width=1.5, stroke_dasharray="4 3")  # fmt: skip
        return f"<g><title>{escape(what)}</title>{line}</g>"

    def axes(self) -> list[str]:
        marks = []
        rows = ticks(self.y_low, self.y_high, 4)
        for tick, label in zip(rows, formats.tick_texts(rows), strict=True):
            y = float(self.y(tick))
            line = element(
                "line", x1=LEFT, x2=self.width - RIGHT, y1=y, y2=y, stroke=GRID, stroke_width=1
            )
            marks += [line, text(LEFT - 6, y + 4, label, 11, text_anchor="end", fill=MUTED)]
        base = self.height - 8
        edge = LEFT - (20 if self.powers else 6)
        marks.append(text(edge, base, self.across, 11, text_anchor="end", fill=MUTED))
        columns = ticks(self.x_low, self.x_high, 8 if self.powers else 4, whole=True)
        shown = [10.0**tick for tick in columns] if self.powers else columns
        labels = [formats.value(x, 2) for x in shown] if self.powers else formats.tick_texts(shown)
        if self.names:
            columns, labels = [float(i) for i in range(len(self.names))], list(self.names)
        for tick, label in zip(columns, labels, strict=True):
            x = float(self.x(tick))
            marks.append(text(x, base, label, 11, text_anchor="middle", fill=MUTED))
        return marks

    def curve(
        self, steps: np.ndarray, values: np.ndarray, stroke: str, **style: str | None
    ) -> str:
        """Steps and values (n,), all of them numbers, as a line."""
        if not len(steps):
            return text(LEFT + 8, TOP + 16, "no values that are numbers", 11, fill=FAINT)
        if len(steps) > MEANS:
            faint = self._line(steps, values, stroke, stroke_width=1, opacity=0.25)
            edges = np.linspace(0, len(steps), MEANS // 4 + 1).astype(int)[:-1]
            sizes = np.diff([*edges, len(steps)])
            steps, values = (np.add.reduceat(row, edges) / sizes for row in (steps, values))
            return faint + self._line(steps, values, stroke, stroke_width=2, **style)
        dots = ""
        if len(steps) <= MARKERS:
            places = zip(np.atleast_1d(self.x(steps)), np.atleast_1d(self.y(values)), strict=True)
            dots = "".join(
                element("circle", cx=float(x), cy=float(y), r=2.5, fill=stroke) for x, y in places
            )
        return self._line(steps, values, stroke, stroke_width=2, **style) + dots

    def _line(self, steps: np.ndarray, values: np.ndarray, stroke: str, **style: Any) -> str:
        xs, ys = np.atleast_1d(self.x(steps)), np.atleast_1d(self.y(values))
        path = "M" + "L".join(
            f"{number(round(float(x), 1))} {number(round(float(y), 1))}"
            for x, y in zip(xs, ys, strict=True)
        )
        return element("path", d=path, fill="none", stroke=stroke, stroke_linejoin="round", **style)


def _span(values: np.ndarray, margin: float) -> tuple[float, float]:
    """From the least to the greatest with a margin; never empty, and not below 0 without need."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = abs(low) * 0.1 or 0.5
        return low - room, high + room
    room = (high - low) * margin
    return max(0.0, low - room) if low >= 0 else low - room, high + room
