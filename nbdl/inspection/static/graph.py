"""A graph as an SVG picture: what the graph view shows at first (js/graph/paint.ts)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdl.inspection.layout import PlacedLevel, expand_to_fit, layout_graph
from nbdl.inspection.layout.types import HEADER
from nbdl.inspection.layout.words import (
    CHEVRON,
    EDGE_FONT,
    FONT,
    SMALL,
    edge_label,
    one_line,
    shapes_of,
    text_width,
    words_of,
)
from nbdl.inspection.records import GraphNode, GraphRecord
from nbdl.inspection.static import formats
from nbdl.inspection.static.overlay import HEIGHT, Overlay, overlay_of
from nbdl.inspection.static.svg import (
    BAD,
    LEVELS,
    MARGIN,
    MUTED,
    PAPER,
    TEXT,
    WIDTH,
    element,
    escape,
    letters,
    mix,
    number,
    picture,
    rectangle,
    text,
    wrap,
)

ROOM = (WIDTH, 800)
"""Groups are opened while the picture fits this, at a readable size."""

LEAST = 400
"""Pixels of a narrow graph's picture: paper on both sides of it says nothing."""

EDGE = "#8e9094"
LOWER = 4
"""From the middle of a line of letters to what they stand on: a whole number, so they are sharp."""
CORNER = 6.0
TOP = 56

STROKES = (1.0, 1.5, 2.25, 3.25)
"""Widths of edges, by how large their tensor is beside the graph's largest."""

ENDS = ("input", "output", "parameter")
"""Where values enter or leave: drawn round."""

# The light theme's colours of js/graph/colours.ts.
FAMILIES = {
    "convolution": "#1f66d1", "linear": "#5a4bc4", "attention": "#9440a8",
    "recurrent": "#b3336b", "embedding": "#8a5a1c", "normalization": "#0b7a5e",
    "activation": "#c4560b", "pooling": "#0f7f9e", "random": "#7a6a00", "loss": "#c0262d",
    "parameter": "#7a6a00", "input": "#3d4450", "output": "#3d4450", "gradient": "#8a3b12",
    "oneDNN": "#1f66d1", "loop": "#0b7a5e", "special loop": "#9440a8", "NumPy": "#c4560b",
    "added": "#0b7a5e", "removed": "#c0262d", "changed": "#b06a00", "reshaped": "#1f66d1",
}  # fmt: skip
PLAIN = "#7b828e"


def graph_svg(record: GraphRecord, expanded: Sequence[int] | None = None) -> str:
    """The picture of a graph.

    Args:
        record: the graph.
        expanded: 1 for each node that is an open group; default: as many as fit.
    """
    shapes = shapes_of(record)
    if expanded is None:
        expanded = expand_to_fit(shapes, *ROOM)
    levels = layout_graph(shapes, expanded)
    root = levels[0].box
    overlay = overlay_of(record.frames) if record.frames is not None else None
    notes = _notes(record)
    heading, wide = _heading(record)
    width = max(WIDTH if notes else LEAST, wide, root.w)
    blocks = [*notes, *([(overlay.key(), HEIGHT)] if overlay else [])]
    top = TOP + sum(height for _, height in blocks)
    marks = [*heading, *_stack(blocks)]
    drawing = _Drawing(record, levels, overlay)
    place = f"translate({number((width - root.w) // 2)} {number(top)})"
    marks.append(element("g", *drawing.marks(), transform=place))
    return picture(top + root.h, *marks, title=_words(record), width=width)


def _words(record: GraphRecord) -> str:
    operations = sum(node.kind == "op" for node in record.nodes)
    said = f"Graph of {one_line(record.title, 80)}: {operations} operations"
    return f"{said}, {record.params:,} parameters" if record.params else said


def _heading(record: GraphRecord) -> tuple[list[str], float]:
    """The title and what there is altogether, and the room that they take."""
    facts = [one_line(record.subtitle, 80)] if record.subtitle else []
    if record.params:
        facts.append(f"{formats.count(record.params)} parameters")
    if record.flops:
        facts.append(f"{formats.count(record.flops)} FLOPs")
    title, about = one_line(record.title, 60), " · ".join(facts)
    marks = [text(20, 28, title, 14, font_weight=600), text(20, 46, about, 11, fill=MUTED)]
    return marks, max(text_width(title, 14, True), text_width(about, 11)) + 2 * MARGIN


def _notes(record: GraphRecord) -> list[tuple[str, float]]:
    """The error and the findings as blocks with their heights."""
    said = [(BAD, record.error)] if record.error else []
    said += [
        (LEVELS.get(finding.level, MUTED), f"{finding.title} {finding.text}")
        for finding in record.findings
    ]
    blocks = []
    for colour, words in said:
        lines = wrap(one_line(words, 600), 108)
        marks = [rectangle(20, 0, 3, 16 * len(lines) + 8, fill=colour)]
        marks += [text(32, 16 + 16 * i, line, 12, fill=TEXT) for i, line in enumerate(lines)]
        blocks.append(("".join(marks), 16.0 * len(lines) + 16))
    return blocks


