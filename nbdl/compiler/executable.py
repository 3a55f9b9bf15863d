"""A program bound to memory: what is done around a run of its plan."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends.kernels import runtime
from nbdl.compiler.guards import guards_of
from nbdl.compiler.ir import Value
from nbdl.compiler.lower import Lowering
from nbdl.compiler.lower.views import Buffer, View, dense_strides
from nbdl.compiler.optimize import optimize
from nbdl.compiler.plan import Plan
from nbdl.compiler.program import Program, State
from nbdl.core.tree import map_leaves
from nbdl.shapes import Spec

_OWN = 4
"""References to a state's array that are ours: its holder's, its buffer's, a variable's and that
of ``getrefcount``."""


class Stale(Exception):
    """What was traced is no longer so: trace again."""


class Refused(Exception):
    """The arguments' values are none that compiled code looks at: only eager code does it right."""


Accept = Callable[[Any, dict[str, float]], None]
"""Raises when results, or the gradients' sums of squares, must not be learned from."""


class Executable:
    """One program for one signature of arguments.

    Attributes:
        program: what it computes.
        plan: how.
        places: where each value of the graph lies.
        dumps: the graph as text before and after each pass.
    """

    def __init__(self, program: Program, memory_budget: int | None = None) -> None:
        self.program = program
        self.guards = guards_of(program.graph, program.arguments)
        self.dumps = optimize(program, memory_budget)
        self.views: dict[Value, View] = {}
        for x in program.graph.inputs:
            self.views[x] = _ground(x.spec, "input")
        for state in program.states:
            self.views[state.input] = _state(state)
        new = [(s.output, self.views[s.input]) for s in program.states if s.output is not None]
        read: list[Value] = list(program.checked.values())
        map_leaves(Value, read.append, program.results)
        low = Lowering(program.graph, self.views, new, read)
        steps = low.run()
        self.places = low.views
        kept = [low.views[y].buffer for y in read]
        self.plan = Plan(steps, kept, runtime.thread_count())
        self._arguments = [self._array(x) for x in program.arguments]
        self._keys = [self._array(x) for _, x in program.draws]
        self._numbers = [
            [[self._array(x) for x in same] for same in zip(*rule.inputs, strict=True)]
            for rule in program.rules
        ]
        self._results = map_leaves(
            Value, lambda y: self.plan.array(low.views[y]), program.results
        )
        self._checked = {
            name: self.plan.array(low.views[y]) for name, y in program.checked.items()
        }
        self._states = [(s, self.views[s.input].buffer) for s in program.states]
        self._changing = [(s, b) for s, b in self._states if s.output is not None]
        self._watched: list[tuple[Any, Any]] | None = None

    def _array(self, x: Value) -> np.ndarray:
        return self.plan.array(self.views[x])

    # ----- a run ------------------------------------------------------------------------------

    def __call__(self, arguments: list[np.ndarray], accept: Accept | None = None) -> Any:
        """Run on these arrays; the results as arrays that live until the next run.

        ``accept`` is called before any state changes; what it raises leaves all as it was. Raises
        Stale or Refused before anything is done, and Stopped if the plan is stopped before then.
        """
        rules, draws = self.enter(arguments)
        try:
            self.plan.run(0)
            if accept is not None:
                accept(self._results, self.squares())
        except BaseException:
            for generator, draw in draws:
                generator.draw = draw
            raise
        for state, buffer in self._changing:
            self._own(state, buffer)
        self.plan.run(1)
        for rule, counts in rules:
            rule.advance(counts)
        return self._results

    def enter(self, arguments: list[np.ndarray]) -> tuple[list[Any], list[tuple[Any, int]]]:
        """Put everything into place for a run: the optimizers' next counts, and where the random
        generators were before."""
        self._check_watched()
        if not all(guard(arguments) for guard in self.guards):
            raise Refused
        rules = self._rules()
        for state, buffer in self._states:
            self._settle(state, buffer)
        for target, array in zip(self._arguments, arguments, strict=True):
            np.copyto(target, array)
        return rules, self._draw()

    def squares(self) -> dict[str, float]:
        """The sum of squares of each parameter's gradient in the last run."""
        return {name: float(square) for name, square in self._checked.items()}

    def _check_watched(self) -> None:
        if self._watched is None:  # those that others hold, than the pair and t and the call
            self._watched = [
                (t, value) for t, value in self.program.watched if sys.getrefcount(t) > 3
            ]
            self.program.watched = self._watched
        for t, value in self._watched:
            if t.value is not value:
                raise Stale

    def _rules(self) -> list[tuple[Any, dict[str, Any]]]:
        """Put the step's numbers into place; the counts for afterwards."""
        found = []
        for rule, places in zip(self.program.rules, self._numbers, strict=True):
            now = rule.numbers()
            if now is None:
                raise Stale
            for number, arrays in zip(now[0], places, strict=True):
                for array in arrays:
                    array[...] = number
            found.append((rule, now[1]))
        return found

    def _draw(self) -> list[tuple[Any, int]]:
        """Put the keys of random draws into place; where the generators were before."""
        before = [(g, g.draw) for g in {id(g): g for g, _ in self.program.draws}.values()]
        for (generator, _), key in zip(self.program.draws, self._keys, strict=True):
            key[...] = generator.next()
        return before

    def _settle(self, state: State, buffer: Buffer) -> None:
        """Make sure that a state lies where the plan reads it."""
        array = state.get()
        if array is buffer.array:
            return
        if array is None or (array.shape, array.dtype) != tuple(state.input.spec):
            raise Stale
        if state.output is None:  # read in place, or, with gaps in it, copied before each run
            dense = array.flags.c_contiguous
            self.plan.move(buffer, array if dense else np.ascontiguousarray(array))
        else:
            self._copy(state, buffer, array)

    def _own(self, state: State, buffer: Buffer) -> None:
        """Make sure that a state which is about to change lies in memory that is the plan's alone:
        whoever holds the array of before keeps what it had."""
        array = state.get()
        if sys.getrefcount(array) > _OWN:
            self._copy(state, buffer, array)

    def _copy(self, state: State, buffer: Buffer, array: np.ndarray) -> None:
        fresh = _aligned(state.input.spec)
        np.copyto(fresh, array)
        state.put(fresh)
        self.plan.move(buffer, fresh)


def _aligned(spec: Spec) -> np.ndarray:
    """An empty array that begins at a cache line."""
    ground: Any = np.empty(spec.nbytes + 64, np.uint8)
    skip = -ground.ctypes.data % 64
    # No array of NumPy's, so that views of the result hold the result and not the ground.
    stretch: Any = (ctypes.c_uint8 * spec.nbytes).from_buffer(ground, skip)
    return np.ndarray(spec.shape, spec.dtype, stretch)


def _ground(spec: Spec, kind: str) -> View:
    buffer = Buffer(spec.nbytes, kind, _aligned(spec))
    return View(buffer, spec.shape, spec.dtype, dense_strides(spec.shape))


def _state(state: State) -> View:
    spec = state.input.spec
    return View(
        Buffer(spec.nbytes, "state", np.empty(spec.shape, spec.dtype)), spec.shape, spec.dtype,
        dense_strides(spec.shape),
    )  # fmt: skip

