"""Sweeps: trainings with other parameters each, chosen by Optuna."""

from __future__ import annotations

import copy
import inspect
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import nn
from nbdl.core import random
from nbdl.data.optional import require
from nbdl.errors import ArgumentError, brief, did_you_mean
from nbdl.experiments.runs import runs
from nbdl.experiments.space import Choice, as_choice
from nbdl.training import Run, train
from nbdl.training.callbacks import Callback
from nbdl.training.sources import whole
from nbdl.training.stopping import higher_is_better


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes:
        number: from 0.
        parameters: what was chosen for it.
        value: the last value of the sweep's metric, or None if there is none.
        status: 'finished', 'pruned', 'failed' or 'interrupted'.
        run: its run.
    """

    number: int
    parameters: dict[str, Any]
    value: float | None
    status: str
    run: Run


class Sweep:
    """The trials of a sweep so far, and the best.

    Attributes:
        name: the tag of its runs in the run store.
        metric: what is compared, and ``higher``: whether more of it is better.
        choices: what was tried for each parameter.
        trials: in their order.
        interrupted: whether it was ended by hand.
    """

    def __init__(self, metric: str, higher: bool, choices: list[Choice]) -> None:
        self.name = f"sweep-{secrets.token_hex(3)}"
        self.metric, self.higher, self.choices = metric, higher, choices
        self.trials: list[Trial] = []
        self.interrupted = False

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, or None."""
        done = [t for t in self.trials if t.status == "finished" and t.value is not None]
        return (max if self.higher else min)(done, key=lambda t: t.value or 0.0) if done else None

    @property
    def best_run(self) -> Run | None:
        """Its run, whose ``model`` is trained."""
        return None if self.best is None else self.best.run

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of text, the best trial first, those without a value last."""
        names = [choice.name for choice in self.choices]
        sign = -1 if self.higher else 1

        def rank(t: Trial) -> tuple[bool, float]:
            return t.status != "finished" or t.value is None, sign * (t.value or 0.0)

        rows = [
            [str(t.number), *(_short(t.parameters[name]) for name in names),
             "" if t.value is None else f"{t.value:.4g}", t.status, t.run.id]
            for t in sorted(self.trials, key=rank)
        ]  # fmt: skip
        return ["trial", *names, self.metric, "status", "run"], rows

    def to_pandas(self) -> Any:
        """A pandas frame, one row a trial in their order."""
        pandas = require("pandas", "sweep.to_pandas()")
        return pandas.DataFrame(
            [{"trial": t.number, **t.parameters, self.metric: t.value, "status": t.status,
              "run": t.run.id} for t in self.trials]
        )  # fmt: skip

    def words(self) -> str:
        """How many trials there were, and the best."""
        pruned = sum(t.status == "pruned" for t in self.trials)
        failed = sum(t.status == "failed" for t in self.trials)
        said = f"{self.name}: {len(self.trials)} trials"
        said += f", {pruned} pruned" * bool(pruned) + f", {failed} failed" * bool(failed)
        said += ", ended by hand" * self.interrupted
        best = self.best
        if best is None:
            return f"{said}. None has finished."
        chosen = ", ".join(f"{k}={_short(v)}" for k, v in best.parameters.items())
        return f"{said}. Best {self.metric} {best.value:.4g} with {chosen} (run {best.run.id})."

    def text(self) -> str:
        """All of it for a terminal."""
        heads, rows = self.table()
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = ["  ".join(w.ljust(n) for w, n in zip(row, widths, strict=True)).rstrip()
                 for row in (heads, *rows)]  # fmt: skip
        return "\n".join([self.words(), *lines])

    def __repr__(self) -> str:
        return self.text()


def sweep(
    model: Any, data: Any, space: Mapping[str, Any], *, trials: int = 20,
    metric: str | None = None, seed: int = 0, prune: bool = True,
    report: Callable[[Trial], None] | None = None, **options: Any,
) -> Sweep:  # fmt: skip
    """Train again and again with other parameters, and see which are best.

    Optuna's TPE chooses them (J. Bergstra and others, "Algorithms for Hyper-Parameter
    Optimization", NeurIPS 2011), and its median pruner ends trials that are worse than half of the
    others at the same epoch. Each trial is a run in the store, tagged with the sweep's name; the
    kernel's Stop button ends the sweep with everything kept.

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
        report: called with each Trial when it is over.
        options: further arguments of ``nbdl.train``, the same in all trials.

    Returns:
        A Sweep: ``best``, ``best_run``, ``table()``, ``to_pandas()``.

    Raises MissingError without Optuna, ArgumentError for names and values that make no sense, and
    what ``nbdl.train`` raises before its first step.
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
    result = Sweep(metric, higher_is_better(metric), choices)
    study = _study(optuna, result.higher, seed, prune)
    for _ in range(trials):
        asked = study.ask()
        chosen = {choice.name: choice.suggest(asked) for choice in choices}
        done = _one(result, model, makes, data, asked, chosen, seed, options)
        result.trials.append(done)
        _tag(result, done, options.get("store", True))
        _tell(optuna, study, asked, done)
        if report is not None:
            report(done)
        if done.status == "interrupted":
            result.interrupted = True
            break
    return result


_OWN = ("model", "data", "step", "seed", "callbacks", "wait", "progress", "store", "resume",
        "start")  # fmt: skip


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
        self.result, self.trial, self.pruned = result, trial, False

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
            self.pruned = True
            why = f"{metric} {values[metric]:.4g} is worse than the median of the others"
            run.end_with("pruned", why)


def _one(
    result: Sweep, model: Any, makes: list[str], data: Any, asked: Any, chosen: dict[str, Any],
    seed: int, options: Mapping[str, Any],
) -> Trial:  # fmt: skip
    """Train once. Raises what is wrong before the first step, or with the metric's name."""
    made = {name: chosen[name] for name in makes if name in chosen}
    with random.use(random.Generator(seed)):
        fresh = copy.deepcopy(model) if isinstance(model, nn.Module) else model(**made)
    given = {name: value for name, value in chosen.items() if name not in made}
    watch = _Watch(result, asked)
    own = options.get("callbacks", ())
    callbacks = [watch, *(own if isinstance(own, (list, tuple)) else [own])]
    run = train(fresh, data, wait=False, seed=seed, parameters=made or None,
                **{**options, **given, "callbacks": callbacks})  # fmt: skip
    status = "finished"
    try:
        run.wait()
    except KeyboardInterrupt:
        status = "interrupted"
    except ArgumentError:
        raise
    except Exception:
        status = "failed"
    status = "pruned" if watch.pruned and status == "finished" else status
    last = run.epoch_values[-1].get(result.metric) if run.epoch_values else None
    value = None if last is None or not np.isfinite(last) else float(last)
    return Trial(asked.number, chosen, value, status, run)


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


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