def _stack(blocks: list[tuple[str, float]]) -> list[str]:
    marks, y = [], float(TOP + 4)
    for markup, height in blocks:
        marks.append(element("g", markup, transform=f"translate(0 {number(y)})"))
        y += height
    return marks


class _Words:
    """The titles and details of one level, each kind in a group that says once how it looks."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.details: list[str] = []

    def title(self, x: float, middle: float, title: str, name: str, **attributes: Any) -> None:
        """A bold title with the dim name behind it, wherever the title ends in a reader's font."""
        style = {"font_weight": 400, "font_size": SMALL, "fill": MUTED}
        dim = element("tspan", escape(name), dx=7, **style) if name else ""
        bold = letters(FONT, **attributes)
        self.titles.append(element("text", escape(title), dim, x=x, y=middle + LOWER, **bold))

    def detail(self, right: float, middle: float, words: str) -> None:
        """A detail that ends at ``right``."""
        self.details.append(element("text", escape(words), x=right, y=middle + LOWER))

    def marks(self) -> list[str]:
        """All of it."""
        style = {"font_size": SMALL, "fill": MUTED, "text_anchor": "end"}
        titles = element("g", *self.titles, font_weight=600) if self.titles else ""
        return [titles, element("g", *self.details, **style) if self.details else ""]


class _Drawing:
    """The nodes and edges of all levels, each level above the one around it."""

    def __init__(
        self, record: GraphRecord, levels: list[PlacedLevel], overlay: Overlay | None
    ) -> None:
        self.record = record
        self.overlay = overlay
        self.levels = levels
        self.place: dict[int, tuple[float, float]] = {-1: (0.0, 0.0)}
        self.depth = {-1: -1}
        self.opened = {level.group for level in levels}
        self.sizes = _edge_sizes(record)

    def marks(self) -> list[str]:
        """The whole drawing's markup."""
        marks: list[str] = []
        for level in self.levels:
            x, y = self.place[level.group]
            words = _Words()
            marks += self._edges(level, x, y)
            if level.group >= 0:
                marks += self._header(level, x, y, words)
            for node, (left, top, w, h) in zip(level.children, level.box.rects, strict=True):
                self.place[node] = (x + left, y + top)
                if node in self.opened:
                    self.depth[node] = self.depth[level.group] + 1
                    marks.append(self._open_group(node, x + left, y + top, w, h))
                else:
                    marks += self._node(node, x + left, y + top, w, h, words)
            marks += [*words.marks(), *self._labels(level, x, y)]
        return marks

    def _edges(self, level: PlacedLevel, x: float, y: float) -> list[str]:
        lines: dict[float, list[str]] = {}
        heads = []
        for x0, y0, bend, x1, y1, net, arrow in level.box.routes:
            width = STROKES[self.sizes[level.nets[int(net)]]]
            end = max(bend, y1 - 4) if arrow else y1  # a wide line would show beside the tip
            way = _route(x + x0, y + y0, y + bend, x + x1, y + end)
            lines.setdefault(width, []).append(way)
            if arrow:
                half = 3 + 0.6 * width
                tip = f"M{number(x + x1)} {number(y + y1)}"
                heads.append(f"{tip}l-{number(half)} -6h{number(2 * half)}z")
        marks = [
            element("path", d="".join(lines[width]), fill="none", stroke=EDGE, stroke_width=width)
            for width in sorted(lines)
        ]
        if heads:
            marks.append(element("path", d="".join(heads), fill=EDGE))
        return marks

    def _ground(self, group: int) -> str:
        if group < 0:
            return PAPER
        return mix(TEXT, 0.035 if self.depth[group] % 2 == 0 else 0.065)

    def _labels(self, level: PlacedLevel, x: float, y: float) -> list[str]:
        grounds, shapes = [], []
        for net, cx, cy in level.box.labels:
            start, _, output = (int(v) for v in self.record.edges[level.nets[net]])
            words = edge_label(self.record.nodes[start], output)
            half = math.ceil(text_width(words, EDGE_FONT) / 2) + 3
            left, top, base = round(x + cx) - half, round(y + cy) - 6, round(y + cy) + LOWER
            grounds.append(f"M{left} {top}h{2 * half}v13h-{2 * half}z")
            shapes.append(element("text", escape(words), x=x + cx, y=base))
        if not shapes:
            return []
        style = {"font_size": EDGE_FONT, "fill": MUTED, "text_anchor": "middle"}
        ground = element("path", d="".join(grounds), fill=self._ground(level.group))
        return [ground, element("g", *shapes, **style)]

    def _open_group(self, node: int, x: float, y: float, w: float, h: float) -> str:
        failed = bool(self.record.nodes[node].status)
        return rectangle(
            x, y, w, h, rx=8, fill=self._ground(node), stroke=BAD if failed else mix(TEXT, 0.22),
            stroke_dasharray="4 3" if failed else None,
        )  # fmt: skip

    def _header(self, level: PlacedLevel, x: float, y: float, words: _Words) -> list[str]:
        title, name, detail = words_of(self.record.nodes[level.group])
        middle, w = y + HEADER / 2, level.box.w
        ground = self._ground(level.group)
        title_width = text_width(title, FONT, True)
        name_width = text_width(name, SMALL) + 7 if name else 0
        cover = min(CHEVRON + 6 + title_width + name_width, w - 24)
        at = x + 12 + CHEVRON
        marks = [
            rectangle(x + 8, y + 4, cover, HEADER - 8, rx=3, fill=ground),
            _chevron(x + 16, middle, True),
        ]
        words.title(at, middle, title, name)
        at += title_width + 7
        detail_width = text_width(detail, SMALL)
        if detail and at + name_width + detail_width + 20 < x + w:
            left = x + w - 14 - detail_width
            marks.append(rectangle(left, y + 4, detail_width + 6, HEADER - 8, fill=ground))
            words.detail(x + w - 12, middle, detail)
        return marks

    def _paint(self, index: int) -> tuple[str, str]:
        """(colour, fill) of a node: by the run's measure where there is one, else by family."""
        node = self.record.nodes[index]
        if node.status == "failed":
            return BAD, mix(BAD, 0.1)
        if self.overlay is not None:
            return self.overlay.paint(index) or (TEXT, mix(TEXT, 0.065))
        family = node.change or node.family
        plain = family == "same" or (node.kind == "group" and not family)
        colour = TEXT if plain else FAMILIES.get(family, PLAIN)
        return colour, mix(colour, 0.035 if plain else 0.1)

    def _node(
        self, index: int, x: float, y: float, w: float, h: float, words: _Words
    ) -> list[str]:
        node = self.record.nodes[index]
        group = node.kind == "group"
        colour, fill = self._paint(index)
        stroke = BAD if node.status else mix(colour, 0.22 if colour == TEXT else 0.45)
        dash = "4 3" if node.status == "partial" else None
        width = 1.5 if node.status else None
        radius = h / 2 if node.kind in ENDS else 6
        marks = []
        for shift in (6, 3) if node.repeat > 1 else ():
            marks.append(
                rectangle(x + shift, y + shift, w, h, rx=radius, fill=PAPER, stroke=stroke)
            )
        marks.append(
            rectangle(
                x, y, w, h, rx=radius, fill=fill, stroke=stroke, stroke_width=width,
                stroke_dasharray=dash,
            )
        )  # fmt: skip
        if node.kind == "op":
            marks.append(rectangle(x + 4, y + 6, 3, h - 12, rx=1.5, fill=colour))
        if group:
            marks.append(_chevron(x + 15, y + h / 2, False))
        self._node_words(node, x, y + h / 2, w, words)
        return marks

    def _node_words(
        self, node: GraphNode, x: float, middle: float, w: float, words: _Words
    ) -> None:
        title, name, detail = words_of(node)
        colour = BAD if node.status == "failed" else TEXT
        if node.kind in ENDS and not name and not detail:
            words.title(x + w / 2, middle, title, "", fill=colour, text_anchor="middle")
            return
        at = x + 12 + (CHEVRON - 2 if node.kind == "group" else 0)
        words.title(at, middle, title, name, fill=colour)
        if detail:
            words.detail(x + w - 10, middle, detail)


