"""The memory plan: what lives at once lies apart, and memory is used again."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from nbdl.compiler.lower.steps import PrimitiveStep, PythonStep
from nbdl.compiler.lower.views import Buffer, View, new_view
from nbdl.compiler.memory import ALIGNMENT, Arena, Life, lives_of, plan_memory
from nbdl.shapes import Spec


def view(nbytes: int, kind: str = "arena") -> View:
    return new_view(Spec((nbytes,), np.dtype(np.uint8)), kind=kind)


def step(reads: list[View], writes: list[View]) -> PythonStep:
    return PythonStep([], reads, writes, 0, lambda *_: None)


def chance(seed: int) -> tuple[list[PythonStep], list[View]]:
    """Steps that read what was made before, at any distance."""
    rng = random.Random(seed)
    made = [view(rng.choice([1, 64, 100, 4096, 100_000]))]
    steps = [step([], list(made))]
    for _ in range(60):
        new = [view(rng.choice([0, 1, 63, 64, 65, 1000, 5000])) for _ in range(rng.randint(1, 3))]
        steps.append(step(rng.sample(made, min(len(made), rng.randint(0, 3))), new))
        made += new
    return steps, rng.sample(made, 5)


def apart(arena: Arena) -> None:
    placed = [(arena.offsets[b], arena.offsets[b] + b.nbytes, life) for b, life in
              arena.lives.items()]  # fmt: skip
    for i, (begin, end, life) in enumerate(placed):
        assert begin % ALIGNMENT == 0
        assert end <= arena.nbytes
        for other_begin, other_end, other in placed[:i]:
            assert not life.meets(other) or end <= other_begin or other_end <= begin


@pytest.mark.parametrize("seed", range(20))
def test_what_lives_at_once_lies_apart(seed):
    steps, kept = chance(seed)
    arena = plan_memory(steps, [v.buffer for v in kept])
    apart(arena)
    for v in kept:
        assert arena.lives[v.buffer].last == len(steps)
    most = max(
        sum(b.nbytes for b, life in arena.lives.items() if life.meets(Life(i, i)))
        for i in range(len(steps))
    )
    assert most <= arena.nbytes < sum(b.nbytes for b in arena.lives)


def test_a_chain_needs_two_places():
    views = [view(1000) for _ in range(10)]
    steps = [step([a], [b]) for a, b in itertools.pairwise(views)]
    assert plan_memory(steps, []).nbytes == 2 * 1024


def test_lives_begin_where_made_and_end_where_last_read():
    a, b, c = view(8), view(8), view(8)
    steps = [step([], [a]), step([a], [b]), step([b], [c]), step([a], [])]
    lives = lives_of(steps, [c.buffer])
    assert [lives[v.buffer] for v in (a, b, c)] == [Life(0, 3), Life(1, 2), Life(2, 4)]


def test_state_inputs_and_constants_are_no_part_of_the_arena():
    steps = [step([view(8, kind) for kind in ("state", "input", "constant")], [view(8)])]
    assert len(plan_memory(steps, []).offsets) == 1


def test_scratch_lives_during_its_call_only():
    pads = [Buffer(1 << 20), Buffer(1 << 20)]
    x, y = view(64), view(64)
    steps = [PrimitiveStep([], [x], [y], 0, None, {"src": x, "dst": y, "scratchpad": pad})
             for pad in pads]  # fmt: skip
    arena = plan_memory(steps, [])
    apart(arena)
    assert arena.nbytes == (1 << 20) + 128
    assert [s.scratch for s in steps] == pads
