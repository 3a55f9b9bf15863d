"""What stands on a node and how much room it takes (js/graph/labels.ts and text.ts)."""

from __future__ import annotations

import math
import re

from nbdl.inspection.layout.graph import Shapes
from nbdl.inspection.records import GraphNode, GraphRecord
from nbdl.inspection.static import formats

FONT = 12
SMALL = 10.5
EDGE_FONT = 9.5
NODE_HEIGHT = 28
PADDING = 12
SPACE = 7
LIMIT = 28
CHEVRON = 14

# Advance widths of a plain sans-serif in thousandths of the size, from the space to the tilde.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722,
    722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722,
    667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,
    500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD = 1.12
# Some readers' fonts are wider than that table's: what is planned must hold theirs as well.
_AMPLE = 1.06
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Estimated width of a text in pixels."""
    total = 0
    for letter in text:
        code = ord(letter)
        if 32 <= code < 127:
            total += _WIDTHS[code - 32]
        else:
            total += 584 if code < 0x1100 else 1000
    return total * size * _AMPLE * (_BOLD if bold else 1) / 1000


def one_line(text: str, limit: int) -> str:
    """The text on one line without control characters, cut in the middle to ``limit``."""
    plain = _CONTROL.sub(" ", text[: 4 * limit])
    if len(plain) <= limit and len(text) <= 4 * limit:
        return plain
    head = -(-(limit - 1) // 2)
    tail = limit - 1 - head
    end = _CONTROL.sub(" ", text[-2 * tail - 2 :])
    return f"{plain[:head]}…{end[len(end) - tail :]}"


def words_of(node: GraphNode) -> tuple[str, str, str]:
    """The three pieces of text on a node: bold, dim, and dim at the right end."""
    label, kind = one_line(node.label, LIMIT), one_line(node.type, LIMIT)
    if node.kind == "group":
        timed = formats.short_time(node.seconds) if node.traffic else ""
        detail = formats.count(node.params) if node.params else timed
        if node.repeat > 1:
            return label, f"{node.repeat}× {kind}", detail
        if re.fullmatch("[0-9]+", label) and kind:
            return f"{kind} {label}", "", detail
        return label or kind, "" if label == kind else kind, detail
    detail = one_line(node.detail, LIMIT)
    if node.kind != "op":
        return label or kind, "", detail
    return kind or label, "" if label == kind or not kind else label, detail


def node_width(node: GraphNode) -> float:
    """Width of a node, in steps that let similar nodes share a layout."""
    title, name, detail = words_of(node)
    width = 2 * PADDING + text_width(title, FONT, True)
    if node.kind == "group":
        width += CHEVRON
    if name:
        width += SPACE + text_width(name, SMALL)
    if detail:
        width += 2 * SPACE + text_width(detail, SMALL)
    return max(64, math.ceil(width / 8) * 8)


def edge_label(node: GraphNode, output: int) -> str:
    """The text on the edge that leaves an output: its shape."""
    if output >= len(node.outputs):
        return ""
    shape = node.outputs[output].shape
    return one_line("×".join(map(str, shape)) or "scalar", LIMIT)


def _group_kind(node: GraphNode) -> int:
    """2, closed at first: a layer made of operations, and a stack of identical blocks."""
    if node.kind != "group":
        return 0
    return 2 if node.family or node.repeat > 1 else 1


def shapes_of(record: GraphRecord) -> Shapes:
    """Only the numbers of a record that decide positions."""
    nodes = record.nodes
    edges = [(int(a), int(b), int(output)) for a, b, output in record.edges]
    labels = []
    for start, _, output in edges:
        label = edge_label(nodes[start], output)
        labels.append(math.ceil(text_width(label, EDGE_FONT) / 4) * 4 + 8 if label else 0)
    widths = [node_width(node) for node in nodes]
    return Shapes(
        parent=[node.parent for node in nodes],
        group=[_group_kind(node) for node in nodes],
        width=widths,
        height=[NODE_HEIGHT] * len(nodes),
        header=[w if n.kind == "group" else 0 for n, w in zip(nodes, widths, strict=True)],
        edges=edges,
        labels=labels,
    )
