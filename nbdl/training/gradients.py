"""Samples of gradient, weight and update norms, taken so rarely that they cost next to nothing."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.rows import elements
from nbdl.training.history import Gradients

SHARE = 0.005
"""The most of the training's time that sampling may take."""

DENSE = 1000
"""Steps until samples thin out: step s is never sampled more often than every s/DENSE steps."""


def norm(array: Any) -> float:
    """The Euclidean norm of an array, in float32 at least."""
    flat = elements(array).reshape(-1)
    if flat.dtype in dtypes.HALVES:
        flat = flat.astype(np.float32)
    square = float(flat.dot(flat))
    if math.isinf(square):  # too large to be squared, or infinite: scale first
        peak = float(abs(flat).max())
        if math.isfinite(peak):
            flat = flat / peak
            return peak * math.sqrt(float(flat.dot(flat)))
    return math.sqrt(square)


class Sampler:
    """Decides which steps are sampled and takes the samples.

    Tensors hold immutable values, so the weights before a step are kept by keeping the array.

    Args:
        named: (path, parameter) of those that are trained.
        into: where samples go.
        every: sample every so many steps; None finds the number that keeps to SHARE.
    """

    def __init__(
        self, named: list[tuple[str, Any]], into: Gradients, every: int | None = None
    ) -> None:
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.into = into
        self.every = every
        self._next = 0
        self._before: list[Any] | None = None
        self._step_time = 0.0
        self._cost = 0.0

    def begin(self, step: int) -> None:
        """Before step number ``step`` changes anything."""
        if step < self._next or not self.parameters:
            return
        self._before = [p.value for p in self.parameters]

    def end(self, step: int, seconds: float, known: dict[str, float] | None = None) -> None:
        """After the step, which took ``seconds``.

        ``known`` are the norms by name, if they are; else the gradients must still be there.
        """
        self.timed(seconds)
        if self._before is None:
            return
        start = time.perf_counter()
        before, self._before = self._before, None
        if known is not None:
            gradients = [known.get(name, 0.0) for name in self.names]
        else:
            gradients = [0.0 if p.grad is None else norm(p.grad.value) for p in self.parameters]
        self.record(step, gradients, before, start)

    def timed(self, seconds: float) -> None:
        """A step took so long."""
        self._step_time += 0.2 * (seconds - self._step_time) if self._step_time else seconds

    def record(self, step: int, gradients: list[float], before: list[Any], start: float) -> None:
        """Add a sample whose gradient norms are known."""
        weights = [norm(p.value) for p in self.parameters]
        updates = [
            0.0 if p.value is old else norm(p.value - old)
            for p, old in zip(self.parameters, before, strict=True)
        ]
        self.into.append(self.names, step, gradients, weights, updates)
        cost = time.perf_counter() - start
        self._cost = cost if not self._cost else min(cost, 1.5 * self._cost)
        self._next = step + self._interval(step)

    def state_dict(self) -> dict[str, Any]:
        """When the next sample is due, by what the last ones have cost."""
        return {"next": self._next, "step_time": self._step_time, "cost": self._cost}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self._next, self._step_time = state["next"], state["step_time"]
        self._cost = state["cost"]

    @property
    def sampling(self) -> bool:
        """Whether the step under way is sampled."""
        return self._before is not None

    def take_before(self) -> list[Any]:
        """The weights before the step under way, for a caller who records by himself."""
        before, self._before = self._before or [], None
        return before

    def _interval(self, step: int) -> int:
        if self.every is not None:
            return self.every
        cheap = math.ceil(self._cost / (SHARE * max(self._step_time, 1e-6)))
        return max(1, min(cheap, 10_000), step // DENSE)
