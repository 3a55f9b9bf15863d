"""A model in a few lines: what stands at the end of a cell that ends with it."""

from __future__ import annotations

from nbdl.core.tensor import Tensor
from nbdl.inspection.describe import family, layer_detail
from nbdl.inspection.layout.words import text_width
from nbdl.inspection.static import formats
from nbdl.inspection.static.graph import FAMILIES, PLAIN
from nbdl.inspection.static.svg import GRID, MUTED, picture, rectangle, shorten, text
from nbdl.nn import Module

CARD = 560
ROW = 22
MOST_ROWS = 10
BAR = 120
"""Pixels of the bar of a layer that has all parameters."""


def model_card(model: Module) -> str:
    """Its layers with their settings and parameters; nothing is computed."""
    children = list(model.named_children())
    counts = {id(child): _count(child) for _, child in children}
    whole = max(1, _count(model))
    rows = children[:MOST_ROWS] if children else [("", model)]
    marks = [_head(model)]
    for place, (name, layer) in enumerate(rows):
        count = counts.get(id(layer), whole)
        marks += _row(name, layer, count, count / whole, 44 + ROW * place)
    height = 44 + ROW * len(rows) + 10
    if len(children) > MOST_ROWS:
        more = f"and {len(children) - MOST_ROWS:,} more layers"
        marks.append(text(30, height + 6, more, 11, fill=MUTED))
        height += 20
    return picture(height, *marks, title=f"{type(model).__name__}, a model", width=CARD)


def _count(model: Module) -> int:
    """Parameters of known size, each once."""
    found = {id(p): p for m in model.modules() for p in m._parameters.values()}
    return sum(p.size for p in found.values() if isinstance(p, Tensor))


def _head(model: Module) -> str:
    title = getattr(model, "_name", "") or type(model).__name__
    kind = type(model).__name__ if title != type(model).__name__ else ""
    name = shorten(title, 32)
    mode = "training" if model.training else "evaluation"
    about = f"{_count(model):,} parameters · {mode} mode"
    return (
        text(14, 24, name, 13, font_weight=600)
        + text(22 + text_width(name, 13) * 1.06, 24, kind, 11, fill=MUTED)
        + text(CARD - 14, 24, about, 11, fill=MUTED, text_anchor="end")
    )


def _row(name: str, layer: Module, count: int, share: float, top: float) -> list[str]:
    colour = FAMILIES.get(family(layer), PLAIN)
    inner = sum(1 for _ in layer.modules()) - 1
    detail = layer_detail(layer) or (f"{inner} layers inside" if inner else "")
    middle = top + ROW / 2
    marks = [
        rectangle(14, top, CARD - 28, 1, fill=GRID),
        rectangle(14, top + 5, 3, ROW - 9, rx=1.5, fill=colour),
        text(26, middle + 4, shorten(name, 18), 11, fill=MUTED),
        text(140, middle + 4, shorten(type(layer).__name__, 22), 12),
        text(282, middle + 4, shorten(detail, 26), 11, fill=MUTED),
    ]
    if count:
        wide = max(2.0, BAR * share)
        marks.append(rectangle(CARD - 14 - wide, top + 4, wide, ROW - 7, rx=2, fill=colour,
                               fill_opacity=0.22))  # fmt: skip
        marks.append(text(CARD - 18, middle + 4, formats.count(count), 11, text_anchor="end"))
    return marks
