"""The plan: steps bound to addresses, run as walks over tables of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nbdl.backends.kernels import runtime
from nbdl.backends.kernels.compile import compile_kernels
from nbdl.compiler.lower.kernels import Loop, divided
from nbdl.compiler.lower.steps import BodyStep, LoopStep, PrimitiveStep, PythonStep, Step
from nbdl.compiler.lower.views import Buffer, View
from nbdl.compiler.memory import ALIGNMENT, plan_memory
from nbdl.errors import BackendError

PARALLEL_BYTES = 48_000
"""Traffic of a loop from which it is worth waking the other threads."""


class Stopped(Exception):
    """Somebody stopped the plan, before it had changed anything."""


Segment = Callable[[], None]


class Plan:
    """Steps in memory, ready to run.

    Args:
        steps: the calls in order.
        kept: buffers whose contents are read after the run.
        threads: how many share a loop.

    Attributes:
        arena: the planned memory, bytes.
        memory: where each buffer of the arena lies, and when it is needed.
    """

    def __init__(self, steps: list[Step], kept: Iterable[Buffer], threads: int) -> None:
        self.steps, self.threads = steps, threads
        self.memory = plan_memory(steps, kept)
        ground = np.empty(self.memory.nbytes + ALIGNMENT, np.uint8)
        skip = -ground.ctypes.data % ALIGNMENT
        self.arena = ground[skip : skip + self.memory.nbytes]
        self._uses: dict[Buffer, list[Callable[[int], None]]] = {}
        self._alive: list[Any] = []
        self._single: dict[Step, Segment] = {}
        self._stop = np.zeros(1, np.int64)
        self._bind()

    # ----- addresses --------------------------------------------------------------------------

    def bytes_of(self, buffer: Buffer) -> np.ndarray:
        """The memory of a buffer."""
        if buffer.kind == "arena":
            offset = self.memory.offsets.get(buffer, 0)
            return self.arena[offset : offset + buffer.nbytes]
        assert buffer.array is not None
        return buffer.array.reshape(-1).view(np.uint8)

    def address(self, place: Buffer | View) -> int:
        """Where a buffer or a view begins."""
        if isinstance(place, View):
            return self.address(place.buffer) + place.offset * place.dtype.itemsize
        if place.kind == "arena":
            return int(self.arena.ctypes.data) + self.memory.offsets[place]
        assert place.array is not None
        return int(place.array.ctypes.data)

    def array(self, view: View) -> np.ndarray:
        """The elements of a view, in place."""
        return view.array(self.bytes_of(view.buffer))

    def move(self, buffer: Buffer, array: np.ndarray) -> None:
        """A state buffer lies in another array from now on."""
        buffer.array = array
        for change in self.changes(buffer):
            change(int(array.ctypes.data))

    def changes(self, buffer: Buffer) -> list[Callable[[int], None]]:
        """What tells the calls another address of a buffer that lies outside of the arena."""
        return self._uses.get(buffer, [])

    def _note(self, place: Buffer | View, change: Callable[[int], None]) -> None:
        """Remember how to tell a call that the buffer has moved."""
        buffer = place.buffer if isinstance(place, View) else place
        if buffer.kind not in ("arena", "constant"):
            offset = place.offset * place.dtype.itemsize if isinstance(place, View) else 0
            moved = (lambda base: change(base + offset)) if offset else change
            self._uses.setdefault(buffer, []).append(moved)

    # ----- binding ----------------------------------------------------------------------------

    def _bind(self) -> None:
        parts = [
            (step, loop) for step in self.steps if isinstance(step, LoopStep)
            for loop in (divided(step.loop) if self.threads > 1 else [step.loop])
        ]  # fmt: skip
        compiled = compile_kernels([loop.kernel for _, loop in parts])
        self._loops: dict[Step, list[tuple[Loop, int]]] = {}
        for (whole, loop), body in zip(parts, compiled, strict=True):
            self._loops.setdefault(whole, []).append((loop, body.address))
        self.segments: dict[int, list[Segment]] = {0: [], 1: []}
        for phase in self.segments:
            run: list[runtime.Entry] = []
            for step in self.steps:
                if step.phase != phase:
                    continue
                if isinstance(step, PythonStep):
                    self._close(run, phase)
                    self.segments[phase].append(self._python(step))
                else:
                    run.append(self._entry(step))
            self._close(run, phase)

    def _close(self, run: list[runtime.Entry], phase: int) -> None:
        if run:
            stop = None if phase else self._stop  # what changes state is done whole
            self.segments[phase].append(_checked(runtime.Walk(run, (), stop)))
            run.clear()

    def _entry(self, step: Step) -> runtime.Entry:
        if isinstance(step, LoopStep):
            entries = [self._loop(step, *part) for part in self._loops[step]]
            return entries[0] if len(entries) == 1 else self._nested(entries)
        if isinstance(step, PrimitiveStep):
            return self._primitive(step)
        assert isinstance(step, BodyStep)
        return self._body(step)

    def _nested(self, entries: list[runtime.Entry]) -> runtime.Entry:
        """Several calls as one."""
        table = np.array(entries, np.int64)
        self._alive.append(table)
        never = runtime.NEVER.ctypes.data
        return runtime.walk_address(), int(table.ctypes.data), len(entries), int(never), 0

    def _loop(self, step: LoopStep, loop: Loop, body: int) -> runtime.Entry:
        operands = []
        for array, operand in zip(loop.kernel.arrays, loop.operands, strict=True):
            strides = [s for s, a in zip(operand.strides, array.axes, strict=True) if a == "s"]
            operands.append([self.address(operand.view), *strides])
        args = runtime.bind(loop.kernel, loop.sizes, operands, loop.lengths)
        place = loop.kernel.axes
        for operand, words in zip(loop.operands, operands, strict=True):
            self._note(operand.view, _setter(args, place))
            place += len(words)
        return self._batch(step, body, args, runtime.blocks(loop.kernel, loop.sizes))

    def _body(self, step: BodyStep) -> runtime.Entry:
        words = [self.address(v) if isinstance(v, View) else v for v in step.values]
        args = np.array(words, np.int64)
        for place, v in enumerate(step.values):
            if isinstance(v, View):
                self._note(v, _setter(args, place))
        return self._batch(step, step.body, args, step.blocks)

    def _batch(self, step: Step, body: int, args: np.ndarray, blocks: int) -> runtime.Entry:
        """One call, or one for each thread where there is enough to do."""
        self._alive.append(args)
        small = step.traffic + step.flops < PARALLEL_BYTES
        if small or self.threads == 1 or blocks == 1:
            return body, int(args.ctypes.data), 0, blocks, 0
        batch = runtime.tasks_for(body, args, blocks, self.threads)
        self._alive.append(batch)
        return runtime.parallel_address(), int(batch.ctypes.data), 0, 0, 0

    def _primitive(self, step: PrimitiveStep) -> runtime.Entry:
        call = step.primitive.bind({r: self.address(x) for r, x in step.roles.items()})
        self._alive.append(call)
        for role, x in step.roles.items():
            self._note(x, lambda address, role=role: call.move({role: address}))  # type: ignore[misc]
        return call.function, *call.arguments

    def _python(self, step: PythonStep) -> Segment:
        def call() -> None:
            step.function([self.array(v) for v in step.reads], [self.array(v) for v in step.writes])

        return call

    def alone(self, step: Step) -> Segment:
        """A call of one step, to be measured: the same whenever it is asked for."""
        found = self._single.get(step)
        if found is None:
            if isinstance(step, PythonStep):
                found = self._python(step)
            else:
                found = _checked(runtime.Walk([self._entry(step)]))
            self._single[step] = found
        return found

    # ----- running ----------------------------------------------------------------------------

    def stop(self) -> None:
        """Let the run of the first phase that is under way end before its next call."""
        self._stop[0] = 1

    def run(self, phase: int) -> None:
        """Run the steps of a phase. The first raises Stopped if ``stop`` is called meanwhile."""
        if phase == 0:
            self._stop[0] = 0
        for segment in self.segments[phase]:
            segment()


def _setter(args: np.ndarray, place: int) -> Callable[[int], None]:
    def change(address: int) -> None:
        args[place] = address

    return change


def _checked(walk: runtime.Walk) -> Segment:
    def call() -> None:
        failed = walk()
        if failed == -1:
            raise Stopped
        if failed:
            raise BackendError(f"call {failed} of a compiled plan failed")

    return call
