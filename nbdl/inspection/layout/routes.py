"""The height of layers and the horizontal pieces of edges between them (routes.ts)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from nbdl.inspection.layout.align import Ports
from nbdl.inspection.layout.layers import NODE, OUT, PASS, Layered
from nbdl.inspection.layout.types import (
    ARROW,
    EDGE_GAP,
    MAX_TRACKS,
    STUB,
    TRACK_GAP,
    Level,
)


@dataclass
class _End:
    x: float
    element: int  # -1 - element: a lane on its way to that element
    arrow: int


@dataclass
class _Wire:
    """One tensor between two layers: down at ``x``, sideways once, down at each end."""

    net: int
    x: float
    top: int  # the element it leaves, -1: a lane
    ends: list[_End] = field(default_factory=list)
    low: float = 0.0
    high: float = 0.0
    track: int = -1


class Routes:
    """Vertical positions and edges of a level whose horizontal positions are known."""

    def __init__(
        self, graph: Layered, ports: Ports, x: list[float], lane_x: list[float],
        entry: Callable[[int, int], float],
    ) -> None:  # fmt: skip
        self.graph, self.ports, self.x = graph, ports, x
        self.level: Level = graph.level
        self.lane_x, self.entry = lane_x, entry
        self.wires = [self._wires(gap) for gap in range(len(graph.layers))]
        self._add_lanes()
        self.y = [0.0] * len(graph.kind)
        self.tops: list[float] = []
        self.bottoms: list[float] = []
        self.bends: list[float] = []  # where the first track below each layer runs
        top = 0.0
        for index in range(len(graph.layers)):
            self._stack(index, top)
            top = self.bottoms[index] + self._room_below(index)
        self.height = self.bottoms[-1]
        self.routes = self._draw()
        self.labels = self._labels()

    def _wires(self, gap: int) -> list[_Wire]:
        graph = self.graph
        by_net: dict[int, _Wire] = {}
        for link in graph.gaps[gap]:
            start, end, net = graph.links[link]
            if net < 0:
                continue
            at = self.x[start] + self.ports.start[link]
            wire = by_net.setdefault(net, _Wire(net, at, start, [], at, at))
            to = self.x[end] + self.ports.end[link]
            wire.ends.append(_End(to, end, int(graph.kind[end] == NODE)))
            wire.low, wire.high = min(wire.low, to), max(wire.high, to)
        return list(by_net.values())

    def _add_lanes(self) -> None:
        graph = self.graph
        for net, target in graph.lanes:
            lane = self.lane_x[net]
            source = self.level.nets[net].source
            start = graph.in_element[net] if source < 0 else graph.exit_of[source]
            end = graph.out_element[net] if target < 0 else graph.element_of[target]
            gap = self.wires[graph.layer[start]]
            out = next((wire for wire in gap if wire.net == net), None)
            if out is None:
                at = self.x[start] + self._start_of(start, net)
                out = _Wire(net, at, start, [], at, at)
                gap.append(out)
            out.ends.append(_End(lane, -1 - end, 0))
            out.low = min(out.low, lane)
            x = self.x[end] + (0 if target < 0 else self.entry(target, net))
            arrow = 0 if target < 0 else 1
            wire = _Wire(net, lane, -1, [_End(x, end, arrow)], lane, x)
            self.wires[graph.layer[end] - 1].append(wire)

    def _start_of(self, element: int, net: int) -> float:
        if not self.graph.is_solid(element):
            return 0
        child = self.level.children[self.graph.what[element]]
        return child.w / 2 if child.box is None else child.box.out_x[self.level.nets[net].slot]

    def _stack(self, index: int, top: float) -> None:
        """Put a layer at ``top``; a box that ends in it has its whole height by then."""
        graph, children = self.graph, self.level.children
        self.tops.append(top)
        ending = [(e, self._ending_child(e)) for e in graph.layers[index]]
        starts = {
            child: self.tops[graph.layer[graph.element_of[child]]]
            for _, child in ending
            if child >= 0
        }
        bottom = max([top, *(start + children[child].h for child, start in starts.items())])
        self.bottoms.append(bottom)
        for element, child in ending:
            self.y[element] = top if graph.kind[element] == PASS else (top + bottom) / 2
            if child >= 0:
                start = starts[child]
                y = start + (bottom - start - children[child].h) / 2
                self.y[graph.element_of[child]] = self.y[element] = y
        self.bends.append(bottom + (STUB if self._has_label(index) else EDGE_GAP / 2))

    def _ending_child(self, element: int) -> int:
        """The child whose last part the element is, -1: none."""
        if not self.graph.is_solid(element):
            return -1
        child = self.graph.what[element]
        return child if self.graph.exit_of[child] == element else -1

    def _has_label(self, index: int) -> bool:
        return any(
            wire.top >= 0 and self.graph.is_solid(wire.top) and self.level.nets[wire.net].label > 0
            for wire in self.wires[index]
        )

    def _room_below(self, index: int) -> float:
        """Room below a layer for labels, sideways pieces and arrow heads."""
        graph, wires = self.graph, self.wires[index]
        tracks = _assign_tracks(wires)
        below = graph.layers[index + 1] if index + 1 < len(graph.layers) else []
        if not below:
            return 0
        if not wires:
            return EDGE_GAP if any(graph.kind[e] == NODE for e in below) else 0
        arrows = any(end.arrow for wire in wires for end in wire.ends)
        stub = self.bends[index] - self.bottoms[index]
        return stub + max(tracks - 1, 0) * TRACK_GAP + (ARROW if arrows else EDGE_GAP / 2)

    def _bend(self, gap: int, wire: _Wire) -> float:
        return self.bends[gap] + max(wire.track, 0) * TRACK_GAP

    def _draw(self) -> list[tuple[float, float, float, float, float, int, int]]:
        routes = []
        for gap, wires in enumerate(self.wires):
            for wire in wires:
                bend = self._bend(gap, wire)
                start = bend - TRACK_GAP if wire.top < 0 else self._bottom(wire.top)
                for end in wire.ends:
                    stop = (
                        self.y[end.element]
                        if end.element >= 0
                        else self._lane_end(wire.net, -1 - end.element)
                    )
                    routes.append((wire.x, start, bend, end.x, stop, wire.net, end.arrow))
        return routes

    def _bottom(self, element: int) -> float:
        if not self.graph.is_solid(element):
            return self.y[element]
        return self.y[element] + self.level.children[self.graph.what[element]].h

    def _lane_end(self, net: int, element: int) -> float:
        gap = self.graph.layer[element] - 1
        wire = next(
            w for w in self.wires[gap]
            if w.net == net and w.top < 0 and w.ends[0].element == element
        )  # fmt: skip
        return self._bend(gap, wire) - TRACK_GAP

    def _labels(self) -> list[tuple[int, float, float]]:
        """A label stands on the wire just below its source, where no neighbour is in the way."""
        graph, labels = self.graph, []
        for wires in self.wires:
            trunks = sorted((w for w in wires if w.top >= 0), key=lambda w: w.x)
            taken = -math.inf
            for i, wire in enumerate(trunks):
                half = self.level.nets[wire.net].label / 2
                before = trunks[i - 1].x if i else -math.inf
                after = trunks[i + 1].x if i + 1 < len(trunks) else math.inf
                if half == 0 or not graph.is_solid(wire.top):
                    continue
                if all(e.element >= 0 and graph.kind[e.element] == OUT for e in wire.ends):
                    continue
                if wire.x - half < max(before, taken) + 4 or wire.x + half > after - 4:
                    continue
                labels.append((wire.net, wire.x, self._bottom(wire.top) + STUB / 2))
                taken = wire.x + half
        return labels


def _assign_tracks(wires: list[_Wire]) -> int:
    """Tracks from top to bottom, so that wires that go the same way do not cross."""
    bent = [wire for wire in wires if wire.high - wire.low > 0.5]
    right = [w for w in bent if w.high - w.x >= w.x - w.low]
    left = [w for w in bent if w.high - w.x < w.x - w.low]
    ordered = [*sorted(right, key=lambda w: -w.x), *sorted(left, key=lambda w: w.x)]
    tracks: list[tuple[float, float]] = []
    for wire in ordered:
        track = len(tracks)
        while track > 0 and not (
            wire.low < tracks[track - 1][1] + TRACK_GAP
            and wire.high > tracks[track - 1][0] - TRACK_GAP
        ):
            track -= 1
        track = min(track, MAX_TRACKS - 1)
        wire.track = track
        if track == len(tracks):
            tracks.append((wire.low, wire.high))
        else:
            low, high = tracks[track]
            tracks[track] = (min(low, wire.low), max(high, wire.high))
    return len(tracks)