def _edge_sizes(record: GraphRecord) -> list[int]:
    """How large the tensor of each edge is beside the largest: 0 to 3 (js/graph/scene.ts)."""
    elements = []
    for start, _, output in record.edges.tolist():
        made = record.nodes[start].outputs
        elements.append(math.prod(made[output].shape) if output < len(made) else 0)
    most = max(elements, default=1)
    if most == min(elements, default=1):
        return [1] * len(elements)
    return [(2 * e > most) + (16 * e > most) + (256 * e > most) for e in elements]


def _route(x0: float, y0: float, bend: float, x1: float, y1: float) -> str:
    """Down, sideways with rounded corners, and down."""
    n = number
    path = f"M{n(x0)} {n(y0)}"
    across = abs(x1 - x0)
    if across > 0.5:
        radius = min(CORNER, across / 2, bend - y0, y1 - bend)
        side = radius if x1 > x0 else -radius
        path += f"V{n(bend - radius)}Q{n(x0)} {n(bend)} {n(x0 + side)} {n(bend)}"
        path += f"H{n(x1 - side)}Q{n(x1)} {n(bend)} {n(x1)} {n(bend + radius)}"
    return f"{path}V{n(y1)}"


def _chevron(x: float, y: float, opened: bool) -> str:
    across, down = (4, 2.5) if opened else (2.5, 4)
    corners = (
        [(x - across, y - down), (x + across, y - down), (x, y + down + 0.5)]
        if opened
        else [(x - across, y - down), (x + across + 0.5, y), (x - across, y + down)]
    )
    return element(
        "path", d="M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z", fill=MUTED
    )
