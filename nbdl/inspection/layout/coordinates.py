"""Horizontal positions: aligned elements form blocks that move as one (coordinates.ts)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from nbdl.inspection.layout.align import Alignment, Ports
from nbdl.inspection.layout.layers import Layered
from nbdl.inspection.layout.types import EDGE_GAP, NODE_GAP

ROUNDS = 4


class _Blocks:
    """Which block each element belongs to, and its offset within the block."""

    def __init__(self, graph: Layered, alignment: Alignment, ports: Ports) -> None:
        self.of = [-1] * len(graph.kind)
        self.shift = [0.0] * len(graph.kind)
        self.count = 0
        for layer in graph.layers:
            for element in layer:
                link = alignment.up[element]
                if link < 0:
                    self.of[element] = self.count
                    self.count += 1
                    continue
                above = graph.links[link][0]
                self.of[element] = self.of[above]
                self.shift[element] = self.shift[above] + ports.start[link] - ports.end[link]


class _Rules:
    """Least distances: ``before[b]`` lists (left block, distance), ``after[b]`` (right, same)."""

    def __init__(self, graph: Layered, blocks: _Blocks, width: Callable[[int], float]) -> None:
        self.before: list[list[tuple[int, float]]] = [[] for _ in range(blocks.count)]
        self.after: list[list[tuple[int, float]]] = [[] for _ in range(blocks.count)]
        for layer in graph.layers:
            for a, b in pairwise(layer):
                both = graph.is_solid(a) and graph.is_solid(b)
                room = width(a) + (NODE_GAP if both else EDGE_GAP)
                distance = room + blocks.shift[a] - blocks.shift[b]
                self.before[blocks.of[b]].append((blocks.of[a], distance))
                self.after[blocks.of[a]].append((blocks.of[b], distance))

    def order(self) -> list[int]:
        """Blocks from left to right."""
        waiting = [len(rules) for rules in self.before]
        order = [block for block, count in enumerate(waiting) if count == 0]
        for block in order:  # grows while it is walked
            for right, _ in self.after[block]:
                waiting[right] -= 1
                if waiting[right] == 0:
                    order.append(right)
        return order


def place_elements(
    graph: Layered, alignment: Alignment, ports: Ports, width: Callable[[int], float]
) -> list[float]:
    """The x of the left edge of each element."""
    blocks = _Blocks(graph, alignment, ports)
    rules = _Rules(graph, blocks, width)
    order = rules.order()
    position = [0.0] * blocks.count
    for block in order:
        least = (position[left] + distance for left, distance in rules.before[block])
        position[block] = max([0.0, *least])
    pulls: list[list[tuple[int, float]]] = [[] for _ in range(blocks.count)]
    for link, (a, b, _) in enumerate(graph.links):
        above, below = blocks.of[a], blocks.of[b]
        if above != below:
            bend = blocks.shift[a] + ports.start[link] - blocks.shift[b] - ports.end[link]
            pulls[above].append((below, -bend))
            pulls[below].append((above, bend))
    for _ in range(ROUNDS):
        for block in (*reversed(order), *order):
            _pull(block, rules, pulls[block], position)
    return [position[blocks.of[e]] + blocks.shift[e] for e in range(len(graph.kind))]


def _pull(block: int, rules: _Rules, pulls: list[tuple[int, float]], position: list[float]) -> None:
    """Move a block to the mean of where its links want it, as far as neighbours allow."""
    if not pulls:
        return
    total = 0.0
    for other, offset in pulls:
        total += position[other] + offset
    wanted = total / len(pulls)
    for right, distance in rules.after[block]:
        wanted = min(wanted, position[right] - distance)
    for left, distance in rules.before[block]:
        wanted = max(wanted, position[left] + distance)
    position[block] = wanted
