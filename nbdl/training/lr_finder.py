"""The learning-rate finder: one short training whose rate grows from step to step."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.core import random
from nbdl.data import DataLoader
from nbdl.errors import ArgumentError, TrainingError
from nbdl.training.active import run_of
from nbdl.training.extras import Extras
from nbdl.training.models import name_of, one_module
from nbdl.training.names import is_optimizer, positive
from nbdl.training.parts import supervised
from nbdl.training.run import Run
from nbdl.training.sources import Source, read_floats_as, training_source, whole

DIVERGED = 4.0
"""A smoothed loss of so many times the least one ends the sweep."""

MEMORY = 0.9
"""Of the exponential mean that smooths the losses."""

SETTLED = 5
"""So many first steps are not looked at for the steepest fall: the mean is hardly one yet."""


@dataclass(frozen=True, eq=False)
class LRFinder:
    """What a sweep of learning rates has shown.

    Attributes:
        name: of the model.
        lrs: the rate of each step: (n,) float64, growing by one factor.
        losses: the loss of each step, and ``smoothed``: their exponential mean, (n,) float64.
        end: the last rate that would have been tried.
        diverged: whether the loss grew so much that the sweep ended before it.
    """

    name: str
    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    end: float
    diverged: bool

    @property
    def minimum(self) -> float:
        """The rate at which the smoothed loss was least."""
        return float(self.lrs[self.smoothed.argmin()])

    @property
    def steepest(self) -> float | None:
        """The rate at which the smoothed loss fell fastest over the logarithm of the rate; None
        where it never fell."""
        last = int(self.smoothed.argmin()) + 1
        if last <= SETTLED + 1:
            return None
        slopes = np.gradient(self.smoothed[:last], np.log(self.lrs[:last]))
        place = SETTLED + int(slopes[SETTLED:].argmin())
        return float(self.lrs[place]) if slopes[place] < 0 else None

    @property
    def suggestion(self) -> float | None:
        """A rate to train with, in two digits: the smaller of ``steepest`` and ``minimum / 10``."""
        steepest = self.steepest
        return None if steepest is None else float(f"{min(steepest, self.minimum / 10):.1e}")

    def words(self) -> list[str]:
        """What was seen and what to do, in sentences."""
        said = f"{len(self.lrs)} steps, from {self.lrs[0]:.1e} to {self.lrs[-1]:.1e}"
        why = ", where the loss diverged" if self.diverged else ""
        lines = [f"{said}{why}."]
        if self.suggestion is None:
            return [*lines, "The loss never fell: begin at a smaller rate (start=), with more steps"
                    " (steps=), or look at the data."]  # fmt: skip
        lines.append(
            f"Train with lr={self.suggestion:g}: the loss fell fastest at {self.steepest:.1e}, and "
            f"a tenth of the rate of the least loss is {self.minimum / 10:.1e}."
        )
        if not self.diverged:
            lines.append(f"It has not diverged up to {self.end:g}: a larger end= shows more.")
        return lines

    def text(self) -> str:
        """All of it for a terminal: the sentences, and the smoothed loss at some rates."""
        some = np.unique(np.linspace(0, len(self.lrs) - 1, min(12, len(self.lrs))).astype(int))
        rows = [f"  {self.lrs[i]:10.2e}  {self.smoothed[i]:10.4g}" for i in some]
        head = f"  {'rate':>10}  {'loss':>10}"
        return "\n".join([f"Learning-rate finder of {self.name}", *self.words(), head, *rows])

    def __repr__(self) -> str:
        return self.text()


def lr_find(
    model: Any, data: Any, *, start: float = 1e-6, end: float = 10.0, steps: int = 100,
    loss: Any = "cross_entropy", optim: Any = "adamw", batch_size: int | None = None,
    accumulate: int = 1, clip_norm: float | None = None, freeze: Any = None,
    precision: str | None = None, mixup: float | None = None, cutmix: float | None = None,
    seed: int = 0,
    target: str | None = None, device: str | None = None,
) -> LRFinder:  # fmt: skip
    """Find a learning rate: train a copy of the model with a rate that grows from step to step.

    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017
    (arXiv 1506.01186). The model, an optimizer that is given, the loader's place and all random
    numbers stay exactly as they are.

    Args:
        model: a module.
        data: as for ``nbdl.train``, but no generator, which would be used up.
        start, end: the first and last rate; it grows by the same factor at each step.
        steps: how many; the data is gone through as often as that needs. The sweep ends earlier
            when the smoothed loss is 4 times its least, or NaN.
        loss, optim, batch_size, accumulate, clip_norm, freeze, precision, mixup, cutmix, seed,
            target, device: as for ``nbdl.train``.

    Returns:
        An LRFinder, which shows itself: ``suggestion``, ``steepest``, ``minimum``, the curve.

    Raises ArgumentError for rates and options out of range, TrainingError where the first step
    gives no finite loss, and what ``nbdl.train`` raises for data that does not fit.
    """
    start, end = positive("start", start), positive("end", end)
    steps = whole("steps", steps)
    if not start < end or steps < 2:
        raise ArgumentError(f"there is no sweep from {start:g} to {end:g} in {steps} steps",
                            hint="lr_find(model, data, start=1e-6, end=10, steps=100)")  # fmt: skip
    extras = Extras.read(accumulate=accumulate, freeze=freeze, precision=precision,
                         mixup=mixup, cutmix=cutmix)  # fmt: skip
    copied, optim = _copied(one_module(model, "lr_find"), optim)
    if device is not None:
        copied.to(device=device)
    run = Run(name_of([copied]), {}, copied, seed=seed)
    source = training_source(data, batch_size, seed, device, accumulate=extras.accumulate)
    if source.single_pass:
        raise ArgumentError("a generator of batches would be used up by the finder",
                            hint="a loader, a data set, or the function that makes it")  # fmt: skip
    common = {"run": run, "source": source, "modules": [copied]}
    step, _ = supervised(copied, loss, optim, None, (), None, clip_norm, target, device, extras,
                         common)  # fmt: skip
    read_floats_as(step.cast.dtype, source, data, run.note)
    rates = np.geomspace(start, end, steps)
    with ExitStack() as stack:
        stack.enter_context(random.use(run.generator))
        stack.enter_context(np.errstate(all="ignore"))
        stack.callback(_place_of(source))
        losses, smoothed = _sweep(step, source, rates)
    n = len(losses)
    return LRFinder(run.name, rates[:n], losses, smoothed, end, n < steps)


def _copied(model: Any, optim: Any) -> tuple[Any, Any]:
    """The model and an optimizer of it, if that is one, as copies that belong together."""
    run = run_of(model)
    with ExitStack() as stack:
        if run is not None:
            stack.enter_context(run.frozen())
        both = (model, optim if is_optimizer(optim) else None)
        copied, optimizer = copy.deepcopy(both)
    return copied, optim if optimizer is None else optimizer


def _place_of(source: Source) -> Any:
    """A function that puts a user's loader back to where it is now."""
    loader = source.batches
    if not isinstance(loader, DataLoader):
        return lambda: None
    place = loader.state_dict()
    return lambda: loader.load_state_dict(place)


def _sweep(step: Any, source: Source, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses and smoothed losses, until they diverge."""
    optimizer = step.optimizer
    getattr(optimizer, "train", lambda: None)()
    step.model.train()
    losses: list[float] = []
    smoothed: list[float] = []
    mean, best = 0.0, math.inf
    for rate, batch in zip(rates, _endless(source), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        try:
            loss = step(batch).values["loss"]
        except TrainingError:  # NaN, which at the first step has nothing to do with the rate
            if not losses:
                raise
            break
        mean = MEMORY * mean + (1 - MEMORY) * loss
        losses.append(loss)
        smoothed.append(mean / (1 - MEMORY ** len(losses)))
        best = min(best, smoothed[-1])
        if len(losses) > SETTLED and smoothed[-1] > DIVERGED * best and best > 0:
            break
    return np.array(losses), np.array(smoothed)


def _endless(source: Source) -> Iterator[Any]:
    return itertools.chain.from_iterable(source.epoch() for _ in itertools.count())
