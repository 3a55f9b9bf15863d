"""Crossings and bends of our layout of ten small models, beside dagre's and elkjs'.

    python -m benchmarks.drawings.layouts [--write]

Each engine gets the same graph of layers (groups dissolved, since dagre and elkjs lay those out
poorly or not at all), the same sizes of boxes and about the same distances. ``--write`` renews
docs/layouts.md and its pictures.
"""

from __future__ import annotations

import argparse
import re

from benchmarks.drawings import counting
from benchmarks.drawings.engines import ENGINES, ROOT, Drawing, EngineFailed, lay_out, prepare
from benchmarks.drawings.graphs import bare
from benchmarks.drawings.models import MODELS, graph_of
from benchmarks.harness import publish, table
from nbdl.inspection.layout.words import shapes_of, words_of
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.static.graph import EDGE, FAMILIES, PLAIN
from nbdl.inspection.static.svg import (
    MUTED,
    TEXT,
    element,
    mix,
    number,
    picture,
    rectangle,
    text,
)

PAGE = ROOT / "docs" / "layouts.md"
PICTURES = ROOT / "docs" / "images" / "layouts"
DRAWN = ("nbdl", "dagre")
WIDTH, TALLEST = 860, 1500
"""Pixels: of a picture, and what it may be high at most."""


def main() -> None:
    """Count, and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="renew docs/layouts.md")
    write = parser.parse_args().write
    prepare()
    rows, pictures = [], []
    for name in MODELS:
        record = bare(graph_of(name))
        drawings = {engine: _drawing(engine, record) for engine in ENGINES}
        rows.append([name, str(len(record.nodes)), *_counted(drawings)])
        if write:
            path = PICTURES / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(side_by_side(record, drawings), encoding="utf-8")
            pictures.append(f"## {name}\n\n![{name}, laid out by nbdl and by dagre](images/layouts/"
                            f"{path.name})")  # fmt: skip
    rows.append(["all", *(str(sum(int(row[i]) for row in rows)) for i in range(1, len(rows[0])))])
    head = ["model", "boxes"]
    head += [f"{what}, {title}" for what in ("crossings", "bends") for title in ENGINES.values()]
    counted = table(head, rows)
    print(counted)
    if write:
        publish("counts", counted, PAGE)
        publish("pictures", "\n\n".join(pictures), PAGE)


def _drawing(engine: str, record: GraphRecord) -> Drawing | None:
    try:
        return lay_out(engine, shapes_of(record))
    except EngineFailed as failed:
        print(f"{record.title}, {engine}: {failed}")
        return None


def _counted(drawings: dict[str, Drawing | None]) -> list[str]:
    return [
        str(count(drawing)) if drawing else "0"
        for count in (counting.crossings, counting.bends)
        for drawing in drawings.values()
    ]


# ----- pictures -------------------------------------------------------------------------------


def side_by_side(record: GraphRecord, drawings: dict[str, Drawing | None]) -> str:
    """One picture of a model as two engines lay it out, at one scale."""
    shown = {engine: drawing for engine in DRAWN if (drawing := drawings[engine])}
    sizes = [counting.size(drawing) for drawing in shown.values()]
    widths, heights = zip(*sizes, strict=True)
    scale = min(1.0, (WIDTH - 80) / sum(widths), TALLEST / max(heights))
    marks, left = [], 24.0
    room = (WIDTH - 48 - scale * sum(widths)) / len(shown)
    for (engine, drawing), width in zip(shown.items(), widths, strict=True):
        said = f"{counting.crossings(drawing)} crossings, {counting.bends(drawing)} bends"
        marks.append(text(left, 28, ENGINES[engine], 14, font_weight=600))
        marks.append(text(left, 46, said, 11, fill=MUTED))
        x, y, *_ = counting.extent(drawing)
        place = f"translate({number(left)} 64) scale({scale:.4g}) translate({-x:.1f} {-y:.1f})"
        marks.append(element("g", *_marks(record, drawing), transform=place))
        left += scale * width + max(room, 8)
    title = f"{record.title} as laid out by {' and by '.join(ENGINES[e] for e in shown)}"
    return picture(64 + scale * max(heights) + 24, *marks, title=title, width=WIDTH)


def _marks(record: GraphRecord, drawing: Drawing) -> list[str]:
    ways = "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(line[1::2], line[2::2], strict=True))
        for line in drawing.lines
    )
    marks = [element("path", d=ways, fill="none", stroke=EDGE, stroke_width=1.25)]
    for node, rect in zip(record.nodes, drawing.rects, strict=False):
        if rect is None:
            continue
        x, y, w, h = (round(value, 1) for value in rect)
        colour = FAMILIES.get(node.family, PLAIN)
        marks.append(
            rectangle(x, y, w, h, rx=6, fill=mix(colour, 0.1), stroke=mix(colour, 0.45))
        )
        words = words_of(node)[0]
        middle = {"text_anchor": "middle", "fill": TEXT, "font_weight": 600}
        marks.append(text(round(x + w / 2, 1), round(y + h / 2 + 4, 1), words, 12, **middle))
    return marks


if __name__ == "__main__":
    main()
