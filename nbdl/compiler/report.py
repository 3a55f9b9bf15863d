"""What a plan does with its time: each call measured, beside what the machine could do."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl.backends import onednn
from nbdl.compiler.lower.steps import BodyStep, LoopStep, PrimitiveStep, PythonStep, Step
from nbdl.compiler.lower.views import Buffer

if TYPE_CHECKING:
    from nbdl.compiler.executable import Executable

_REPEATS = 5


@dataclass(frozen=True)
class Limits:
    """What the machine reached when it was measured.

    Attributes:
        flops: floating-point operations a second, in a product of float32 matrices.
        bandwidth: bytes read and written a second, in a copy of a large array.
    """

    flops: float
    bandwidth: float


@dataclass(frozen=True)
class Call:
    """One call of a plan.

    Attributes:
        title: the first operations that it computes; ``operations`` are all of them.
        scope: path of the layer.
        kind: "loop", "oneDNN: …", "random", or "NumPy".
        phase: "compute" or "update".
        seconds: the shortest of several runs.
        flops, nbytes: what it computes, and reads and writes.
        limit: seconds that the machine's limits would allow.
    """

    title: str
    operations: tuple[str, ...]
    scope: str
    kind: str
    phase: str
    seconds: float
    flops: int
    nbytes: int
    limit: float

    @property
    def fraction(self) -> float:
        """How much of the limit it reaches, 0 to about 1."""
        return self.limit / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Block:
    """A buffer of the arena: where it lies, and during which calls."""

    offset: int
    nbytes: int
    first: int
    last: int
    title: str


@dataclass(frozen=True)
class Report:
    """A compiled program in numbers.

    Attributes:
        calls: in the order in which they run.
        blocks: the arena's map.
        arena: its bytes.
        limits: of the machine.
        graphs: (pass, the graph's text after it), the traced graph first.
        threads: that share a loop.
    """

    calls: tuple[Call, ...]
    blocks: tuple[Block, ...]
    arena: int
    limits: Limits
    graphs: tuple[tuple[str, str], ...]
    threads: int

    @property
    def seconds(self) -> float:
        """The sum of all calls."""
        return sum(call.seconds for call in self.calls)

    @property
    def roofline(self) -> float:
        """Seconds that the limits allow: of arithmetic or memory, whichever takes longer."""
        return sum(call.limit for call in self.calls)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def report(executable: Executable) -> Report:
    """Measure each call of a compiled program. Its state is as before afterwards."""
    plan, limits = executable.plan, measured_limits()
    kept = [(b, b.array.copy()) for b in _states(executable) if b.array is not None]
    try:
        calls = tuple(_call(plan, step, limits) for step in plan.steps)
    finally:
        for buffer, array in kept:
            assert buffer.array is not None
            np.copyto(buffer.array, array)
    memory = plan.memory
    blocks = tuple(
        Block(memory.offsets[b], b.nbytes, life.first, life.last, _maker(plan.steps, life.first))
        for b, life in memory.lives.items()
    )
    return Report(calls, blocks, memory.nbytes, limits, tuple(executable.dumps), plan.threads)


def _states(executable: Executable) -> list[Buffer]:
    return [executable.views[s.input].buffer for s in executable.program.states]


def _maker(steps: Sequence[Step], number: int) -> str:
    return steps[number].title if number < len(steps) else ""


def _call(plan: Any, step: Step, limits: Limits) -> Call:
    run = plan.alone(step)
    seconds = min(_timed(run) for _ in range(_REPEATS))
    limit = max(step.flops / limits.flops, step.traffic / limits.bandwidth)
    return Call(
        step.title, tuple(node.op.name for node in step.nodes), step.scope, _kind(step),
        "update" if step.phase else "compute", seconds, step.flops, step.traffic, limit,
    )  # fmt: skip


def _kind(step: Step) -> str:
    if isinstance(step, PrimitiveStep):
        return f"oneDNN: {step.primitive.implementation}"
    names = {LoopStep: "loop", BodyStep: "special loop", PythonStep: "NumPy"}
    return names[type(step)]


def _timed(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


@functools.cache
def measured_limits() -> Limits:
    """Measure the machine, once: a product of 1024 × 1024 matrices, a copy of 64 MB."""
    a = np.ones((1024, 1024), np.float32)
    out = np.empty_like(a)
    product = min(_timed(_product(a, out)) for _ in range(5))
    source = np.ones(1 << 24, np.float32)
    target = np.empty_like(source)
    copy = min(_timed(lambda: np.copyto(target, source)) for _ in range(5))
    return Limits(2 * 1024**3 / product, 2 * source.nbytes / copy)


def _product(a: np.ndarray, out: np.ndarray) -> Callable[[], Any]:
    """The fastest product there is: oneDNN's, or NumPy's."""
    if not onednn.available():
        return lambda: np.matmul(a, a, out=out)
    layout = onednn.Layout.dense(a.shape)
    made = onednn.matmul(layout, layout, layout)
    scratch = np.empty(made.scratchpad_bytes or 1, np.uint8)
    addresses = {"src": a, "weights": a, "dst": out, "scratchpad": scratch}
    return made.bind({role: addresses[role].ctypes.data for role in made.roles})


# ----- as text --------------------------------------------------------------------------------


def _lines(report: Report) -> list[str]:
    limits = report.limits
    lines = [
        f"{len(report.calls)} calls, {1e3 * report.seconds:.3f} ms; the machine's limits allow "
        f"{1e3 * report.roofline:.3f} ms ({limits.flops / 1e9:.0f} GFLOP/s, "
        f"{limits.bandwidth / 1e9:.0f} GB/s, {report.threads} thread"
        f"{'s' * (report.threads != 1)})",
        f"arena {report.arena / 1e6:.2f} MB for {len(report.blocks)} buffers of "
        f"{sum(b.nbytes for b in report.blocks) / 1e6:.2f} MB",
        "",
        f"{'ms':>9} {'of limit':>8} {'GFLOP/s':>8} {'GB/s':>7}  what",
    ]
    for call in sorted(report.calls, key=lambda c: -c.seconds):
        per = call.seconds or 1e-9
        where = f"   {call.scope}" if call.scope else ""
        lines.append(
            f"{1e3 * call.seconds:9.4f} {call.fraction:8.0%} {call.flops / per / 1e9:8.1f} "
            f"{call.nbytes / per / 1e9:7.1f}  {call.title} [{call.kind}]{where}"
        )
    return lines
