"""The memory plan: where in one arena each buffer lies, so that what lives at once is apart."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbdl.backends.kernels.levels import stages
from nbdl.compiler.lower.kernels import Operand
from nbdl.compiler.lower.steps import LoopStep, PrimitiveStep, Step
from nbdl.compiler.lower.views import Buffer, View

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


@dataclass(frozen=True, order=True)
class Life:
    """When a buffer is needed: from step ``first`` to step ``last``, both included."""

    first: int
    last: int

    def meets(self, other: Life) -> bool:
        """Whether both are needed at one time."""
        return self.first <= other.last and other.first <= self.last


@dataclass
class Arena:
    """The plan.

    Attributes:
        nbytes: of the whole arena.
        offsets: where each buffer begins.
        lives: when each is needed.
    """

    nbytes: int
    offsets: dict[Buffer, int]
    lives: dict[Buffer, Life]


def lives_of(steps: Sequence[Step], kept: Iterable[Buffer]) -> dict[Buffer, Life]:
    """For each buffer of the arena the first and the last step that touches it."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for i, step in enumerate(steps):
        for buffer in touched(step):
            if buffer.kind == "arena":
                first.setdefault(buffer, i)
                last[buffer] = i
    for buffer in kept:
        if buffer in last:
            last[buffer] = len(steps)
    return {buffer: Life(first[buffer], last[buffer]) for buffer in first}


def touched(step: Step) -> list[Buffer]:
    """All buffers that a step has to do with, its scratchpad too."""
    found = [view.buffer for view in (*step.reads, *step.writes)]
    if isinstance(step, PrimitiveStep):
        found += [x if isinstance(x, Buffer) else x.buffer for x in step.roles.values()]
    return list(dict.fromkeys(found))


def plan_memory(steps: Sequence[Step], kept: Iterable[Buffer]) -> Arena:
    """Place the buffers, the largest first, each as low as what lives beside it allows.

    ``kept`` are needed after the last step.
    """
    lives = lives_of(steps, kept)
    heirs = inherited(steps, lives)
    together = dict(lives)  # of a buffer and all that take over its place
    for heir in sorted(heirs, key=lambda b: lives[b].first):
        root = heirs[heir]
        together[root] = Life(together[root].first, max(together[root].last, lives[heir].last))
        del together[heir]
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last; by offset
    offsets: dict[Buffer, int] = {}
    total = 0
    for buffer in sorted(together, key=lambda b: (-b.nbytes, together[b].first)):
        life, size = together[buffer], _rounded(buffer.nbytes)
        at = 0
        for begin, end, first, last in placed:
            if first > life.last or life.first > last:
                continue
            if begin - at >= size:
                break
            at = max(at, end)
        offsets[buffer] = at
        insort(placed, (at, at + size, life.first, life.last))
        total = max(total, at + size)
    offsets.update({heir: offsets[root] for heir, root in heirs.items()})
    return Arena(total, offsets, lives)


def inherited(steps: Sequence[Step], lives: dict[Buffer, Life]) -> dict[Buffer, Buffer]:
    """Buffers that a loop writes in place of one that it is the last to read.

    Each element is read before it is written. For each heir the buffer whose place it takes in
    the end, where that is an heir itself the first one of the line.
    """
    roots: dict[Buffer, Buffer] = {}
    taken: set[Buffer] = set()
    for i, step in enumerate(steps):
        if not isinstance(step, LoopStep):
            continue
        reads = step.loop.operands[: len(step.reads)]
        writes = step.loop.operands[len(step.reads) :]
        for number, w in enumerate(writes, len(reads)):
            heir = w.view.buffer
            if not _is_whole(w.view) or lives.get(heir, _NEVER).first != i or heir in roots:
                continue
            for r in reads:
                old = r.view.buffer
                ends = lives.get(old, _NEVER).last == i and old not in taken
                if ends and _in_place(step, r, w, number):
                    taken.add(old)
                    roots[heir] = roots.get(old, old)
                    break
    return roots


_NEVER = Life(-1, -1)


def _is_whole(view: View) -> bool:
    """Whether the view is all of its buffer."""
    return not view.offset and view.nbytes == view.buffer.nbytes


def _in_place(step: LoopStep, r: Operand, w: Operand, number: int) -> bool:
    """Whether the loop may write ``w``, its array ``number``, where it reads ``r``."""
    alike = r.strides == w.strides and r.view.dtype == w.view.dtype and _is_whole(r.view)
    if not alike or r.view.nbytes != w.view.nbytes:
        return False
    others = [o for o in step.loop.operands if o.view.buffer is r.view.buffer]
    if any(o.strides != r.strides or o.view.offset for o in others):
        return False
    kernel, sizes = step.loop.kernel, step.loop.sizes
    letters = kernel.arrays[number].axes[: kernel.outer]
    if any(c == "0" and n > 1 for c, n in zip(letters, sizes, strict=False)):
        return False  # each element is written more than once
    at = stages(kernel)
    stored = [
        at[i] for i, one in enumerate(kernel.code)
        if one.name == "store" and one.attribute == number
    ]  # fmt: skip
    return stored == [max(at)]  # in an earlier loop, a later one would read what was written


def _rounded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
