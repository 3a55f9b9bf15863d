"""The memory plan: where in one arena each buffer lies, so that what lives at once is apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbdl.compiler.lower.steps import PrimitiveStep, Step
from nbdl.compiler.lower.views import Buffer

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
        for buffer in _touched(step):
            if buffer.kind == "arena":
                first.setdefault(buffer, i)
                last[buffer] = i
    for buffer in kept:
        if buffer in last:
            last[buffer] = len(steps)
    return {buffer: Life(first[buffer], last[buffer]) for buffer in first}


def _touched(step: Step) -> set[Buffer]:
    found = {view.buffer for view in (*step.reads, *step.writes)}
    if isinstance(step, PrimitiveStep):
        found |= {x if isinstance(x, Buffer) else x.buffer for x in step.roles.values()}
    return found


def plan_memory(steps: Sequence[Step], kept: Iterable[Buffer]) -> Arena:
    """Place the buffers, the largest first, each as low as what lives beside it allows.

    ``kept`` are needed after the last step.
    """
    lives = lives_of(steps, kept)
    placed: list[tuple[int, int, Life]] = []  # offset, end, life
    offsets: dict[Buffer, int] = {}
    total = 0
    for buffer in sorted(lives, key=lambda b: (-b.nbytes, lives[b].first)):
        life, size = lives[buffer], _rounded(buffer.nbytes)
        at = 0
        for begin, end, _ in sorted(p for p in placed if p[2].meets(life)):
            if begin - at >= size:
                break
            at = max(at, end)
        offsets[buffer] = at
        placed.append((at, at + size, life))
        total = max(total, at + size)
    return Arena(total, offsets, lives)


def _rounded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
