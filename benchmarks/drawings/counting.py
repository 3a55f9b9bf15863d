"""What makes a drawing of a graph hard to read, counted: crossings of lines, and their bends."""

from __future__ import annotations

import math
from itertools import combinations

from benchmarks.drawings.engines import Drawing

Point = tuple[float, float]
Segment = tuple[float, Point, Point]

STRAIGHT = math.radians(1)


def crossings(drawing: Drawing) -> int:
    """Pairs of segments that cross, of lines that carry different tensors."""
    segments = sorted(_segments(drawing), key=lambda s: min(s[1][1], s[2][1]))
    found = 0
    for one, other in combinations(segments, 2):
        if one[0] != other[0] and _cross(one, other):
            found += 1
    return found


def bends(drawing: Drawing) -> int:
    """Points at which a line turns by more than a degree."""
    found = 0
    for line in drawing.lines:
        points = _points(line)
        for before, at, after in zip(points, points[1:], points[2:], strict=False):
            turn = _direction(at, after) - _direction(before, at)
            found += abs(math.remainder(turn, math.tau)) > STRAIGHT
    return found


def size(drawing: Drawing) -> tuple[float, float]:
    """Width and height of all boxes and lines together."""
    left, top, right, bottom = extent(drawing)
    return right - left, bottom - top


def extent(drawing: Drawing) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all boxes and lines together."""
    boxes = [rect for rect in drawing.rects if rect]
    points = [point for line in drawing.lines for point in _points(line)]
    xs = [x for x, *_ in boxes] + [x + w for x, _, w, _ in boxes] + [x for x, _ in points]
    ys = [y for _, y, *_ in boxes] + [y + h for _, y, _, h in boxes] + [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _points(line: list[float]) -> list[Point]:
    points = list(zip(line[1::2], line[2::2], strict=True))
    return [p for i, p in enumerate(points) if not i or math.dist(p, points[i - 1]) > 1e-6]


def _segments(drawing: Drawing) -> list[Segment]:
    return [
        (line[0], a, b)
        for line in drawing.lines
        for a, b in zip(_points(line), _points(line)[1:], strict=False)
    ]


def _direction(a: Point, b: Point) -> float:
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _cross(one: Segment, other: Segment) -> bool:
    """Whether each segment's ends lie on different sides of the other; touching is no crossing."""
    (_, a, b), (_, c, d) = one, other
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return 0.0 if abs(value) < 1e-6 else value
