"""How long each operation of a forward pass takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from nbdl.backends import cuda
from nbdl.core import modes
from nbdl.core.op import Op
from nbdl.inspection.recording import Recorder

ROUNDS, SECONDS = 5, 0.5
"""The pass is run again so many times, or until so many seconds have gone by."""


class Stopwatch:
    """An observer of ``core.modes`` that notes the time from each operation to the next.

    What a layer does in Python before its operation belongs to the operation.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.seconds: list[float] = []
        self._last = perf_counter()

    def __call__(self, op: Op, inputs: Any, outputs: Any, node: Any) -> None:
        cuda.synchronize()
        self.seconds.append(perf_counter() - self._last)
        self.names.append(op.name)
        self._last = perf_counter()


def time_steps(recorder: Recorder, forward: Callable[[], Any]) -> None:
    """Run a pass that was recorded again, and give its steps the shortest time of each.

    Steps keep no time if the pass runs other operations now (chance, or a counter in it).

    Args:
        recorder: after the pass.
        forward: runs the same pass; without gradients, which are not timed.
    """
    steps = [step for step in recorder.steps if step.op is not None]
    names = [step.op.name for step in steps if step.op is not None]
    end = perf_counter() + SECONDS
    for _ in range(ROUNDS):
        watch = Stopwatch()
        with modes.no_grad(), modes.observe(watch):
            forward()
        if watch.names != names:
            return
        for step, seconds in zip(steps, watch.seconds, strict=True):
            step.seconds = min(step.seconds or seconds, seconds)
        if perf_counter() > end:
            return
