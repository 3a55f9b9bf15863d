"""The layout of graphs: nothing overlaps, edges lead down, and the browser agrees."""

from __future__ import annotations

import itertools
import json

import pytest

from nbdl.inspection.layout import Shapes, expand_to_fit, layout_graph
from nbdl.inspection.layout.types import Box
from tests.inspection import layout_cases


def chain(*edges: tuple[int, int], count: int) -> Shapes:
    """A flat graph of ``count`` nodes."""
    return Shapes(
        [-1] * count, [0] * count, [96] * count, [28] * count, [0] * count,
        [(a, b, 0) for a, b in edges], [40] * len(edges),
    )  # fmt: skip


def middles(box: Box) -> list[float]:
    return [x + w / 2 for x, _, w, _ in box.rects]


def test_a_chain_is_one_straight_line_from_top_to_bottom() -> None:
    box = layout_graph(chain((0, 1), (1, 2), count=3), [0] * 3)[0].box
    assert len(set(middles(box))) == 1
    assert [y for _, y, _, _ in box.rects] == sorted(y for _, y, _, _ in box.rects)


def test_the_main_path_stays_straight_beside_a_skip_connection() -> None:
    box = layout_graph(chain((0, 1), (1, 2), (0, 3), (2, 3), count=4), [0] * 4)[0].box
    assert len(set(middles(box))) == 1


@pytest.mark.parametrize("seed", range(30))
def test_nothing_overlaps_and_every_edge_leads_down_inside_its_box(seed: int) -> None:
    shapes = layout_cases.random_graph(seed, 30 + 5 * seed)
    for level in layout_graph(shapes, [1] * len(shapes.parent)):
        box = level.box
        for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(box.rects, 2):
            apart = ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
            assert apart
        for x, y, w, h in box.rects:
            assert x >= 0
            assert y >= 0
            assert x + w <= box.w + 1e-6
            assert y + h <= box.h + 1e-6
        for x0, y0, bend, x1, y1, _, _ in box.routes:
            assert y0 <= y1 + 1e-6
            assert min(x0, x1) >= 0
            assert max(x0, x1) <= box.w
            if abs(x0 - x1) > 0.5:
                assert y0 <= bend <= y1


def test_every_edge_that_is_seen_arrives_at_its_reader() -> None:
    shapes = layout_cases.random_graph(7, 80)
    closed = layout_graph(shapes, [0] * 80)[0]
    tops = {y for _, y, _, _ in closed.box.rects}
    arrivals = [route for route in closed.box.routes if route[6]]
    assert {route[4] for route in arrivals} <= tops
    top_level = {n for n in range(80) if shapes.parent[n] < 0 and not shapes.group[n]}
    plain = {(a, b) for a, b, _ in shapes.edges if a in top_level and b in top_level}
    readers = {closed.box.rects[closed.children.index(b)][1] for _, b in plain}
    assert readers <= {route[4] for route in arrivals}


def test_groups_are_opened_only_while_the_picture_stays_readable() -> None:
    shapes = layout_cases.random_graph(5, 140)
    small, large = expand_to_fit(shapes, 300, 200), expand_to_fit(shapes, 9000, 9000)
    assert sum(small) < sum(large)
    assert sum(large) == sum(shapes.group)


def test_a_layer_made_of_operations_stays_closed_at_first() -> None:
    shapes = layout_cases.random_graph(5, 140)
    shapes.group = [2 if g else 0 for g in shapes.group]
    assert not any(expand_to_fit(shapes, 9000, 9000))


def test_the_file_that_the_browser_is_held_to_is_up_to_date() -> None:
    stored = json.loads(layout_cases.FILE.read_text(encoding="utf-8"))
    assert stored == json.loads(layout_cases.text()), "python -m tests.inspection.layout_cases"
