"""Graphs laid out in Python, kept in js/graph/tests/layouts.json for the browser to match.

``python -m tests.inspection.layout_cases`` writes the file anew, after a wanted change.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from nbdl.inspection.layout import Shapes, expand_to_fit, layout_graph
from nbdl.inspection.layout.types import Box

FILE = Path(__file__).parents[2] / "js" / "graph" / "tests" / "layouts.json"


def random_graph(seed: int, count: int) -> Shapes:
    """A graph of nested groups with branches, skips, several outputs and unread constants."""
    draw = random.Random(seed)
    parent: list[int] = []
    group: list[int] = []
    edges: list[tuple[int, int, int]] = []
    inside: list[int] = []
    leaves: list[int] = []
    for node in range(count):
        while inside and draw.random() < 0.12:
            inside.pop()
        parent.append(inside[-1] if inside else -1)
        if draw.random() < 0.15 and len(inside) < 3:
            group.append(1)
            inside.append(node)
            continue
        group.append(0)
        sources = leaves[-1:] if draw.random() < 0.85 else []
        sources += [draw.choice(leaves) for _ in range(2) if leaves and draw.random() < 0.2]
        edges += [(source, node, draw.choice((0, 0, 0, 1))) for source in dict.fromkeys(sources)]
        leaves.append(node)
    return Shapes(
        parent,
        group,
        [64 + 8 * draw.randrange(20) for _ in range(count)],
        [28] * count,
        [120 + 8 * draw.randrange(8) if g else 0 for g in group],
        edges,
        [draw.choice((0, 40, 64)) for _ in edges],
    )


def cases() -> list[dict[str, Any]]:
    """Graphs with all groups open, none, and as many as fit."""
    made = []
    for seed, count in [(0, 1), (1, 12), (2, 30), (3, 50), (4, 80)]:
        shapes = random_graph(seed, count)
        chosen = expand_to_fit(shapes, 900, 700)
        for expanded in ([0] * count, [1] * count, chosen):
            levels = layout_graph(shapes, expanded)
            made.append(
                {
                    "shapes": vars(shapes),
                    "fit": chosen,
                    "expanded": expanded,
                    "levels": [
                        {
                            "group": level.group,
                            "children": level.children,
                            "nets": level.nets,
                            "box": box_numbers(level.box),
                        }
                        for level in levels
                    ],
                }
            )
    return made


def box_numbers(box: Box) -> dict[str, Any]:
    """A box as flat lists, as the browser holds it."""
    flat = {
        "rects": [v for rect in box.rects for v in rect],
        "routes": [v for route in box.routes for v in route],
        "labels": [v for label in box.labels for v in label],
        "inX": box.in_x,
        "outX": box.out_x,
    }
    rounded = {name: [round(v, 3) for v in values] for name, values in flat.items()}
    return {"w": round(box.w, 3), "h": round(box.h, 3), **rounded}


def text() -> str:
    """The file's content."""
    return json.dumps(cases(), separators=(",", ":")) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
