"""Training with nbdl, eagerly or compiled."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contenders.training import Training
from benchmarks.models import Example


class WithNbdl(Training):
    """A step of nbdl's."""

    def __init__(self, example: Example, small: bool, compiled: bool) -> None:
        super().__init__(example, small)
        self.compiled = compiled

    def load(self) -> Any:
        import nbdl

        return nbdl

    def prepare(self) -> None:
        if self.compiled:
            self.plan = self._compile(self._whole_step)
            self.compiled_network = self._compile(self.network)

    def _compile(self, function: Callable[..., Any]) -> Any:
        """Compiled, traced at its first call."""
        from nbdl.compiler import CompiledStep

        network = self.network
        tensors = dict(network.named_parameters()) | dict(network.named_buffers())
        return CompiledStep(function, tensors, network.modules())

    def _whole_step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss(x, y)
        loss.backward()
        self.optimizer.step()
        return loss

    def compute(self) -> float:
        if not self.compiled:
            return super().compute()
        return float(self.plan([self.x.numpy(), self.y.numpy()]))

    def predict(self, x: Any) -> Any:
        if not self.compiled:
            return super().predict(x)
        with self.framework.no_grad():
            return self.compiled_network([x.numpy()])

    def memory(self) -> int:
        """What arrays hold at the worst moment; built anew, so that all of them are counted.

        Python's own objects are left out, as PyTorch's profiler does.
        """
        self.network = self.optimizer = self.plan = self.compiled_network = None
        tracemalloc.start()
        try:
            self.build()
            self.step()
            self.step()
            tracemalloc.reset_peak()
            self.step()
            now, peak = tracemalloc.get_traced_memory()
            arrays = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
            found = tracemalloc.take_snapshot().filter_traces([arrays])
            return peak - now + sum(trace.size for trace in found.traces)
        finally:
            tracemalloc.stop()

    def roofline(self) -> float | None:
        if not self.compiled:
            return None
        from nbdl.compiler import report

        executable, _ = self.plan.executable([self.x.numpy(), self.y.numpy()])
        return report(executable).roofline

    def operations(self, steps: int = 3) -> list[tuple[str, float]]:
        """Seconds of an eager step by operation, the longest first.

        An operation's time is what passed since the one before ended, so the Python code between
        them is in it.
        """
        clock = _ByOperation()
        for _ in range(steps):
            self.optimizer.zero_grad()
            with clock.watching(self.framework):
                self.loss(self.x, self.y).backward()
            clock.timed("(the optimizer's update)", self.optimizer.step)
        return [(name, spent / steps) for name, spent in clock.spent.most_common()]

    def answers(self) -> dict[str, Callable[..., Any]]:
        return {**super().answers(), "operations": self.operations}


class _ByOperation:
    """Adds up seconds by operation, forward and backward apart."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.before = 0.0

    def watching(self, nbdl: Any) -> Any:
        from nbdl.core import modes

        self.before = time.perf_counter()
        return modes.observe(self._saw)

    def _saw(self, op: Any, inputs: Any, outputs: Any, node: Any) -> None:
        from nbdl.core import modes

        now = time.perf_counter()
        walking = modes.state().walking
        of = f", backward of {walking.op.title}" if walking is not None else ""
        self.spent[f"{op.title}{of}"] += now - self.before
        self.before = now

    def timed(self, name: str, function: Callable[[], object]) -> None:
        before = time.perf_counter()
        function()
        self.spent[name] += time.perf_counter() - before
