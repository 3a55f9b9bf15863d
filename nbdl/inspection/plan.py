"""What the picture of a compiled plan says: which calls stand alone, which are summed up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from nbdl.compiler.report import PHASES, Block, Call, Report

SLOWEST = 25
"""So many rows of calls are shown in full; the rest is summed up by kind."""


@dataclass(frozen=True)
class Row:
    """One call, several alike, or several of one kind.

    Attributes:
        scope: path of the layer; a ``*`` for the number in which those of several calls differ.
        title, kind, family: as of the calls.
        count: of calls.
        seconds, flops, nbytes, limit: of all of them together.
    """

    scope: str
    title: str
    kind: str
    family: str
    count: int
    seconds: float
    flops: int
    nbytes: int
    limit: float

    @property
    def fraction(self) -> float:
        """How much of the limit is reached."""
        return self.limit / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Part:
    """The calls of one phase.

    Attributes:
        phase: "forward", "backward" or "update".
        seconds, limit: of all its calls.
        rows: the slow ones in program order.
        rest: all others, one row a family.
    """

    phase: str
    seconds: float
    limit: float
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]


def parts(report: Report, slowest: int = SLOWEST) -> list[Part]:
    """The phases of a plan that have calls, each with its slowest rows.

    Calls that do the same in layers whose paths differ only in numbers (the blocks of a
    transformer) are one row.
    """
    root = common_root(report.calls)
    alike: dict[tuple[object, ...], list[Call]] = {}
    for call in report.calls:
        alike.setdefault(_sameness(call), []).append(call)
    groups = list(alike.values())
    slow = sorted(groups, key=lambda group: -sum(call.seconds for call in group))[:slowest]
    chosen = {id(group) for group in slow}
    found = []
    for phase in PHASES:
        mine = [group for group in groups if group[0].phase == phase]
        rows = [_row(group, _scope(group, root)) for group in mine if id(group) in chosen]
        others = [call for group in mine if id(group) not in chosen for call in group]
        every = [call for group in mine for call in group]
        if every:
            seconds, limit = (sum(getattr(c, name) for c in every) for name in ("seconds", "limit"))
            found.append(Part(phase, seconds, limit, tuple(rows), tuple(_by_family(others))))
    return found


def common_root(calls: Iterable[Call]) -> str:
    """The model's name with its dot, where all paths of layers begin with it; else ""."""
    paths = [call.scope for call in calls if call.scope]
    roots = {path.partition(".")[0] for path in paths}
    return f"{roots.pop()}." if len(roots) == 1 and any("." in path for path in paths) else ""


def live_bytes(report: Report) -> list[int]:
    """For each call how many bytes of the arena hold something that is needed.

    What is made in place of something else counts once.
    """
    begins: dict[int, list[Block]] = {}
    for block in report.blocks:
        begins.setdefault(block.first, []).append(block)
    live: list[Block] = []
    found = []
    for call in range(len(report.calls)):
        live = [block for block in live if block.last >= call] + begins.get(call, [])
        live.sort(key=lambda block: block.offset)
        found.append(_covered(live))
    return found


def _covered(blocks: Iterable[Block]) -> int:
    """Bytes that blocks, in the order of their addresses, lie on."""
    total = end = 0
    for block in blocks:
        total += max(0, block.offset + block.nbytes - max(end, block.offset))
        end = max(end, block.offset + block.nbytes)
    return total


def stretches(calls: Sequence[Call], narrow: float) -> list[tuple[Row, str]]:
    """All calls in program order with their phases, those that take less than ``narrow`` seconds
    joined with such neighbours of the same family and phase."""
    found: list[list[Call]] = []
    for call in calls:
        last = found[-1][-1] if found else None
        joins = last is not None and max(call.seconds, last.seconds) < narrow
        if joins and last is not None and (call.family, call.phase) == (last.family, last.phase):
            found[-1].append(call)
        else:
            found.append([call])
    return [(_row(group, group[0].scope), group[0].phase) for group in found]


def _sameness(call: Call) -> tuple[object, ...]:
    """Equal for calls that do the same, be it in different blocks."""
    pattern = re.sub(r"\d+", "#", call.scope)
    return call.phase, pattern, call.operations, call.title, call.kind, call.flops, call.nbytes


def _scope(calls: Sequence[Call], root: str) -> str:
    """The path of the layers, without the root."""
    paths = [call.scope.removeprefix(root).split(".") for call in calls]
    return ".".join(steps[0] if len(set(steps)) == 1 else "*" for steps in zip(*paths, strict=True))


def _by_family(calls: Iterable[Call]) -> list[Row]:
    ordered = sorted(calls, key=lambda call: call.family)
    rows = [_row(list(group), "") for _, group in groupby(ordered, key=lambda call: call.family)]
    return sorted(rows, key=lambda row: -row.seconds)


def _row(calls: Sequence[Call], scope: str) -> Row:
    first = calls[0]
    seconds, flops, nbytes, limit = (
        sum(getattr(call, name) for call in calls)
        for name in ("seconds", "flops", "nbytes", "limit")
    )
    return Row(
        scope, first.title, first.kind, first.family, len(calls), seconds, flops, nbytes, limit
    )
