"""Lays out one level: layers, straight lines, positions, routes (level.ts)."""

from __future__ import annotations

import math

from nbdl.inspection.layout.align import Alignment, Ports
from nbdl.inspection.layout.coordinates import place_elements
from nbdl.inspection.layout.layers import Layered
from nbdl.inspection.layout.routes import Routes
from nbdl.inspection.layout.types import LANE_GAP, Box, Level


def layout_level(level: Level) -> Box:
    """The box of a level."""
    graph = Layered(level)
    alignment = Alignment(graph)
    lanes_in = [0] * len(graph.kind)
    for _, target in graph.lanes:
        if target >= 0:
            lanes_in[graph.element_of[target]] = 1

    def width(element: int) -> float:
        return level.children[graph.what[element]].w if graph.is_solid(element) else 0

    def entry(child: int, net: int) -> float:
        fixed = _fixed_in(level, child, net)
        return min(10, level.children[child].w / 2) if fixed is None else fixed

    ports = Ports(
        graph, alignment, width,
        lambda element, net: _fixed_in(level, graph.what[element], net),
        lambda element, net: _fixed_out(level, graph.what[element], net), lanes_in,
    )  # fmt: skip
    x = place_elements(graph, alignment, ports, width)
    lanes, count = _assign_lanes(graph)
    least = min(x, default=0)
    x = [value - least + count * LANE_GAP for value in x]
    lane_x = [math.nan if lane < 0 else (count - 1 - lane) * LANE_GAP for lane in lanes]
    routed = Routes(graph, ports, x, lane_x, entry)
    content = max((x[e] + width(e) for e in range(len(x))), default=0)
    return _frame(graph, x, max(content, 0), routed)


def _fixed_in(level: Level, child: int, net: int) -> float | None:
    box = level.children[child].box
    if box is None:
        return None
    targets = level.nets[net].targets
    return box.in_x[level.nets[net].slots[targets.index(child)]]


def _fixed_out(level: Level, child: int, net: int) -> float | None:
    box = level.children[child].box
    return None if box is None else box.out_x[level.nets[net].slot]


def _assign_lanes(graph: Layered) -> tuple[list[int], int]:
    """One lane a net, shared by nets whose stretches do not meet."""
    nets = graph.level.nets
    of = [-1] * len(nets)
    last: dict[int, int] = {}
    for net, target in graph.lanes:
        end = graph.out_element[net] if target < 0 else graph.element_of[target]
        last[net] = max(last.get(net, 0), graph.layer[end])

    def start(net: int) -> int:
        source = nets[net].source
        return 0 if source < 0 else graph.layer[graph.exit_of[source]]

    free: list[int] = []
    for net in sorted(last, key=lambda net: (start(net), net)):
        lane = next((i for i, end in enumerate(free) if end < start(net)), len(free))
        free[lane : lane + 1] = [last[net]]
        of[net] = lane
    return of, len(free)


def _frame(graph: Layered, x: list[float], content: float, routed: Routes) -> Box:
    """Put the content into its frame and gather the box."""
    level = graph.level
    frame = level.frame
    w = max(content + 2 * frame.side, frame.min_width)
    dx, top = (w - content) / 2, frame.top
    box = Box(w, top + routed.height + frame.bottom)
    for index, child in enumerate(level.children):
        element = graph.element_of[index]
        box.rects.append((x[element] + dx, routed.y[element] + top, child.w, child.h))
    for x0, y0, bend, x1, y1, carried, arrow in routed.routes:
        # Edges that come in or leave reach the border, through the header and the foot.
        start = 0.0 if y0 <= 0 else y0 + top
        end = box.h if y1 >= routed.height - 1e-6 and arrow == 0 else y1 + top
        box.routes.append((x0 + dx, start, bend + top, x1 + dx, end, carried, arrow))
    box.labels = [(index, lx + dx, ly + top) for index, lx, ly in routed.labels]
    for index, net in enumerate(level.nets):
        if net.source < 0:
            box.in_x.append(x[graph.in_element[index]] + dx)
        if net.leaves:
            box.out_x.append(x[graph.out_element[index]] + dx)
    return box
