"""``fit``: Keras's words for nbdl's training loop, so that dashboards and controls work."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbdl.core import modes
from nbdl.core.random import default_generator
from nbdl.errors import ArgumentError
from nbdl.keras.callbacks import BackupAndRestore, Callback, History, TerminateOnNaN
from nbdl.keras.data import Arrays, Batches
from nbdl.keras.losses import SparseCategoricalCrossentropy
from nbdl.keras.metrics import Metric
from nbdl.keras.step import Step
from nbdl.training.archive.origin import origin
from nbdl.training.archive.recorder import objects
from nbdl.training.callbacks import Callback as RunCallback
from nbdl.training.callbacks import Callbacks
from nbdl.training.checkpointing.policy import as_policy
from nbdl.training.checkpointing.resume import Resumed, enter, take_up
from nbdl.training.compilation import Compilation
from nbdl.training.inference import forward_of
from nbdl.training.loop import Loop
from nbdl.training.measuring.evaluation import eval_mode
from nbdl.training.run import Run
from nbdl.training.sources import Source
from nbdl.training.statistics.attention import Frequencies
from nbdl.training.statistics.gradients import Sampler
from nbdl.training.stopping import StopRule

Data = Arrays | Batches
_MEANS = ("sum_over_batch_size", "mean")


class Between(RunCallback):
    """Calls Keras's callbacks where the loop calls nbdl's."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self._saved: dict[str, Any] | None = None

    def on_start(self, run: Any) -> None:
        fit = self.fit
        fit.began = time.perf_counter()
        fit.each("on_train_begin", {})
        if self._saved is not None:  # what they have set there is of a fit that begins
            fit.go_on(run, self._saved)

    def on_epoch_start(self, run: Any) -> None:
        fit = self.fit
        fit.began = time.perf_counter()
        fit.first_step = run.step
        for metric in fit.model._metrics:
            metric.reset_state()
        fit.each("on_epoch_begin", fit.epoch(run), {})

    def on_step_end(self, run: Any) -> None:
        fit = self.fit
        if fit.batch_hooks:
            logs = {"loss": run.history.last("loss")}
            logs |= {m.name: m.result() for m in fit.model._metrics}
            fit.each("on_train_batch_end", run.step - 1 - fit.first_step, logs)

    def on_epoch_end(self, run: Any) -> None:
        fit = self.fit
        logs = run.epoch_values[-1]
        logs |= {m.name: m.result() for m in fit.model._metrics}
        fit.each("on_epoch_end", fit.epoch(run), logs)
        fit.done.append((run.step - fit.first_step, time.perf_counter() - fit.began, dict(logs)))

    def on_end(self, run: Any) -> None:
        last = run.epoch_values[-1:]
        self.fit.each("on_train_end", dict(last[0]) if last else {})

    def state_dict(self) -> dict[str, Any]:
        """What the callbacks remember of the fit."""
        listed: list[Any] = self.fit.callbacks
        states = [[type(c).__name__, c.state_dict()] if _remembers(c) else None for c in listed]
        return {"first_step": self.fit.first_step, "callbacks": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let them go on with it when the fit begins."""
        self._saved = state


def _remembers(callback: Any) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


class StopTraining(StopRule):
    """``model.stop_training = True`` ends the run."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def after_epoch(self, run: Any, values: Any) -> str | None:
        return "a callback ended the training" if self.model.stop_training else None


@dataclass
class Fit:
    """One call of ``fit``."""

    model: Any
    data: Data
    validation: Data | None
    epochs: int
    initial_epoch: int
    callbacks: list[Callback]
    verbose: int
    class_weight: dict[int, float] | None = None
    validation_freq: int = 1
    began: float = 0.0
    first_step: int = 0
    batch_hooks: bool = False
    resumed: int = 0
    done: list[tuple[int, float, dict[str, float]]] = field(default_factory=list)

    def epoch(self, run: Any) -> int:
        """Keras's number of the epoch under way, from 0."""
        return self.initial_epoch + int(run.epoch) - 1

    def each(self, hook: str, *args: Any) -> None:
        """Call one hook of all callbacks."""
        tell(self.callbacks, hook, *args)

    def start(
        self, options: dict[str, Any], given: Any, given_val: Any, found: Resumed | None,
        drawn: dict[str, int],
    ) -> Run:  # fmt: skip
        """The run, begun.

        Args:
            options: of ``fit``, to be kept with the run.
            given, given_val: the data, as they were given.
            found: the run to go on with, or None.
            drawn: where the random numbers stood when ``fit`` was called.
        """
        model = self.model
        config = {"loss": model._loss.name, "optim": model.optimizer.name,
                  "lr": model.optimizer.learning_rate, **options}  # fmt: skip
        backups = [c for c in self.callbacks if isinstance(c, BackupAndRestore)]
        policy = as_policy(options.get("checkpoint", backups[0].checkpoint if backups else True))
        seed, number = default_generator().next()
        run = Run(model.name, config, model, seed=seed + (number << 32))
        run.optimizers = [model.optimizer.bound]
        run.epochs = self.epochs - self.initial_epoch
        run.total_steps = len(self.data) * run.epochs or None
        loop = self._loop(run)
        run.parts |= loop.parts()
        if isinstance(self.data, Arrays):
            run.parts["order"] = self.data
        run.origin = origin([model], given, given_val, drawn, objects(config), by="fit")
        if found is not None:
            take_up(found, run, loop)
            self.resumed = loop.done
            for callback in self.callbacks:
                callback.set_params({**callback.params, "resumed": found.state is not None})
        enter(run, True, policy, found, beside=True)
        for backup in backups:
            backup.begins(run)
        model._fit_run = run
        run.launch(loop)
        return run

    def _loop(self, run: Run) -> Loop:
        model = self.model
        step = Step(model, self.class_weight, self._has(TerminateOnNaN), run)
        step.compilation = Compilation(
            step, model._wants_compiled, lambda: run.total_steps, run.note,
            lambda f: setattr(run, "compiled", f),
        )  # fmt: skip
        begins = [c for c in self.callbacks if overrides(c, "on_train_batch_begin")]
        self.batch_hooks = any(overrides(c, "on_train_batch_end") for c in self.callbacks)
        return Loop(
            run=run, source=Source(Announced(self.data, begins) if begins else self.data),
            step=step, modules=[model], keep=list(model.buffers()),
            validate=self._validation(run), rules=[StopTraining(model)],
            callbacks=Callbacks([Between(self)]), frequencies=Frequencies(self._counts_alike()),
            sampler=Sampler(step.named, run.history, [model]) if step.named else None,
        )  # fmt: skip

    def go_on(self, run: Run, saved: dict[str, Any]) -> None:
        """Let the callbacks know what they knew, and what the epochs before have given."""
        self.first_step = saved["first_step"]
        callback: Any
        for callback, kept in zip(self.callbacks, saved["callbacks"], strict=False):
            if kept is not None and _remembers(callback) and kept[0] == type(callback).__name__:
                callback.load_state_dict(kept[1])
            if isinstance(callback, History):
                for epoch, logs in enumerate(run.epoch_values, self.initial_epoch):
                    callback.on_epoch_end(epoch, logs)

    def _counts_alike(self) -> bool:
        """Whether the loss is the mean cross-entropy of class numbers, and nothing besides."""
        loss, weight = self.model._loss, getattr(self.data, "weight", None)
        if not isinstance(loss, SparseCategoricalCrossentropy) or loss.reduction not in _MEANS:
            return False
        weighted = self.class_weight is not None or weight is not None
        ignores = loss.options.get("ignore_class") is not None
        return not weighted and not ignores and not self.model.losses

    def _has(self, kind: type[Callback]) -> bool:
        return any(isinstance(c, kind) for c in self.callbacks)

    def _validation(self, run: Run) -> Callable[[], dict[str, Any] | None] | None:
        if self.validation is None:
            return None
        metrics = copy.deepcopy(self.model._metrics)

        def validate() -> dict[str, Any] | None:
            if run.epoch % self.validation_freq:
                return {}
            return measure(self.model, self.validation, metrics, self.callbacks, run.carry_on)

        return validate

    def wait(self, run: Run) -> None:
        """Wait for the end, writing lines as Keras does; raises what the training raised."""
        try:
            shown = 0
            while not run.join(0.1):
                shown = self._show(shown, run)
            self._show(shown, run)
        except KeyboardInterrupt:
            run.wind_up()
        run.outcome()

    def _show(self, shown: int, run: Run) -> int:
        done = self.done[shown:]
        if self.verbose and done and not run.watched:
            total = self.epochs
            lines = []
            first = self.initial_epoch + self.resumed + shown + 1
            for i, (steps, seconds, logs) in enumerate(done, first):
                pace = f"{_clock(seconds)} {_pace(seconds / max(1, steps))}/step"
                bar = f"{steps}/{steps} {'━' * 20} " if self.verbose == 1 else ""
                lines.append(f"Epoch {i}/{total}\n{bar}{pace}{_values(logs)}\n")
            sys.stdout.write("".join(lines))
            sys.stdout.flush()
        return shown + len(done)


def tell(callbacks: Sequence[Callback], hook: str, *args: Any) -> None:
    """Call one hook of all callbacks."""
    for callback in callbacks:
        getattr(callback, hook)(*args)


def overrides(callback: Callback, *hooks: str) -> bool:
    """Whether a callback does something at one of the hooks: those of every batch cost time."""
    return any(getattr(callback, hook).__qualname__ != f"Callback.{hook}" for hook in hooks)


class Announced:
    """The batches, each told to the callbacks before its step."""

    def __init__(self, data: Data, callbacks: list[Callback]) -> None:
        self.data, self.callbacks = data, callbacks
        self.loader = getattr(data, "loader", None)

    def __len__(self) -> int:
        return len(self.data)

    def __call__(self) -> Iterator[Any]:
        return self.rest(0, 0, 0)

    def rest(self, epoch: int, position: int, passed: int) -> Iterator[Any]:
        """As of the data."""
        for i, batch in enumerate(self.data.rest(epoch, position, passed), position):
            for callback in self.callbacks:
                callback.on_train_batch_begin(i, {})
            yield batch


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def _pace(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _values(logs: dict[str, float]) -> str:
    names = sorted(logs, key=lambda name: (name.startswith("val_"), name))
    return "".join(
        f" - {name}: {logs[name]:.4f}" if abs(logs[name]) > 1e-3 else f" - {name}: {logs[name]:.4e}"
        for name in names
    )


def measure(
    model: Any, data: Any, metrics: list[Metric], callbacks: Sequence[Callback] = (),
    carry_on: Callable[[], bool] | None = None,
) -> dict[str, float] | None:  # fmt: skip
    """``{"loss": ..., name: ...}`` over all batches; None if ``carry_on`` said no."""
    total, count = 0.0, 0
    watching = [c for c in callbacks if overrides(c, "on_test_batch_begin", "on_test_batch_end")]
    for metric in metrics:
        metric.reset_state()

    def values() -> dict[str, float]:
        return {"loss": total / max(1, count)} | {m.name: m.result() for m in metrics}

    tell(callbacks, "on_test_begin", {})
    forward = forward_of(model)
    with eval_mode(model), modes.no_grad():
        for i, (x, y, weight) in enumerate(data()):
            tell(watching, "on_test_batch_begin", i, {})
            outputs = forward(x)
            size = x.shape[0]
            if model._loss is not None:
                loss = model.with_penalties(model._loss(y, outputs, weight))
                total += float(loss.item()) * size
            count += size
            for metric in metrics:
                metric.update_state(y, outputs, weight if metric.weighted else None)
            if watching:
                tell(watching, "on_test_batch_end", i, values())
            if carry_on is not None and not carry_on():
                return None
    found = values()
    tell(callbacks, "on_test_end", dict(found))
    return found


def as_callbacks(
    given: Any, model: Any, params: dict[str, Any], history: History | None = None
) -> list[Callback]:
    """Callbacks, told of the model; the ``history`` of a ``fit`` comes last."""
    listed = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    for callback in listed:
        if not isinstance(callback, Callback):
            name = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            made = isinstance(callback, type)
            raise ArgumentError(
                f"a callback must be one of keras.callbacks, got "
                f"{'the class ' if made else 'a '}{name}",
                hint=f"{name}(...)" if made else "LambdaCallback(on_epoch_end=f) for a function",
            )
    if history is not None:
        listed.append(history)
    for callback in listed:
        callback.set_model(model)
        callback.set_params(params)
    return listed


def to_restore(callbacks: Any) -> str | None:
    """The run that a BackupAndRestore among the callbacks remembers, or None."""
    listed = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    kept = [c.remembered() for c in listed if isinstance(c, BackupAndRestore)]
    return next((run for run in kept if run is not None), None)
