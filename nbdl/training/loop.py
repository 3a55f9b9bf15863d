"""The loop over epochs and steps that every run goes through."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl import events
from nbdl.data import batch_length
from nbdl.errors import ArgumentError, DataError, NbdlError, TrainingError
from nbdl.training.aborting import Aborted
from nbdl.training.averages import Averages
from nbdl.training.callbacks import Callbacks
from nbdl.training.checkpointing.hand_written import Chance
from nbdl.training.checkpointing.state import LeftGradients, Part
from nbdl.training.measuring.metric import Metric
from nbdl.training.run import Run
from nbdl.training.sources import Source
from nbdl.training.statistics.attention import Frequencies, attention_to_inputs
from nbdl.training.statistics.gradients import Sampler
from nbdl.training.step import StepFunction, StepResult
from nbdl.training.stopping import StopRule


@dataclass
class Loop:
    """All that is done in the training thread.

    Attributes:
        run: whose training it is.
        source: the batches.
        step: what is done with one.
        modules: put in training mode for the steps, and back at the end.
        keep: tensors whose values are put back when a step fails half-way, which the step does
            not do by itself.
        metrics: computed on each batch's outputs; only those that are one number.
        validate: called after each epoch, in evaluation mode by itself; None for none.
        rules: when to end early.
        frequencies: sees whether more is learned than how often each class comes.
        sampler: takes samples of what goes on in the layers; None for none.
        averages: of the weights, which stand in for them in validation and at the end.
        sums: of the epoch under way: of each number the sum, and the weight of all together.
        done: epochs that are complete.
        validating: the steps of the epoch under way are done.
        is_whole: no step of one's own has failed half-way, which may have changed anything.
        over: the sentence that the run ends with, once a rule has given one.
    """

    run: Run
    source: Source
    step: StepFunction
    max_steps: int | None = None
    modules: list[Any] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    validate: Callable[[], dict[str, Any] | None] | None = None
    rules: list[StopRule] = field(default_factory=list)
    callbacks: Callbacks = field(default_factory=lambda: Callbacks(()))
    frequencies: Frequencies = field(default_factory=Frequencies)
    sampler: Sampler | None = None
    averages: Averages | None = None
    sums: dict[str, list[float]] = field(default_factory=dict)
    done: int = 0
    over: str | None = None
    validating: bool = False
    is_whole: bool = True
    _kept: list[tuple[Any, Any]] = field(default_factory=list, init=False)

    def __call__(self) -> str | None:
        """Train; the sentence to end with, or None if a wish ended it."""
        before = [(m, m.training) for model in self.modules for m in model.modules()]
        self.run.abort.begin(self._is_untouched)
        checkpoints = self.run.checkpoints
        try:
            self.callbacks.call("on_start", self.run)
            with self.run.turns.alone():
                for model in self.modules:
                    model.train()
                self.run.freezing.begin()
            if checkpoints is not None:
                checkpoints.begin()
            try:
                return self._epochs()
            finally:
                if self.is_whole:
                    self.run.take_snapshot(last=True)
                if checkpoints is not None and self.is_whole:
                    checkpoints.end()
        except (_Wished, Aborted):
            return None
        finally:
            self.run.abort.end()
            with self.run.turns.alone():
                self._put_optimizers("eval")
                for module, mode in before:
                    module.training = mode
                for rule in self.rules:
                    rule.finish(self.run)
                self.run.freezing.end()
            self.callbacks.call("on_end", self.run)

    def _epochs(self) -> str:
        run = self.run
        while self.done < (run.epochs or 1) and self.over is None:
            run.epoch = self.done + 1
            if not self.source.position:  # else it was entered in the middle
                self.callbacks.call("on_epoch_start", run)
            if not self.validating:
                with run.turns.alone():
                    self._put_optimizers("train")
                self._steps()
            means = {name: total / weight for name, (total, weight) in self.sums.items()}
            with run.turns.alone():
                self.validating = True
                self._put_optimizers("eval")
                self._validate(means)
                self.validating = False
            self.frequencies.after_epoch(run.epoch, run.step, means.get("loss", math.nan))
            self.source.epoch_done()
            self.sums, self.done = {}, run.epoch
            self.over = self._after_epoch(means)
            if self.max_steps is not None and run.step >= self.max_steps:
                self.over = self.over or f"{self.max_steps} steps done"
            if run.checkpoints is not None:
                run.checkpoints.after_epoch(means)
        return self.over or f"{self.done} epoch{'s' * (self.done != 1)} done"

    def state_dict(self) -> dict[str, Any]:
        """Where it is between the epochs and within one."""
        return {"done": self.done, "sums": self.sums, "over": self.over,
                "validating": self.validating,
                "rules": [[type(r).__name__, r.state_dict()] for r in self.rules]}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken; rules of another kind begin anew."""
        self.done, self.sums, self.over = state["done"], state["sums"], state["over"]
        self.validating = state["validating"]
        for rule, (kind, saved) in zip(self.rules, state["rules"], strict=False):
            if type(rule).__name__ == kind:
                rule.load_state_dict(saved)

    def parts(self) -> dict[str, Part]:
        """What steps change, besides the run's own: see ``training.checkpointing.state``."""
        wanted = {"loop": self, "source": self.source, "step": self.step,
                  "sampler": self.sampler, "frequencies": self.frequencies,
                  "averages": self.averages, **self.callbacks.parts()}  # fmt: skip
        if isinstance(self.step, UserStep):
            wanted["gradients"] = LeftGradients(self.modules)
            wanted["chance"] = Chance(self.run.generator)
        return {name: part for name, part in wanted.items() if hasattr(part, "state_dict")}

    def _put_optimizers(self, mode: str) -> None:
        """Parameters to where they are trained or evaluated, if that is not the same."""
        movers = [*self.run.optimizers, *([self.averages] if self.averages is not None else [])]
        for optimizer in movers if mode == "eval" else reversed(movers):
            put = getattr(optimizer, mode, None)
            if put is not None:
                put()

    def _steps(self) -> None:
        """The steps of one epoch; what they gave is added up."""
        run, sums, laps = self.run, self.sums, self.run.laps
        laps.start()
        for batch in self.source.epoch():
            laps.lap("data")
            if not run.between_steps():
                raise _Wished
            laps.start()
            result = self._one(batch)
            weight = result.size or 1
            for name, value in result.values.items():
                total = sums.setdefault(name, [0.0, 0])
                total[0] += value * weight
                total[1] += weight
            self.callbacks.call("on_step_end", run)
            if run.checkpoints is not None:
                run.checkpoints.after_step()
            laps.lap("other")
            laps.step_done()
            if self.max_steps is not None and run.step >= self.max_steps:
                break

    def _one(self, batch: Any) -> StepResult:
        """One step, whole or not at all."""
        run, sampler = self.run, self.sampler
        looking = getattr(self.step, "looking", None)
        self._kept = kept = [(tensor, tensor.value) for tensor in self.keep]
        draws = run.generator.state()
        run.abort.changes = False
        start = time.perf_counter()
        try:
            with nullcontext() if sampler is None else sampler.sampled(run.step + 1):
                result = self.step(batch) if run.step else self._first(batch)
        except BaseException as error:
            self.is_whole = self._is_untouched()
            for tensor, value in kept:
                tensor.value = value
            run.generator.restore(draws)
            if sampler is not None and looking is not None and isinstance(error, TrainingError):
                sampler.failed(run.step + 1, batch, looking)
            run.abort.changes = True
            run.turns.stop()
            if isinstance(error, NbdlError):
                error.add_note(f"in step {run.step + 1} (epoch {run.epoch})")
            raise
        run.abort.changes = True
        run.laps.lap("step" if isinstance(self.step, UserStep) else "other")
        if sampler is not None:
            seconds = time.perf_counter() - start
            sampler.end(run.step + 1, seconds, result.gradients, batch, looking)
        self.frequencies.after_step(result)
        for metric in self.metrics:
            result.values[metric.name] = float(metric.over(result.batches))
        if self.averages is not None:
            self.averages.after_step()
        if run.schedule is not None:
            run.schedule.after_step()
        self.source.step_done(batch)
        run.step_done(result.values, result.size)
        return result

    def _is_untouched(self) -> bool:
        """Whether a step under way has changed nothing: seen by the parameters where the step is
        the user's own, else told by the step."""
        if not isinstance(self.step, UserStep):
            return True
        return bool(self._kept) and all(tensor.value is value for tensor, value in self._kept)

    def _first(self, batch: Any) -> StepResult:
        """The first step, with a look at the numbers that go into the models."""
        with attention_to_inputs(self.modules, batch):
            return self.step(batch)

    def _validate(self, values: dict[str, float]) -> None:
        """Validation, whose numbers are added to the epoch's."""
        run = self.run
        if self.validate is None:
            return
        draws = run.generator.state()
        measured = self.validate()
        if measured is None:
            run.generator.restore(draws)  # it is done again when the run goes on
            raise _Wished
        run.results = measured
        scalars = {f"val_{k}": float(v) for k, v in measured.items() if not np.ndim(v)}
        run.history.append(run.step, scalars)
        values |= scalars

    def _after_epoch(self, values: dict[str, float]) -> str | None:
        """What depends on the epoch's numbers; a sentence if the run should end."""
        run = self.run
        run.epoch_values.append(values)
        if run.schedule is not None:
            run.schedule.after_epoch(values)
        self.callbacks.call("on_epoch_end", run)
        run.tell(events.EpochDone)
        return next((why for rule in self.rules if (why := rule.after_epoch(run, values))), None)


