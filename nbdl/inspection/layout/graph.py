"""Lays out a whole graph: every expanded group is one level, innermost first (graph.ts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nbdl.inspection.layout.level import layout_level
from nbdl.inspection.layout.types import ROOT_FRAME, Box, Child, Level, Net, group_frame

Edge = tuple[int, int, int]


@dataclass
class Shapes:
    """A graph as the layout needs it: numbers only.

    Attributes:
        parent: the group each node lies in; -1: none.
        group: 0: no group, 1: a group, 2: a group that is closed at first.
        width, height: of each node, of a group while it is closed.
        header: least width of the group when it is open.
        edges: (from, to, output).
        labels: width of the label of each edge's tensor; 0: none.
    """

    parent: Sequence[int]
    group: Sequence[int]
    width: Sequence[float]
    height: Sequence[float]
    header: Sequence[float]
    edges: Sequence[Edge]
    labels: Sequence[float]


@dataclass
class PlacedLevel:
    """One open group (-1: the root) laid out.

    Attributes:
        nets: for each net the first edge that carries it.
    """

    group: int
    children: list[int]
    box: Box
    nets: list[int]
    in_slot: dict[int, int] = field(default_factory=dict)
    out_slot: dict[int, int] = field(default_factory=dict)


GraphLayout = list[PlacedLevel]


@dataclass
class _DraftNet:
    tensor: int
    edge: int
    source: int
    targets: list[int] = field(default_factory=list)
    leaves: bool = False


def layout_graph(shapes: Shapes, expanded: Sequence[int]) -> GraphLayout:
    """Levels of the graph with the groups marked in ``expanded`` open, outermost first."""
    stands_for, opened, depth = _visible(shapes, expanded)
    members: dict[int, list[int]] = {-1: []}
    for node in range(len(shapes.parent)):
        if stands_for[node] == node:
            members[shapes.parent[node]].append(node)
            if opened[node]:
                members[node] = []
    nets = _nets(shapes, stands_for, depth, list(members))
    placed: dict[int, PlacedLevel] = {}
    for group in reversed(list(members)):
        placed[group] = _place(shapes, group, members[group], nets[group], placed)
    return list(placed.values())[::-1]


def _visible(shapes: Shapes, expanded: Sequence[int]) -> tuple[list[int], list[bool], list[int]]:
    """For each node what stands for it; whether it is an open group; its depth."""
    count = len(shapes.parent)
    stands_for, opened, depth = list(range(count)), [False] * count, [0] * count
    full = set(shapes.parent)
    for node, parent in enumerate(shapes.parent):
        if parent >= 0:
            depth[node] = depth[parent] + 1
            if not opened[parent]:
                stands_for[node] = stands_for[parent]
                continue
        opened[node] = bool(shapes.group[node] and expanded[node]) and node in full
    return stands_for, opened, depth


def _nets(
    shapes: Shapes, stands_for: list[int], depth: list[int], groups: list[int]
) -> dict[int, dict[int, _DraftNet]]:
    """Every edge in each level it passes: out of groups, across, and into groups."""
    nets: dict[int, dict[int, _DraftNet]] = {group: {} for group in groups}
    parent = shapes.parent
    for edge, (source, reader, output) in enumerate(shapes.edges):
        start, end = stands_for[source], stands_for[reader]
        if start == end or start in nets or end in nets:
            continue  # inside one thing, or of an open group itself, which makes and reads nothing
        tensor = source * 4096 + min(output, 4095)

        def net(group: int, made: int, tensor: int = tensor, edge: int = edge) -> _DraftNet:
            return nets[group].setdefault(tensor, _DraftNet(tensor, edge, made))

        while parent[start] != parent[end]:
            if depth[start] > depth[end]:
                net(parent[start], start).leaves = True
                start = parent[start]
            else:
                net(parent[end], -1).targets.append(end)
                end = parent[end]
        if start != end:
            net(parent[start], start).targets.append(end)
    return nets


def _place(
    shapes: Shapes,
    group: int,
    children: list[int],
    drafted: dict[int, _DraftNet],
    placed: dict[int, PlacedLevel],
) -> PlacedLevel:
    place = {node: index for index, node in enumerate(children)}
    ordered = sorted(drafted.values(), key=lambda net: (net.source >= 0, net.tensor))
    frame = ROOT_FRAME
    if group >= 0:
        comes_in = any(net.source < 0 for net in ordered)
        frame = group_frame(shapes.header[group], comes_in, any(net.leaves for net in ordered))
    level = Level(
        [_child(shapes, node, placed) for node in children],
        [_net(shapes, net, place, placed) for net in ordered],
        frame,
    )
    return PlacedLevel(
        group, children, layout_level(level), [net.edge for net in ordered],
        _slots([net for net in ordered if net.source < 0]),
        _slots([net for net in ordered if net.leaves]),
    )  # fmt: skip


def _slots(nets: list[_DraftNet]) -> dict[int, int]:
    return {net.tensor: index for index, net in enumerate(nets)}


def _child(shapes: Shapes, node: int, placed: dict[int, PlacedLevel]) -> Child:
    if node in placed:
        box = placed[node].box
        return Child(box.w, box.h, box)
    return Child(shapes.width[node], shapes.height[node])


def _net(
    shapes: Shapes, net: _DraftNet, place: dict[int, int], placed: dict[int, PlacedLevel]
) -> Net:
    nodes = sorted(set(net.targets))
    slot = placed[net.source].out_slot[net.tensor] if net.source in placed else 0
    return Net(
        place[net.source] if net.source >= 0 else -1,
        slot,
        [place[node] for node in nodes],
        [placed[node].in_slot[net.tensor] if node in placed else 0 for node in nodes],
        net.leaves,
        shapes.labels[net.edge],
    )


def expand_to_fit(
    shapes: Shapes, width: float, height: float, readable: float = 0.6, most: int = 400
) -> list[int]:
    """Open whole depths, outermost first, while the picture fits at a readable size.

    Args:
        shapes: the graph.
        width, height: of the room there is.
        readable: the scale below which a picture is too small.
        most: nodes that may be shown.

    Returns:
        1 for each group to open.
    """
    count = len(shapes.parent)
    depth = [0] * count
    for node, parent in enumerate(shapes.parent):
        if parent >= 0:
            depth[node] = depth[parent] + 1
    opened = [0] * count
    for level in range(max(depth, default=-1) + 1):
        wanted = list(opened)
        shown = found = 0
        for node, parent in enumerate(shapes.parent):
            if parent >= 0 and not wanted[parent]:
                continue
            shown += 1
            if shapes.group[node] == 1 and depth[node] == level:
                wanted[node] = 1
                found += 1
        if not found:
            continue
        if shown > most:
            break
        box = layout_graph(shapes, wanted)[0].box
        if min(width / box.w, height / box.h) < readable:
            break
        opened = wanted
    return opened
