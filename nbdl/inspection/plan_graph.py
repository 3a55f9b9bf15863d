"""A compiled plan as a graph: its calls in the layers they are of, phase by phase."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nbdl.compiler.report import PHASES, Call, Report
from nbdl.inspection.flatten import MANY
from nbdl.inspection.plan import common_root
from nbdl.inspection.records import GraphNode, GraphRecord, TensorSpec
from nbdl.inspection.static import formats

Path = tuple[str, ...]


def plan_graph(report: Report, *, title: str = "") -> GraphRecord:
    """The calls of a plan with what flows between them, their time, bytes and FLOPs.

    Backward reads much that forward made, and each update one gradient: between two phases one
    edge stands for all, and what else a call reads stands among its attributes.

    Args:
        report: of the plan.
        title: what it is called.
    """
    root = common_root(report.calls)
    writer = _Writer(report.calls, [_path(call, root) for call in report.calls])
    for phase in PHASES:
        mine = [i for i, call in enumerate(report.calls) if call.phase == phase]
        if mine:
            writer.group(mine, (phase,), phase, -1)
    places = writer.places
    rows = sorted(
        ((places[source], places[i], output) for source, i, output in _edges(report.calls)),
        key=lambda row: row[1],
    )
    said = f"{len(report.calls)} calls in {formats.short_time(report.seconds)}"
    return GraphRecord(
        title=title or "Compiled plan",
        subtitle=f"{root.removesuffix('.')}: {said}" if root else said,
        nodes=tuple(_with_sums(writer.nodes)),
        edges=np.array(rows, np.int32).reshape(-1, 3),
        flops=sum(call.flops for call in report.calls),
        seconds=report.seconds,
    )


NOTHING = 4095
"""As the number of an output: an edge of mere order, which carries no tensor."""


def _edges(calls: Sequence[Call]) -> list[tuple[int, int, int]]:
    """(from, to, output) within the phases, and the last that leads from each to the next.

    Updates read nothing of each other; they stand in the order in which they run.
    """
    found: list[tuple[int, int, int]] = []
    across: dict[str, tuple[int, int, int]] = {}
    for i, call in enumerate(calls):
        for source, output in call.sources:
            edge = (source, i, output)
            if calls[source].phase == call.phase:
                found.append(edge)
            elif call.phase not in across or source > across[call.phase][0]:
                across[call.phase] = edge
        update = call.phase == PHASES[-1]
        if update and i and calls[i - 1].phase == call.phase:
            found.append((i - 1, i, NOTHING))
    return found + list(across.values())


def _reads(call: Call, calls: Sequence[Call]) -> list[tuple[str, str]]:
    """What a call reads of earlier phases, in words."""
    found = []
    for source, output in call.sources:
        made = calls[source]
        if made.phase != call.phase:
            size = "×".join(map(str, made.outputs[output].shape)) or "scalar"
            where = f" of {made.scope}" if made.scope else ""
            found.append((f"reads of {made.phase}", f"{made.title}{where}, {size}"))
    return found


def _path(call: Call, root: str) -> Path:
    scope = call.scope.removeprefix(root)
    return tuple(scope.split(".")) if scope and scope != root.removesuffix(".") else ()


class _Writer:
    """Writes calls as nodes, a group before its members."""

    def __init__(self, calls: Sequence[Call], paths: list[Path]) -> None:
        self.calls = calls
        self.paths = paths
        self.nodes: list[GraphNode] = []
        self.places: dict[int, int] = {}
        self._ids: Counter[str] = Counter()

    def group(self, calls: list[int], path: Path, kind: str, parent: int) -> None:
        """Write a group of calls that all lie in ``path``, the phase first; ``kind``: its type."""
        at = len(self.nodes)
        self.nodes.append(GraphNode(self._unique(path), "group", parent, path[-1], kind))
        for run in self._runs(calls, len(path) - 1):
            inner = self.paths[run[0]][len(path) - 1 : len(path)]
            if len(run) > 1 and inner:
                self.group(run, path + inner, "layer" if inner[0].isdigit() else "", at)
            else:
                for call in run:
                    self._call(call, path, at)
        self._note_repeats(at)

    def _runs(self, calls: list[int], depth: int) -> list[list[int]]:
        """Neighbours of one layer; what belongs to none stays with those around it."""
        runs: list[list[int]] = []
        names: list[Path] = []
        for position, call in enumerate(calls):
            name = self.paths[call][depth : depth + 1]
            if not name and runs and names[-1] in self._later(calls[position + 1 :], depth):
                name = names[-1]
            if runs and name == names[-1] and name:
                runs[-1].append(call)
            else:
                runs.append([call])
                names.append(name)
        return runs

    def _later(self, calls: list[int], depth: int) -> list[Path]:
        """The layer of the next call that is of one."""
        names = (self.paths[call][depth : depth + 1] for call in calls)
        return [next((name for name in names if name), ())]

    def _call(self, index: int, path: Path, parent: int) -> None:
        call = self.calls[index]
        own = ".".join(self.paths[index][len(path) - 1 :])
        self.places[index] = len(self.nodes)
        self.nodes.append(
            GraphNode(
                id=self._unique((*path, own or call.title)), kind="op", parent=parent,
                label=own or call.title, type=call.title, family=call.family,
                detail=formats.short_time(call.seconds),
                outputs=tuple(TensorSpec(s.shape, str(s.dtype)) for s in call.outputs),
                flops=call.flops, traffic=call.nbytes, seconds=call.seconds,
                attributes=(
                    ("kernel", call.kind), ("computes", ", ".join(call.operations)),
                    ("of the limit", f"{call.fraction:.0%}"), ("layer", call.scope or "none"),
                    *_reads(call, self.calls),
                ),
            )
        )  # fmt: skip

    def _unique(self, path: Path) -> str:
        wanted = ".".join(path)
        self._ids[wanted] += 1
        return wanted if self._ids[wanted] == 1 else f"{wanted}#{self._ids[wanted]}"

    def _note_repeats(self, at: int) -> None:
        """A stack of blocks that do the same is one card with a count."""
        members = [i for i in range(at + 1, len(self.nodes)) if self.nodes[i].parent == at]
        ends = [*members[1:], len(self.nodes)]
        if len(members) < MANY or any(self.nodes[i].kind != "group" for i in members):
            return
        looks = {
            tuple((n.kind, n.type, n.parent - start) for n in self.nodes[start + 1 : end])
            for start, end in zip(members, ends, strict=True)
        }
        # The first block may begin, and the last may end, with what the others do not need.
        if len(looks) <= MANY:
            self.nodes[at] = dataclasses.replace(self.nodes[at], repeat=len(members), type="blocks")


def _with_sums(nodes: list[GraphNode]) -> list[GraphNode]:
    """Groups hold the sums of what lies in them."""
    found = list(nodes)
    for index in reversed(range(len(found))):
        node = found[index]
        if node.parent >= 0:
            above = found[node.parent]
            found[node.parent] = dataclasses.replace(
                above, flops=above.flops + node.flops, traffic=above.traffic + node.traffic,
                seconds=above.seconds + node.seconds,
            )  # fmt: skip
    return found
