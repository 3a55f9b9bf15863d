"""Samples of what goes on in the layers, taken so rarely that they cost next to nothing.

Norms of gradients, weights and updates; means, spreads and zeros of activations; and now and
then a histogram of each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.rows import elements
from nbdl.training.statistics.activations import Watch
from nbdl.training.statistics.cadence import Cadence
from nbdl.training.statistics.histograms import even_sample, histograms, is_moment
from nbdl.training.statistics.history import History

SHARE = 0.003
"""The most of the training's time that samples of norms may take; as much goes to activations."""

DENSE = 1000
"""Steps until samples thin out: step s is never sampled more often than every s/DENSE steps."""

NORMS_REACH, LOOKS_REACH = 2, 4
"""A sample is due at the latest when there are so many times as many steps as at the last one."""

Looking = Callable[[Any, bool], AbstractContextManager[None]]
"""A step's eager pass on a batch, forward or also backward, in front of a ``with`` block that
leaves everything as it was."""


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
        history: where samples go.
        models: whose layers' outputs are looked at.
        every: sample every so many steps; None finds the numbers that keep to SHARE.
    """

    def __init__(
        self, named: list[tuple[str, Any]], history: History, models: list[Any],
        every: int | None = None,
    ) -> None:  # fmt: skip
        self.named = named
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.history = history
        self.watch = Watch(models)
        self.norms = Cadence(SHARE, DENSE, NORMS_REACH, every)
        self.looks = Cadence(SHARE, DENSE, LOOKS_REACH, every)
        self._before: list[Any] | None = None
        self._watched = self._replayed = False
        self._step_time = 0.0

    @contextmanager
    def sampled(self, step: int) -> Iterator[None]:
        """Around step number ``step``, before ``end``."""
        self._before, self._watched = None, False
        if self.parameters and self.norms.is_due(step):
            self._before = [p.value for p in self.parameters]
        if not self.looks.is_due(step):
            yield
            return
        self._watched = True
        with self.watch.watching():
            yield

    def end(
        self, step: int, seconds: float, known: dict[str, float] | None = None,
        batch: Any = None, looking: Looking | None = None, elements_of: list[Any] | None = None,
    ) -> None:  # fmt: skip
        """After the step, which took ``seconds``.

        Args:
            known: the norms of gradients by name, if they are known; else the gradients must
                still be there.
            batch, looking: where the step was compiled, how its outputs can be seen.
            elements_of: some elements of each gradient where the norms are known, if they are too.
        """
        self._timed(seconds)
        if self._before is not None:
            start = time.perf_counter()
            if known is not None:
                gradients, found = [known.get(name, 0.0) for name in self.names], elements_of
            else:
                found = [None if p.grad is None else p.grad.value for p in self.parameters]
                gradients = [0.0 if g is None else norm(g) for g in found]
            self._record(step, gradients, start, found)
        if self._watched:
            self._look(step, batch, looking)

    def _timed(self, seconds: float) -> None:
        """A step took so long."""
        seconds -= self.watch.seconds if self._watched else 0.0
        self._step_time += 0.2 * (seconds - self._step_time) if self._step_time else seconds

    def _record(
        self, step: int, gradients: list[float], start: float, found: list[Any] | None
    ) -> None:
        """Add a sample of norms; ``found`` are the gradients themselves, where they are known."""
        before, self._before = self._before or [], None
        weights = [norm(p.value) for p in self.parameters]
        updates = [
            0.0 if p.value is old else norm(p.value - old)
            for p, old in zip(self.parameters, before, strict=True)
        ]
        if self.is_moment:
            values = self._samples([p.value for p in self.parameters])
            self.history.histograms.append(step, "weight", *histograms(values))
            if found is not None:
                made = histograms(self._samples(found))
                self.history.histograms.append(step, "gradient", *made)
        self.history.gradients.append(self.names, step, gradients, weights, updates)
        self.norms.took(step, time.perf_counter() - start, self._step_time)

    def failed(self, step: int, batch: Any, looking: Looking) -> None:
        """Step ``step`` was not made, for its numbers are not finite: take down where.

        All is as before the step.
        """
        try:
            with self.watch.watching(), looking(batch, True):
                gradients = [0.0 if p.grad is None else norm(p.grad.value) for p in self.parameters]
                weights = [norm(p.value) for p in self.parameters]
                zeros = [0.0] * len(weights)
                self.history.gradients.append(self.names, step, gradients, weights, zeros)
        except Exception:  # it fails again, at the loss: what came before was seen
            pass
        self._take_down(step, histogram=True)

    def _look(self, step: int, batch: Any, looking: Looking | None) -> None:
        """Take down what the layers have put out; a compiled step shows it in another pass."""
        start = time.perf_counter() - self.watch.seconds
        moment = is_moment(len(self.history.activations))
        if not self.watch.looks and looking is not None:
            if not self._replayed:
                self.looks.forget_cost()
            self._replayed = True
            try:
                with self.watch.watching(), looking(batch, moment):
                    if moment:
                        found = [None if p.grad is None else p.grad.value for p in self.parameters]
                        made = histograms(self._samples(found))
                        self.history.histograms.append(step, "gradient", *made)
            except Exception:  # whatever a model does: a pass that only watches ends no training
                self.watch.looks = {}
        self._take_down(step, moment)
        self.looks.took(step, time.perf_counter() - start, self._step_time)

    def _take_down(self, step: int, histogram: bool) -> None:
        """Add the looks of a step; the first that has any says which layers there are."""
        looks, activations = self.watch.looks, self.history.activations
        if not looks:
            return
        layers = activations.layers or list(looks)
        found = [looks.get(name) for name in layers]
        nothing = (math.nan,) * 5
        numbers = [nothing if each is None else each.numbers for each in found]
        activations.append(layers, step, *zip(*numbers, strict=True))
        if histogram:
            samples = [np.empty(0, np.float32) if each is None else each.sample for each in found]
            self.history.histograms.append(step, "activation", *histograms(samples))
        self.watch.looks = {}

    @property
    def is_moment(self) -> bool:
        """Whether histograms are taken with the next sample of norms."""
        return is_moment(len(self.history.gradients))

    @property
    def samples_norms(self) -> bool:
        """Whether norms of the step under way are sampled."""
        return self._before is not None

    def _samples(self, values: list[Any]) -> list[np.ndarray]:
        return [np.empty(0) if v is None else even_sample(elements(v)) for v in values]

    def state_dict(self) -> dict[str, Any]:
        """When the next samples are due, by what the last ones have cost."""
        return {"norms": self.norms.state_dict(), "looks": self.looks.state_dict(),
                "replayed": self._replayed, "step_time": self._step_time}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        if "looks" not in state:  # of a version that did not look at activations
            state = {"norms": state, "looks": state, "replayed": False, **state}
        self.norms.load_state_dict(state["norms"])
        self.looks.load_state_dict(state["looks"])
        self._replayed, self._step_time = state["replayed"], state["step_time"]
