"""Sweeps: trainings with other parameters each, chosen by Optuna."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nbdl import events, nn
from nbdl.core import random
from nbdl.data.optional import require
from nbdl.errors import ArgumentError, brief, did_you_mean
from nbdl.experiments.runs import runs
from nbdl.experiments.space import as_choice
from nbdl.experiments.trials import Sweep, Trial
from nbdl.training import Run, train
from nbdl.training.active import claim_sweep, release_sweep
from nbdl.training.callbacks import Callback
from nbdl.training.settings import Settings
from nbdl.training.sources import whole
from nbdl.training.stopping import higher_is_better
from nbdl.training.worker import in_thread


def sweep(
    model: Any, data: Any, space: Mapping[str, Any], *, trials: int = 20,
    metric: str | None = None, seed: int = 0, prune: bool = True,
    report: Callable[[Trial], None] | None = None, wait: bool = True, **options: Any,
) -> Sweep:  # fmt: skip
    """Train again and again with other parameters, and see which are best.

    Optuna's TPE chooses them (J. Bergstra and others, "Algorithms for Hyper-Parameter
    Optimization", NeurIPS 2011), and its median pruner ends trials that are worse than half of the
    others at the same epoch. Each trial is a run in the store, tagged with the sweep's name. It
    goes on in a thread: ``stop``, or the kernel's Stop button, ends it with everything kept.

    Args:
        model: a module, of which each trial trains a copy; or a function that makes one, whose
            arguments may be swept. Every trial begins with the same random numbers.
        data: as for ``nbdl.train``.
        space: of each parameter the values: ``"1e-4..1e-1:log"``, ``"32..256"`` (whole numbers),
            ``"adamw,sgd"``, or a list. Names are arguments of ``nbdl.train`` or of the function.
        trials: how many.
        metric: the series compared at each epoch's end; ``val_loss``, or ``loss`` without ``val``.
        seed: of the choices and of each training.
        prune: end trials early that do badly.
        report: called with each Trial when it is over, in the sweep's thread.
        wait: wait for the end, and raise the sweep's exception if it fails.
        options: further arguments of ``nbdl.train``, the same in all trials.

    Returns:
        A Sweep: ``best``, ``trials``, ``status``, ``wait()``, ``stop()``, ``to_pandas()``. One
        that was interrupted while waiting is returned, too, with the trials so far.

    Raises MissingError without Optuna, ArgumentError for names and values that make no sense,
    TrainingError while the model is trained or swept already, and what ``nbdl.train`` raises
    before its first step.
    """
    optuna = require("optuna", "nbdl.sweep", extra="sweep")
    trials = whole("trials", trials)
    makes = _arguments_of(model)
    known = [*makes, *(n for n in inspect.signature(train).parameters if n not in _OWN)]
    if not space:
        raise ArgumentError("a sweep needs parameters", hint="{'lr': '1e-4..1e-1:log'}")
    for name in space:
        if name not in known:
            near = did_you_mean(name, known)
            raise ArgumentError(f"there is no parameter {name!r} to sweep{near}")
    choices = [as_choice(name, given) for name, given in space.items()]
    metric = metric or ("loss" if options.get("val") is None else "val_loss")
    result = Sweep(model, metric, higher_is_better(metric), choices, trials)
    study = _study(optuna, result.higher, seed, prune)
    search = _Search(optuna, study, result, makes, data, seed, report, options)
    claim_sweep(result)
    try:
        search.begin()
    except BaseException:
        release_sweep(result)
        raise
    in_thread(search.work)
    return _awaited(result) if wait else result


def _awaited(result: Sweep) -> Sweep:
    result.tell(events.SweepAwaited)
    try:
        return result.wait()
    except KeyboardInterrupt:
        if result.is_alive:
            raise
        return result  # what has finished is what was asked for


_OWN = ("model", "data", "step", "seed", "callbacks", "wait", "progress", "store", "resume",
        "start")  # fmt: skip
"""Arguments of ``nbdl.train`` that make no sense as parameters."""


def _arguments_of(model: Any) -> list[str]:
    if isinstance(model, nn.Module):
        return []
    if not callable(model):
        raise ArgumentError(f"sweep takes a model or a function that makes one, got {brief(model)}")
    return list(inspect.signature(model).parameters)


def _study(optuna: Any, higher: bool, seed: int, prune: bool) -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruners = optuna.pruners
    return optuna.create_study(
        direction="maximize" if higher else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=pruners.MedianPruner(n_warmup_steps=1) if prune else pruners.NopPruner(),
    )


class _Watch(Callback):
    """Tells Optuna the metric after each epoch, and ends the run if it says so."""

    def __init__(self, result: Sweep, trial: Any) -> None:
        self.result, self.trial = result, trial

    def on_epoch_end(self, run: Run) -> None:
        values = run.epoch_values[-1]
        metric = self.result.metric
        if metric not in values:
            raise ArgumentError(
                f"there is no {metric!r} to sweep by{did_you_mean(metric, values)}",
                hint="this run has " + ", ".join(values),
            )
        if not np.isfinite(values[metric]):
            return
        self.trial.report(values[metric], run.epoch)
        if self.trial.should_prune() and run.epoch < (run.epochs or 1):
            why = f"{metric} {values[metric]:.4g} is worse than the median of the others"
            run.end_with("pruned", why)


class _Search:
    """Goes through the trials. The first begins in the caller's thread, which hears at once what
    is wrong with the options; all the rest is done in a thread of its own."""

    def __init__(
        self, optuna: Any, study: Any, result: Sweep, makes: list[str], data: Any, seed: int,
        report: Callable[[Trial], None] | None, options: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.optuna, self.study, self.result = optuna, study, result
        self.makes, self.data, self.seed = makes, data, seed
        self.report, self.options = report, options
        model = result.model  # each trial begins with what it has now
        self.model = copy.deepcopy(model) if isinstance(model, nn.Module) else model
        self.settings = Settings.now()
        self.asked: Any = None

    def begin(self) -> None:
        """Begin the next trial; raises what is wrong before its first step."""
        self.asked = self.study.ask()
        chosen = {choice.name: choice.suggest(self.asked) for choice in self.result.choices}
        made = {name: chosen[name] for name in self.makes if name in chosen}
        with random.use(random.Generator(self.seed)):
            model = self.model
            fresh = copy.deepcopy(model) if isinstance(model, nn.Module) else model(**made)
        given = {name: value for name, value in chosen.items() if name not in made}
        own = self.options.get("callbacks", ())
        watch = _Watch(self.result, self.asked)
        callbacks = [watch, *(own if isinstance(own, (list, tuple)) else [own])]
        run = train(fresh, self.data, wait=False, seed=self.seed, parameters=made or None,
                    **{**self.options, **given, "callbacks": callbacks})  # fmt: skip
        self.result.enter(run, chosen)

    def work(self) -> None:
        """Finish the trial under way, and go on with the others. Never raises."""
        result, error = self.result, None
        try:
            with self.settings.applied():
                while self._finish() and result.goes_on():
                    self.begin()
        except BaseException as caught:
            error = caught
        release_sweep(result)
        result.end(error)

    def _finish(self) -> bool:
        """Wait for the trial's end, take it down and tell Optuna; whether another one follows."""
        result = self.result
        run = result.run
        assert run is not None
        run.join()
        last = run.epoch_values[-1].get(result.metric) if run.epoch_values else None
        value = None if last is None or not np.isfinite(last) else float(last)
        done = Trial(self.asked.number, result.parameters, value, run.status, run)
        result.trials.append(done)
        _tag(result, done, self.options.get("store", True))
        _tell(self.optuna, self.study, self.asked, done)
        if self.report is not None:
            self.report(done)
        if isinstance(run.exception, ArgumentError):
            raise run.exception  # such as a metric that no run has: all trials would fail by it
        if run.status == "interrupted":
            result.interrupt()
        return len(result.trials) < result.total


def _tell(optuna: Any, study: Any, asked: Any, done: Trial) -> None:
    states = optuna.trial.TrialState
    if done.status == "finished" and done.value is not None:
        study.tell(asked, done.value)
    else:
        study.tell(asked, state=states.PRUNED if done.status == "pruned" else states.FAIL)


def _tag(result: Sweep, done: Trial, store: Any) -> None:
    """Mark the run in the working directory's store, where it is kept there."""
    if store is True:
        kept = {record.id: record for record in runs()}
        if done.run.id in kept:
            kept[done.run.id].tag(result.name)
