"""What differs between two models: one graph that holds both, side by side."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

import numpy as np

from nbdl.inspection.layout.words import one_line
from nbdl.inspection.records import Finding, GraphNode, GraphRecord

CHANGES = ("added", "removed", "changed", "reshaped")
"""What can be said of a layer that is not the same: only in the second model, only in the first,
with other settings, or with the same settings but tensors of other sizes flowing through it."""


@dataclasses.dataclass
class Side:
    """One of the two models, its nodes by the group they lie in."""

    record: GraphRecord
    members: dict[int, list[int]]
    likeness: list[str]

    @classmethod
    def of(cls, record: GraphRecord) -> Side:
        """A model's side."""
        members: dict[int, list[int]] = {-1: []}
        for index, node in enumerate(record.nodes):
            members.setdefault(node.parent, []).append(index)
        side = cls(record, members, [""] * len(record.nodes))
        for index in reversed(range(len(record.nodes))):
            node = record.nodes[index]
            inner = "".join(side.likeness[member] for member in members.get(index, ()))
            side.likeness[index] = f"({node.kind} {node.type} {_settings(node)} {inner})"
        return side


def difference(first: GraphRecord, second: GraphRecord) -> GraphRecord:
    """Two graphs as one, each a group of its own, with what differs.

    Layers are matched group by group: those of one name first (numbers and names of operations
    are no names), then in program order those that are the same with all that is in them, then
    those of one type. ``change`` of each node is one of CHANGES or "same", ``note`` says how it
    changed, ``twin`` is the index of its match in the other model.

    Args:
        first, second: graphs of models; what is only in the second is "added".
    """
    sides = (Side.of(first), Side.of(second))
    pairs = dict(_match(*sides, -1, -1))
    titles = _titles(first, second)
    offset = len(first.nodes) + 1
    back = {b: a for a, b in pairs.items()}
    nodes = [
        *_placed(sides[0], titles[0], 0, pairs, offset + 1, "removed", second),
        *_placed(sides[1], titles[1], offset, back, 1, "added", first),
    ]
    record = GraphRecord(
        title=f"{titles[0]} → {titles[1]}",
        subtitle=_subtitle(first, second),
        nodes=tuple(_summed(nodes)),
        edges=np.concatenate([_moved(first.edges, 1), _moved(second.edges, offset + 1)]),
        error=first.error or second.error,
    )
    return dataclasses.replace(record, findings=_verdict(record))


def changes(record: GraphRecord) -> list[GraphNode]:
    """The outermost nodes of a difference that changed, in the order of the second model; of a
    change in both models the second's."""
    found: list[tuple[float, GraphNode]] = []
    told: set[int] = set()
    place = 0.0  # in the second model, of the last node of the first that has a match
    for index, node in enumerate(record.nodes):
        whole = node.change in ("added", "removed")
        of_second = node.twin < index if node.twin >= 0 else node.change == "added"
        place = node.twin + 0.5 if node.twin > index else place
        if node.parent in told:
            told.add(index)
        elif whole or (of_second and node.note and node.change in CHANGES):
            found.append((index if of_second else place, node))
            if whole:
                told.add(index)
    return [node for _, node in sorted(found, key=lambda pair: pair[0])]


# ----- which is which ---------------------------------------------------------------------------


def _match(a: Side, b: Side, in_a: int, in_b: int) -> Iterator[tuple[int, int]]:
    """Pairs (index in a, index in b) of what lies in two groups that are a pair."""
    found = dict(_by_name(a, b, a.members.get(in_a, []), b.members.get(in_b, [])))
    taken = set(found.values())
    rest_a = [index for index in a.members.get(in_a, []) if index not in found]
    rest_b = [index for index in b.members.get(in_b, []) if index not in taken]
    found |= dict(_by_structure(a, b, rest_a, rest_b))
    for one, other in found.items():
        yield one, other
        yield from _match(a, b, one, other)


def _by_name(
    a: Side, b: Side, ours: Iterable[int], theirs: Iterable[int]
) -> Iterator[tuple[int, int]]:
    names_a, names_b = _names(a, ours), _names(b, theirs)
    for name, index in names_a.items():
        other = names_b.get(name)
        if other is not None and _kind(a, index) == _kind(b, other):
            yield index, other


def _names(side: Side, members: Iterable[int]) -> dict[str, int]:
    """Members by the names a person gave them, where one has it alone."""
    named = [(side.record.nodes[index], index) for index in members]
    counts = Counter(node.label for node, _ in named)
    return {
        node.label: index
        for node, index in named
        if counts[node.label] == 1 and not node.label.isdigit() and node.label != node.type
    }


def _kind(side: Side, index: int) -> str:
    """A layer may be one operation here and a group there; inputs and outputs are neither."""
    kind = side.record.nodes[index].kind
    return "layer" if kind in ("op", "group") else kind


def _by_structure(
    a: Side, b: Side, ours: list[int], theirs: list[int]
) -> Iterator[tuple[int, int]]:
    """Equal ones in the same order; between them those of one type, then what took a place."""
    likes = [a.likeness[i] for i in ours], [b.likeness[i] for i in theirs]
    for tag, start, end, from_, to in _opcodes(*likes):
        if tag == "equal":
            yield from zip(ours[start:end], theirs[from_:to], strict=True)
            continue
        gap_a, gap_b = ours[start:end], theirs[from_:to]
        types = [_type(a, i) for i in gap_a], [_type(b, i) for i in gap_b]
        for inner, s, e, f, t in _opcodes(*types):
            replaced = inner == "replace" and e - s == t - f
            if inner == "equal" or replaced:
                for one, other in zip(gap_a[s:e], gap_b[f:t], strict=True):
                    if _kind(a, one) == _kind(b, other):
                        yield one, other


