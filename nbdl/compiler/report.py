"""What a plan does with its time: each call measured, beside what the machine could do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nbdl.compiler.limits import Limits, measured_limits, timed
from nbdl.compiler.lower.steps import BodyStep, LoopStep, PrimitiveStep, PythonStep, Step
from nbdl.compiler.lower.views import Buffer
from nbdl.compiler.memory import touched
from nbdl.compiler.trace import BACKWARD
from nbdl.errors import ArgumentError, did_you_mean
from nbdl.shapes import Spec

if TYPE_CHECKING:
    from nbdl.compiler.executable import Executable

ROUNDS, SECONDS = range(5, 26), 0.5
"""Runs of the whole plan that are timed: as many as fit into so many seconds, within bounds."""

PHASES = ("forward", "backward", "update")


@dataclass(frozen=True)
class Call:
    """One call of a plan.

    Attributes:
        title: the first operations that it computes; ``operations`` are all of them.
        scope: path of the layer, whose gradient it computes in the backward phase.
        kind: "oneDNN: …" and which implementation, "loop", "special loop", or "NumPy".
        phase: one of PHASES. What only the gradients of a step need counts as backward, also
            their clipping and checks.
        seconds: the shortest of several runs of the whole plan.
        flops, nbytes: what it computes, and reads and writes.
        limit: seconds that the machine's limits would allow.
        outputs: what it makes.
        sources: (call, output) of each earlier call whose output it reads, by their numbers.
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
    outputs: tuple[Spec, ...] = ()
    sources: tuple[tuple[int, int], ...] = ()

    @property
    def fraction(self) -> float:
        """How much of the limit it reaches, 0 to about 1."""
        return self.limit / self.seconds if self.seconds else 0.0

    @property
    def family(self) -> str:
        """The kind without the implementation: "oneDNN", "loop", "special loop", "NumPy"."""
        return self.kind.partition(":")[0]


@dataclass(frozen=True)
class Block:
    """A buffer of the arena: where it lies, and during which calls."""

    offset: int
    nbytes: int
    first: int
    last: int
    title: str


@dataclass(frozen=True, repr=False)
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

    @property
    def without_reuse(self) -> int:
        """Bytes that all buffers would take if none had the place of another."""
        return sum(block.nbytes for block in self.blocks)

    @property
    def passes(self) -> tuple[tuple[str, int], ...]:
        """(pass, operations in the graph after it), in their order; "traced" is the first."""
        return tuple((name, _operations(text)) for name, text in self.graphs)

    def graph(self, after: str = "") -> str:
        """The graph as text after a pass: "traced", "decompose", "simplify", …, or at the end.

        Raises ArgumentError for a pass that there is not.
        """
        found = [text for name, text in self.graphs if after in (name, "")]
        if not found:
            names = list(dict.fromkeys(name for name, _ in self.graphs))
            raise ArgumentError(
                f"no pass {after!r} changed this graph{did_you_mean(after, names)}",
                hint=f"the passes that did: {', '.join(names)}",
            )
        return found[-1]

    def __repr__(self) -> str:
        return "\n".join(_lines(self))


def report(executable: Executable) -> Report:
    """Measure each call of a compiled program. Its state is as before afterwards."""
    plan, limits = executable.plan, measured_limits()
    kept = [(b, b.array.copy()) for b in _states(executable) if b.array is not None]
    try:
        seconds = _measured([plan.alone(step) for step in plan.steps])
    finally:
        for buffer, array in kept:
            assert buffer.array is not None
            np.copyto(buffer.array, array)
    found = zip(plan.steps, _phases(plan.steps), seconds, _flow(plan.steps), strict=True)
    calls = tuple(_call(*given, limits) for given in found)
    memory = plan.memory
    blocks = tuple(
        Block(memory.offsets[b], b.nbytes, life.first, life.last, plan.steps[life.first].title)
        for b, life in memory.lives.items()
    )
    graphs = tuple((name, str(graph)) for name, graph in executable.dumps if str(graph))
    return Report(calls, blocks, memory.nbytes, limits, graphs, plan.threads)


