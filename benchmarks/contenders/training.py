"""A training that answers questions: how long, how much memory, which losses."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.harness import timed
from benchmarks.models import Example, weights

Measured = tuple[float, float, int]
"""Median and minimum in seconds, and of how many."""


class Training:
    """One example, trained in one framework; what holds for both frameworks."""

    def __init__(self, example: Example, small: bool) -> None:
        self.example = example
        self.small = small
        self.losses: list[float] = []

    def load(self) -> Any:
        """Import the framework and get its module."""
        raise NotImplementedError

    def prepare(self) -> None:
        """What a way does to the network before its first step."""

    def compute(self) -> float:
        """One step of training, and its loss."""
        self.optimizer.zero_grad()
        loss = self.loss(self.x, self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def loss(self, x: Any, y: Any) -> Any:
        """The loss as a tensor."""
        return self.example.loss(self.framework.nn.functional, self.network(x), y)

    def predict(self, x: Any) -> Any:
        """The network's output, without gradients; the network is in evaluation mode."""
        with self.framework.no_grad():
            return self.network(x)

    def place(self, x: Any) -> Any:
        """An array as a tensor of inputs."""
        return self.framework.asarray(x)

    # ----- what is asked --------------------------------------------------------------------

    def start(self) -> float:
        """Seconds the import takes; NumPy is there already, for both frameworks alike."""
        before = time.perf_counter()
        self.framework = self.load()
        return time.perf_counter() - before

    def first(self) -> float:
        """Seconds of the first step, whatever is compiled for it included."""
        self.build()
        before = time.perf_counter()
        self.step()
        return time.perf_counter() - before

    def build(self) -> None:
        """Network, optimizer and batch, all with the same numbers in both frameworks."""
        framework, example = self.framework, self.example
        self.network = example.network(framework, self.small)
        shapes = {path: tuple(p.shape) for path, p in self.network.named_parameters()}
        start = {path: framework.asarray(value) for path, value in weights(shapes).items()}
        self.network.load_state_dict({**self.network.state_dict(), **start})
        self.optimizer = example.optimizer(framework.optim, self.network.parameters())
        x, y = example.sample(small=self.small)
        self.x, self.y = self.place(x), framework.asarray(y)
        self.losses.clear()
        self.prepare()

    def step(self) -> None:
        """One step; the loss is kept."""
        self.losses.append(self.compute())

    def first_losses(self, count: int) -> list[float]:
        """The losses of the first ``count`` steps."""
        while len(self.losses) < count:
            self.step()
        return self.losses[:count]

    def steps(self, count: int, least: float, most: float) -> Measured:
        """Time of a step: see ``harness.timed``."""
        return spread(timed(self.compute, count, least, most))

    def infer(self, size: int, count: int, least: float, most: float) -> Measured:
        """Time to predict a batch of ``size``."""
        x = self.place(self.example.sample(size, self.small)[0])
        self.network.eval()
        try:
            return spread(timed(lambda: self.predict(x), count, least, most))
        finally:
            self.network.train()

    def memory(self) -> int:
        """Bytes at the peak of a step: everything alive, parameters and optimizer included."""
        raise NotImplementedError

    def roofline(self) -> float | None:
        """Seconds a step takes at the machine's limits; None if it isn't known."""
        return None

    def answers(self) -> dict[str, Callable[..., Any]]:
        """By name, what ``harness.serve`` is given."""
        names = ("start", "first", "first_losses", "steps", "infer", "memory", "roofline")
        return {name: getattr(self, name) for name in names}


def spread(found: Sequence[float]) -> Measured:
    """What is told of these seconds."""
    return statistics.median(found), min(found), len(found)
