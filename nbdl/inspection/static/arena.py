"""The map of a plan's arena: which address holds what during which calls."""

from __future__ import annotations

from collections.abc import Sequence

from nbdl.compiler.report import Block, Report
from nbdl.inspection.layout.words import text_width
from nbdl.inspection.plan import live_bytes
from nbdl.inspection.static import formats
from nbdl.inspection.static.scales import ticks
from nbdl.inspection.static.svg import (
    BAD,
    GRID,
    MUTED,
    PAPER,
    TEXT,
    element,
    number,
    rectangle,
    shorten,
    text,
)

ARENA_HEIGHT = 300
LEFT, TOP, FOOT = 56, 40, 26
THIN = 0.2
"""Pixels: buffers that are lower are not drawn."""


def arena_map(report: Report, colours: Sequence[str], width: float) -> str:
    """The map's markup, its corner at (0, 0).

    Args:
        report: a plan with at least one buffer.
        colours: of the calls; a buffer has that of the call that makes it.
        width: in pixels.
    """
    return "".join(_Map(report, colours, width).marks())


class _Map:
    """Scales and marks."""

    def __init__(self, report: Report, colours: Sequence[str], width: float) -> None:
        self.report, self.colours, self.width = report, colours, width
        self.calls = max(1, len(report.calls))

    def x(self, call: float) -> float:
        return LEFT + (self.width - LEFT) * min(call, self.calls) / self.calls

    def y(self, address: float) -> float:
        room = ARENA_HEIGHT - TOP - FOOT
        return TOP + room * (1 - address / max(1, self.report.arena))

    def marks(self) -> list[str]:
        blocks = sorted(self.report.blocks, key=lambda block: -block.nbytes)
        return [
            text(0, 14, "Arena", 12, font_weight=600),
            text(LEFT, 14, self._words(), 11, fill=MUTED),
            *self._axes(),
            *(self._block(block) for block in blocks),
            *self._live(),
            *(self._label(block) for block in blocks),
        ]

    def _words(self) -> str:
        report = self.report
        return (
            f"{len(report.blocks):,} buffers in {formats.nbytes(report.arena)}, which would be "
            f"{formats.nbytes(report.without_reuse)} side by side; each from the call that makes "
            "it to the last that needs it"
        )

    def _axes(self) -> list[str]:
        marks = []
        for tick in ticks(0, self.report.arena, 4):
            label = formats.nbytes(tick) if tick else "0"
            y = self.y(tick)
            marks.append(element("line", x1=LEFT, x2=self.width, y1=y, y2=y, stroke=GRID))
            marks.append(text(LEFT - 6, y + 4, label, 11, text_anchor="end", fill=MUTED))
        base = ARENA_HEIGHT - 8
        marks.append(text(LEFT - 6, base, "call", 11, text_anchor="end", fill=MUTED))
        for tick in ticks(0, self.calls, 8, whole=True):
            anchor = "middle" if tick < self.calls else "end"
            marks.append(text(self.x(tick), base, f"{tick:,.0f}", 11, text_anchor=anchor,
                              fill=MUTED))  # fmt: skip
        return marks

    def _box(self, block: Block) -> tuple[float, float, float, float]:
        """Left, top, width and height."""
        x, y = self.x(block.first), self.y(block.offset + block.nbytes)
        return x, y, self.x(block.last + 1) - x, self.y(block.offset) - y

    def _block(self, block: Block) -> str:
        x, y, width, height = self._box(block)
        if height < THIN:
            return ""
        edge = PAPER if height > 3 and width > 3 else None
        colour = self.colours[block.first]
        return rectangle(
            x, y, width, height, fill=colour, fill_opacity=0.5, stroke=edge, stroke_width=0.5
        )

    def _label(self, block: Block) -> str:
        x, y, width, height = self._box(block)
        letters = int((width - 8) / 6)
        if height < 13 or letters < 5:
            return ""
        size = formats.nbytes(block.nbytes)
        words = shorten(block.title, letters)
        if text_width(f"{words}  {size}", 10) + 8 < width:
            words = f"{words}  {size}"
        return text(x + 4, y + height / 2 + 3.5, words, 10)

    def _live(self) -> list[str]:
        """The sum of what is needed at each moment, and its peak."""
        live = live_bytes(self.report)
        if not live:
            return []
        corners = [
            f"{number(round(self.x(x), 1))} {number(round(self.y(size), 1))}"
            for call, size in enumerate(live)
            for x in (call, call + 1)
        ]
        peak = max(range(len(live)), key=live.__getitem__)
        x, y = self.x(peak + 0.5), self.y(live[peak])
        words = f"most is needed in call {peak}: {formats.nbytes(live[peak])}"
        left = x + 8 + text_width(words, 11) > self.width
        return [
            element("path", d="M" + "L".join(corners), fill="none", stroke=TEXT, stroke_width=1.2),
            element("line", x1=x, x2=x, y1=TOP - 10, y2=self.y(0), stroke=BAD, stroke_width=1,
                    stroke_dasharray="3 3"),
            element("circle", cx=x, cy=y, r=3, fill=BAD),
            text(x - 6 if left else x + 6, TOP - 6, words, 11, fill=BAD,
                 text_anchor="end" if left else None),
        ]  # fmt: skip