class _Wished(Exception):
    """A wish ends the run here."""


class UserStep:
    """A user's own step function as a StepFunction.

    It is called with the batch: ``f(x, y)`` if the batch is a tuple and it takes as many
    arguments, else ``f(batch)``. It returns the loss, or a dict of numbers to log, or None.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise ArgumentError(f"step must be a function of the batch, got {function!r}")
        self.function = function
        self._spreads: dict[int, bool] = {}

    def __call__(self, batch: Any) -> StepResult:
        given = self.function(*batch) if self._fits(batch) else self.function(batch)
        return StepResult(as_numbers(given), (), batch_length(batch))

    def _fits(self, batch: Any) -> bool:
        """Whether the batch is a tuple and the function takes its parts."""
        if not isinstance(batch, (tuple, list)):
            return False
        n = len(batch)
        if n not in self._spreads:
            try:
                inspect.signature(self.function).bind(*batch)
                self._spreads[n] = True
            except (TypeError, ValueError):
                self._spreads[n] = False
        return self._spreads[n]


def as_numbers(given: Any) -> dict[str, float]:
    """What a step returned as numbers by name: a single one is the loss."""
    if given is None:
        return {}
    values = given if isinstance(given, dict) else {"loss": given}
    numbers = {}
    for name, value in values.items():
        try:
            numbers[str(name)] = float(value.item() if hasattr(value, "item") else value)
        except (TypeError, ValueError):
            raise DataError(
                f"{name!r} to be logged must be one number, got {value!r:.80}",
                hint="return the loss, or a dict of numbers such as {'d_loss': a, 'g_loss': b}",
            ) from None
    return numbers