def _type(side: Side, index: int) -> str:
    node = side.record.nodes[index]
    return f"{_kind(side, index)} {node.type}"


def _opcodes(ours: list[str], theirs: list[str]) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes())


# ----- what changed -----------------------------------------------------------------------------


def _settings(node: GraphNode) -> str:
    return f"{node.detail} {dict(_own(node))}"


def _own(node: GraphNode) -> list[tuple[str, str]]:
    """Attributes that the layer itself has: not what flows into it, nor what mode it is in."""
    return [
        (name, value)
        for name, value in node.attributes
        if not name.startswith("input") and name != "training"
    ]


def _compared(old: GraphNode, new: GraphNode) -> tuple[str, str]:
    """(change, how) of a pair."""
    if old.type != new.type:
        return "changed", f"{old.type} → {new.type}"
    before, after = dict(_own(old)), dict(_own(new))
    differ = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    weights = {p.name.rpartition(".")[2] for p in (*old.parameters, *new.parameters)}
    settings = [name for name in differ if name not in weights]
    if differ:  # the sizes of parameters follow from the settings
        return "changed", "; ".join(
            f"{name} {before.get(name, 'none')} → {after.get(name, 'none')}"
            for name in settings or differ
        )
    shapes = [_shapes(old), _shapes(new)]
    if shapes[0] != shapes[1] and old.kind != "group":
        return "reshaped", f"{shapes[0]} → {shapes[1]}"
    return "same", ""


def _shapes(node: GraphNode) -> str:
    return ", ".join(f"{'×'.join(map(str, s.shape)) or 'scalar'} {s.dtype}" for s in node.outputs)


def _placed(
    side: Side, title: str, at: int, pairs: dict[int, int], base: int, alone: str,
    other: GraphRecord,
) -> Iterator[GraphNode]:  # fmt: skip
    """The group of a side and its nodes, moved to their places.

    Args:
        at: index of the group.
        pairs: for indices of this side those of the other one.
        base: what is added to an index of the other side.
        alone: what a node without a match is.
    """
    record = side.record
    yield GraphNode(
        id=title, kind="group", parent=-1, label=title, type=record.subtitle, params=record.params,
        flops=record.flops, memory=record.memory, change="same",
    )  # fmt: skip
    for index, node in enumerate(record.nodes):
        change, note, twin = alone, "", -1
        if index in pairs:
            match = other.nodes[pairs[index]]
            old, new = (node, match) if alone == "removed" else (match, node)
            change, note = _compared(old, new)
            twin = pairs[index] + base
        yield dataclasses.replace(
            node, id=f"{title}.{node.id}", parent=node.parent + at + 1, change=change,
            note=node.note or note, twin=twin,
        )  # fmt: skip


def _summed(nodes: list[GraphNode]) -> list[GraphNode]:
    """Groups say what is in them or in their match: changed, or reshaped where nothing is more
    than that."""
    worst = dict(enumerate(node.change for node in nodes))
    for index in reversed(range(len(nodes))):
        change, node = worst[index], nodes[index]
        group = node.twin if node.kind == "group" else -1
        for other in (node.parent, group):
            if other >= 0 and change != "same" and worst[other] in ("same", "reshaped"):
                worst[other] = "reshaped" if change == "reshaped" else "changed"
    return [dataclasses.replace(node, change=worst[i]) for i, node in enumerate(nodes)]


def _moved(edges: np.ndarray, by: int) -> np.ndarray:
    return edges + np.array([by, by, 0], edges.dtype)


# ----- in words ---------------------------------------------------------------------------------


def _titles(first: GraphRecord, second: GraphRecord) -> tuple[str, str]:
    """What the two are called; two of one name are told apart."""
    if first.title == second.title:
        return f"{first.title} (1)", f"{second.title} (2)"
    return first.title, second.title


def _subtitle(first: GraphRecord, second: GraphRecord) -> str:
    if first.params == second.params:
        return f"{first.params:,} parameters each" if first.params else ""
    return f"{first.params:,} → {second.params:,} parameters"


def _verdict(record: GraphRecord) -> tuple[Finding, ...]:
    found = Counter(node.change for node in changes(record))
    if not found and record.error:
        return ()
    if not found:
        return (Finding("good", "The two are the same:", "layers, settings and shapes."),)
    said = [f"{found[word]} {word}" for word in CHANGES if found[word]]
    return (Finding("note", ", ".join(said) + ".", ""),)


def difference_text(record: GraphRecord) -> str:
    """A difference as lines for a terminal: what changed, and how.

    Args:
        record: as ``difference`` made it.
    """
    lines = [" · ".join(part for part in (record.title, record.subtitle) if part)]
    marks = {"added": "+", "removed": "-", "changed": "~", "reshaped": "·"}
    rows = []
    for node in changes(record):
        name = node.id.partition(".")[2]
        kind = "" if node.type == node.label else node.type
        words = node.note or ("" if node.kind == "group" else node.detail)
        rows.append((f"{marks[node.change]} {one_line(name, 40)}", one_line(kind, 24), words))
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    lines += [""] * bool(rows)
    lines += [
        f"{name.ljust(widths[0])}  {kind.ljust(widths[1])}  {one_line(words, 120)}".rstrip()
        for name, kind, words in rows
    ]
    ending = [f"{finding.title} {finding.text}".rstrip() for finding in record.findings]
    if record.error:
        ending.append(f"A forward pass ended early: {record.error}")
    return "\n".join([*lines, "", *ending])