def _states(executable: Executable) -> list[Buffer]:
    return [executable.views[s.input].buffer for s in executable.program.states]


def _measured(runs: Sequence[Callable[[], None]]) -> list[float]:
    """The shortest time of each call, with the caches as the calls before it leave them."""
    best, spent, rounds = [float("inf")] * len(runs), 0.0, 0
    while rounds < ROUNDS.start or (rounds < ROUNDS.stop and spent < SECONDS):
        times = [timed(run) for run in runs]
        best = [min(pair) for pair in zip(best, times, strict=True)]
        spent, rounds = spent + sum(times), rounds + 1
    return best


def _phases(steps: Sequence[Step]) -> list[str]:
    """The phase of each step: all that comes after a gradient's first is backward, too."""
    found: list[str] = []
    for step in steps:
        begun = bool(found) and found[-1] == "backward"
        if step.phase:
            found.append("update")
        else:
            found.append(PHASES[begun or step.nodes[0].scope.endswith(BACKWARD)])
    return found


Flow = tuple[tuple[Spec, ...], tuple[tuple[int, int], ...]]


def _flow(steps: Sequence[Step]) -> list[Flow]:
    """For each step what it makes, and which outputs of which steps it reads."""
    made: dict[Buffer, tuple[int, int]] = {}
    found: list[Flow] = []
    for i, step in enumerate(steps):
        writes = list(dict.fromkeys(view.buffer for view in step.writes))
        specs = [next(v.spec for v in step.writes if v.buffer is b) for b in writes]
        for buffer in touched(step):
            # A copy in a layout of oneDNN's own is made by the first step that has to do with it.
            new = buffer not in made and buffer not in writes and buffer is not step.scratch
            if buffer.kind == "arena" and new:
                writes.append(buffer)
                specs.append(Spec((buffer.nbytes,), np.dtype("uint8")))
        reads = [made[buffer] for buffer in touched(step) if buffer in made]
        found.append((tuple(specs), tuple(sorted(set(reads)))))
        made |= {buffer: (i, output) for output, buffer in enumerate(writes)}
    return found


def _call(step: Step, phase: str, seconds: float, flow: Flow, limits: Limits) -> Call:
    limit = limits.seconds(step.flops, step.traffic)
    return Call(
        step.title, tuple(node.op.name for node in step.nodes),
        step.scope.removesuffix(BACKWARD).rstrip(), _kind(step), phase, seconds, step.flops,
        step.traffic, limit, *flow,
    )  # fmt: skip


def _kind(step: Step) -> str:
    if isinstance(step, PrimitiveStep):
        return f"oneDNN: {step.primitive.implementation}"
    names = {LoopStep: "loop", BodyStep: "special loop", PythonStep: "NumPy"}
    return names[type(step)]


# ----- as text --------------------------------------------------------------------------------


def _lines(report: Report) -> list[str]:
    limits = report.limits
    lines = [
        f"{len(report.calls)} calls, {1e3 * report.seconds:.3f} ms; the machine's limits allow "
        f"{1e3 * report.roofline:.3f} ms ({limits.flops / 1e9:.0f} GFLOP/s, "
        f"{limits.bandwidth / 1e9:.0f} GB/s, {report.threads} thread"
        f"{'s' * (report.threads != 1)})",
        f"arena {report.arena / 1e6:.2f} MB for {len(report.blocks)} buffers of "
        f"{report.without_reuse / 1e6:.2f} MB",
        "operations: " + ", ".join(f"{name} {count}" for name, count in report.passes),
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


def _operations(graph: str) -> int:
    """How many operations a graph's text has: each stands in a line that names its results."""
    return sum(line.startswith("%") for line in graph.splitlines())
