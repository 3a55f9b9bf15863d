"""Which elements of neighbouring layers stand on one straight line (align.ts)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nbdl.inspection.layout.layers import BODY, NODE, PASS, Layered, remaining_layers
from nbdl.inspection.layout.types import PORT_GAP


class Alignment:
    """For each element the link that is drawn straight to the one above (-1: none), and below."""

    def __init__(self, graph: Layered) -> None:
        self.up = [-1] * len(graph.kind)
        self.down = [-1] * len(graph.kind)
        self._graph = graph
        remaining = remaining_layers(graph.level)
        self._left = [
            remaining[graph.what[e]] if kind == NODE else 0 for e, kind in enumerate(graph.kind)
        ]
        self._length = [0] * len(graph.kind)
        for gap in graph.gaps:
            if len(gap) == 1:
                self._accept(gap[0])
            elif gap:
                self._gap(gap)
            for link in gap:
                start, end, _ = graph.links[link]
                if self.up[end] == link:
                    self._length[end] = self._length[start] + 1

    def _accept(self, link: int) -> None:
        start, end, _ = self._graph.links[link]
        self.up[end] = link
        self.down[start] = link

    def _gap(self, gap: list[int]) -> None:
        graph, place = self._graph, self._graph.place
        ends = {link: (place[graph.links[link][0]], place[graph.links[link][1]]) for link in gap}
        by_to = sorted(gap, key=lambda link: (ends[link][1], ends[link][0]))
        by_from = sorted(gap, key=lambda link: ends[link])
        main = self._main(by_from, 0, self._left) & self._main(by_to, 1, self._length)

        def passes(link: int) -> bool:
            start, end, _ = graph.links[link]
            return graph.kind[start] == PASS and graph.kind[end] == PASS

        def body(link: int) -> bool:
            return graph.links[link][2] < 0

        for wanted in (body, passes, main.__contains__, self._is_real, lambda _: True):
            self._sweep(by_to, wanted)

    def _is_real(self, link: int) -> bool:
        start, end, _ = self._graph.links[link]
        return self._graph.kind[start] != PASS and self._graph.kind[end] != PASS

    def _main(self, links: list[int], side: int, weight: list[int]) -> set[int]:
        """Each element's real link of most weight at the other end, or the middle of those."""
        runs: dict[int, list[int]] = {}
        for link in links:
            if self._is_real(link):
                runs.setdefault(self._graph.links[link][side], []).append(link)
        result = set()
        for run in runs.values():
            weights = [weight[self._graph.links[link][1 - side]] for link in run]
            best = [link for link, w in zip(run, weights, strict=True) if w == max(weights)]
            result.add(best[(len(best) - 1) // 2])
        return result

    def _sweep(self, by_to: list[int], wanted: Callable[[int], bool]) -> None:
        """Accept the wanted links from left to right where they cross none accepted before."""
        links, place = self._graph.links, self._graph.place
        right = [math.inf] * len(by_to)
        bound = math.inf
        for i in reversed(range(len(by_to))):
            right[i] = bound
            start, end, _ = links[by_to[i]]
            if self.up[end] == by_to[i]:
                bound = place[start]
        left = -1
        for i, link in enumerate(by_to):
            start, end, _ = links[link]
            if self.up[end] == link:
                left = place[start]
                continue
            if self.up[end] != -1 or self.down[start] != -1 or not wanted(link):
                continue
            if left < place[start] < right[i]:
                self._accept(link)
                left = place[start]


class Ports:
    """Where each link leaves and enters, relative to the left edge of its element.

    Args:
        fixed_in, fixed_out: functions of (element, net): the position at a box's border, or
            None where the port is free.
        lanes: for each element whether a lane enters it.
    """

    def __init__(
        self, graph: Layered, alignment: Alignment, width: Callable[[int], float],
        fixed_in: Callable[[int, int], float | None],
        fixed_out: Callable[[int, int], float | None], lanes: list[int],
    ) -> None:  # fmt: skip
        self.start = [0.0] * len(graph.links)
        self.end = [0.0] * len(graph.links)
        incoming: list[list[int]] = [[] for _ in graph.kind]
        outgoing: list[list[int]] = [[] for _ in graph.kind]
        for links in graph.gaps:
            for link in sorted(links, key=lambda link: graph.place[graph.links[link][0]]):
                incoming[graph.links[link][1]].append(link)
                outgoing[graph.links[link][0]].append(link)
        for element, kind in enumerate(graph.kind):
            if kind == NODE:
                links = incoming[element]
                at = _spread(links, alignment.up[element], lanes[element], width(element))
                for link in links:
                    fixed = fixed_in(element, graph.links[link][2])
                    self.end[link] = at[link] if fixed is None else fixed
            if kind in (NODE, BODY):
                edges = [link for link in outgoing[element] if graph.links[link][2] >= 0]
                nets = sorted({graph.links[link][2] for link in edges})
                down = alignment.down[element]
                main = -1 if down < 0 else graph.links[down][2]
                at = _spread(nets, main, 0, width(element))
                for link in edges:
                    net = graph.links[link][2]
                    fixed = fixed_out(element, net)
                    self.start[link] = at[net] if fixed is None else fixed


def _spread(items: list[int], main: int, skipped: int, width: float) -> dict[int, Any]:
    """Put ``main`` (or the middle one) at the centre and the others beside it."""
    centre = items.index(main) if main in items else (len(items) - 1) >> 1
    room = max(width / 2 - 10, 0)
    left = min(PORT_GAP, room / max(centre + skipped, 1))
    right = min(PORT_GAP, room / max(len(items) - 1 - centre, 1))
    return {
        item: width / 2 + (i - centre) * (left if i < centre else right)
        for i, item in enumerate(items)
    }
