"""What the layout takes and gives (js/graph/layout/types.ts)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Box:
    """A level laid out; every position is relative to its upper left corner.

    Attributes:
        rects: x, y, width, height of each child.
        routes: ``(x0, y0, y of the bend, x1, y1, net, arrow)`` for each piece of an edge.
        labels: ``(net, x, y)`` of the middle of each label that has room.
        in_x, out_x: x of each tensor that comes in at the top, and that leaves at the bottom.
    """

    w: float
    h: float
    rects: list[tuple[float, float, float, float]] = field(default_factory=list)
    routes: list[tuple[float, float, float, float, float, int, int]] = field(default_factory=list)
    labels: list[tuple[int, float, float]] = field(default_factory=list)
    in_x: list[float] = field(default_factory=list)
    out_x: list[float] = field(default_factory=list)


@dataclass
class Child:
    """One thing to place: a node of fixed size, or an expanded group with its own box."""

    w: float
    h: float
    box: Box | None = None


@dataclass
class Net:
    """One tensor as a level sees it.

    Attributes:
        source: the child that makes it; -1: it comes from outside the group.
        slot: which of the source box's outgoing tensors it is.
        targets: children that read it, ascending.
        slots: for each target that is a box: which of its incoming tensors this is.
        leaves: something outside the group reads it too.
        label: width of its label in pixels; 0: none.
    """

    source: int
    slot: int
    targets: list[int]
    slots: list[int]
    leaves: bool
    label: float


@dataclass(frozen=True)
class Frame:
    """Space around a level's content, and its least width."""

    top: float
    side: float
    bottom: float
    min_width: float


@dataclass
class Level:
    """The children of one expanded group in program order, and the tensors between them."""

    children: list[Child]
    nets: list[Net]
    frame: Frame


NODE_GAP = 24
EDGE_GAP = 14
PORT_GAP = 14
TRACK_GAP = 8
LANE_GAP = 14
STUB = 18
ARROW = 14

LONG = 32
"""An edge that spans more layers than this runs in a lane beside the level."""

PITCH = 58
"""About the height of a node and the way to the next: a tall box takes so many layers."""

MAX_SPAN = 24
"""A box takes at most so many layers."""

MAX_TRACKS = 16
"""More horizontal lines between two layers are drawn on each other."""

HEADER = 28
"""Height of the header of an expanded group."""

ROOT_FRAME = Frame(24, 24, 24, 0)


def group_frame(header: float, comes_in: bool, leaves: bool) -> Frame:
    """The frame of an expanded group whose header is ``header`` pixels wide.

    Edges that come in or leave keep the content away from the border; without them it needs
    room of its own.
    """
    return Frame(HEADER + (0 if comes_in else 12), 16, 8 if leaves else 16, header)
