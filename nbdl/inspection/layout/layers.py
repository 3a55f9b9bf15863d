"""Layers, and stand-ins for edges where they pass through a layer (layers.ts)."""

from __future__ import annotations

import math

from nbdl.inspection.layout.types import LONG, MAX_SPAN, PITCH, Child, Level

IN, NODE, PASS, OUT, BODY = range(5)
"""BODY: an expanded group is as tall as several layers; its part in each but the first."""


def span_of(child: Child) -> int:
    """How many layers a child takes."""
    if child.box is None:
        return 1
    return min(max(math.floor((child.h + PITCH / 2) / PITCH + 0.5), 1), MAX_SPAN)


def assign_layers(level: Level) -> tuple[list[int], int]:
    """The layer of each child, one below its lowest input; and the layer after the last."""
    count = len(level.children)
    first = 1 if any(net.source < 0 for net in level.nets) else 0
    layer = [first] * count
    has_input = [False] * count
    of = nets_by_source(level)
    for net in level.nets:
        if net.source < 0:
            for target in net.targets:
                has_input[target] = True
    for child in range(count):
        for index in of[child]:
            for target in level.nets[index].targets:
                if target > child:
                    has_input[target] = True
                    layer[target] = max(
                        layer[target], layer[child] + span_of(level.children[child])
                    )
    _sink_sources(level, layer, has_input, of)
    ends = (layer[i] + span_of(child) for i, child in enumerate(level.children))
    return layer, max([first, *ends])


def _sink_sources(
    level: Level, layer: list[int], has_input: list[bool], of: list[list[int]]
) -> None:
    """Move what has no input (constants, parameters) next to its first reader."""
    for child in reversed(range(len(layer))):
        if not has_input[child]:
            targets = (t for index in of[child] for t in level.nets[index].targets if t > child)
            readers = [layer[t] for t in targets]
            if readers:
                span = span_of(level.children[child])
                layer[child] = max(layer[child], min(readers) - span)


def nets_by_source(level: Level) -> list[list[int]]:
    """Indices of the nets that each child makes."""
    result: list[list[int]] = [[] for _ in level.children]
    for index, net in enumerate(level.nets):
        if net.source >= 0:
            result[net.source].append(index)
    return result


def remaining_layers(level: Level) -> list[int]:
    """For each child how many layers the longest way from it to the end takes."""
    remaining = [span_of(child) for child in level.children]
    of = nets_by_source(level)
    for child in reversed(range(len(remaining))):
        targets = (t for index in of[child] for t in level.nets[index].targets if t > child)
        remaining[child] += max((remaining[t] for t in targets), default=0)
    return remaining


class Layered:
    """Elements in layers, in program order of what they carry; links join neighbours.

    Attributes:
        what: the child's index (NODE, BODY) or the net's (all others).
        place: position within the layer.
        gaps: links by the layer they start in, as indices into ``links``.
        links: (from, to, net); net -1: not an edge, but two parts of one box.
        exit_of: the part of each child that its edges leave from.
        lanes: (net, target child or -1) of edges too long for stand-ins.
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self.child_layer, self.last = assign_layers(level)
        self.layers: list[list[int]] = [[] for _ in range(self.last + 1)]
        self.gaps: list[list[int]] = [[] for _ in range(self.last + 1)]
        self.kind: list[int] = []
        self.what: list[int] = []
        self.layer: list[int] = []
        self.place: list[int] = []
        self.links: list[tuple[int, int, int]] = []
        self.lanes: list[tuple[int, int]] = []
        self.element_of = [-1] * len(level.children)
        self.exit_of = [-1] * len(level.children)
        self.in_element = [-1] * len(level.nets)
        self.out_element = [-1] * len(level.nets)
        self._pending: list[tuple[int, int, int]] = []
        self._build()

    def _build(self) -> None:
        of = nets_by_source(self.level)
        for index, net in enumerate(self.level.nets):
            if net.source < 0:
                self.in_element[index] = self._add(IN, index, 0)
                self._run(index, self.in_element[index])
        for child in range(len(self.level.children)):
            self._add_child(child)
            for index in of[child]:
                self._run(index, self.exit_of[child])
        for start, child, index in self._pending:
            self._link(start, self.element_of[child], index)
        for index in range(1, len(self.layers)):
            self._order_carriers(index)

    def _order_carriers(self, index: int) -> None:
        """Children keep the program's order; what only passes goes where its upper end stands."""
        above: dict[int, list[int]] = {}
        for link in self.gaps[index - 1]:
            start, end, _ = self.links[link]
            above.setdefault(end, []).append(self.place[start])
        at = {element: sum(places) / len(places) for element, places in above.items()}
        layer = self.layers[index]
        carriers = sorted(
            (e for e in layer if self.kind[e] != NODE), key=lambda e: at.get(e, math.inf)
        )
        ordered: list[int] = []
        last = -math.inf
        for element in (e for e in layer if self.kind[e] == NODE):
            last = at.get(element, last)
            while carriers and at.get(carriers[0], math.inf) <= last:
                ordered.append(carriers.pop(0))
            ordered.append(element)
        ordered += carriers
        self.layers[index] = ordered
        for position, element in enumerate(ordered):
            self.place[element] = position

    def _add_child(self, child: int) -> None:
        """The element of a child, and below it the parts of a tall box."""
        top = self.child_layer[child]
        self.element_of[child] = self.exit_of[child] = self._add(NODE, child, top)
        for part in range(1, span_of(self.level.children[child])):
            below = self._add(BODY, child, top + part)
            self._link(self.exit_of[child], below, -1)
            self.exit_of[child] = below

    def is_solid(self, element: int) -> bool:
        """Whether the element is (a part of) a child."""
        return self.kind[element] in (NODE, BODY)

    def _add(self, kind: int, what: int, layer: int) -> int:
        element = len(self.kind)
        self.kind.append(kind)
        self.what.append(what)
        self.layer.append(layer)
        self.place.append(len(self.layers[layer]))
        self.layers[layer].append(element)
        return element

    def _link(self, start: int, end: int, net: int) -> None:
        self.gaps[self.layer[start]].append(len(self.links))
        self.links.append((start, end, net))

    def _run(self, index: int, start: int) -> None:
        """Follow one tensor down, with one stand-in a layer shared by all its readers."""
        net = self.level.nets[index]
        top = self.layer[start]
        stops = []
        for target in net.targets:
            if target > net.source:
                if self.child_layer[target] - top > LONG:
                    self.lanes.append((index, target))
                else:
                    stops.append(target)
        leaves = net.leaves
        if leaves and self.last - top > LONG:
            self.lanes.append((index, -1))
            self.out_element[index] = self._add(OUT, index, self.last)
            leaves = False
        stops.sort(key=lambda t: (self.child_layer[t], t))
        end = self.last if leaves else top
        if stops:
            end = max(end, self.child_layer[stops[-1]])
        previous = start
        for layer in range(top + 1, end + 1):
            while stops and self.child_layer[stops[0]] == layer:
                self._pending.append((previous, stops.pop(0), index))
            if layer == end:
                break
            stand_in = self._add(PASS, index, layer)
            self._link(previous, stand_in, index)
            previous = stand_in
        if leaves:
            self.out_element[index] = self._add(OUT, index, self.last)
            self._link(previous, self.out_element[index], index)
