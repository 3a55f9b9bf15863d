"""The runs of this process: which are under way, which trains a model, and how they end."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING, Any

from nbdl.errors import TrainingError
from nbdl.nn import state

if TYPE_CHECKING:
    from nbdl.training.run import Run

_active: list[Run] = []
_last: list[Run] = []
_sweeps: list[Any] = []  # of nbdl.experiments, a floor above
_lock = threading.Lock()


def claim(run: Run) -> None:
    """Enter a run before it starts; TrainingError if its model is being trained already."""
    mine = {id(model) for model in run.models}
    with _lock:
        for sweep in _sweeps:
            if id(sweep.model) in mine:
                raise _swept(sweep)
        for other in _active:
            if any(id(model) in mine for model in other.models):
                raise TrainingError(
                    f"{other.name!r} is being trained already (run {other.id}, step {other.step})",
                    hint="run.wait() for its end, run.stop(), or train a copy: "
                    "copy.deepcopy(model)",
                )
        _active.append(run)
        _last[:] = [run]
        for model in run.models:
            state.keepers[model] = run.turns.reading


def release(run: Run) -> None:
    """Take a run out again: it has ended, or could not start."""
    with _lock:
        if run in _active:
            _active.remove(run)
            for model in run.models:
                state.keepers.pop(model, None)


def claim_sweep(sweep: Any) -> None:
    """Enter a sweep before it starts; TrainingError if its model (a module, or a function that
    makes one) is being swept or trained already."""
    run = run_of(sweep.model)
    with _lock:
        for other in _sweeps:
            if other.model is sweep.model:
                raise _swept(other)
        if run is not None:
            raise TrainingError(
                f"{run.name!r} is being trained already (run {run.id}, step {run.step})",
                hint="run.wait() for its end, or run.stop()",
            )
        _sweeps.append(sweep)


def release_sweep(sweep: Any) -> None:
    """Take a sweep out again: it is over, or could not start."""
    with _lock:
        if sweep in _sweeps:
            _sweeps.remove(sweep)


def _swept(sweep: Any) -> TrainingError:
    name = getattr(sweep.model, "_name", None) or getattr(sweep.model, "__name__", "the model")
    return TrainingError(
        f"{name!r} is being swept already ({sweep.name}, trial {len(sweep.trials) + 1} of "
        f"{sweep.total})",
        hint="sweep.wait() for its end, sweep.stop(), or train a copy: copy.deepcopy(model)",
    )


def sweep_of(thing: Any) -> Any:
    """The sweep under way that tries a model, or a function that makes one; or None."""
    with _lock:
        return next((sweep for sweep in _sweeps if sweep.model is thing), None)


def under_way() -> list[Any]:
    """Sweeps and runs that have not ended, the runs that are no trials of those sweeps."""
    with _lock:
        trials = [sweep.run for sweep in _sweeps]
        return [*_sweeps, *(run for run in _active if run not in trials)]


def active_runs() -> list[Run]:
    """The runs of this process that have not ended, the oldest first."""
    with _lock:
        return list(_active)


def run_of(model: Any) -> Run | None:
    """The run that is training ``model``, itself or as a part of a larger one; or None."""
    for run in active_runs():
        if any(part is model for whole in run.models for part in whole.modules()):
            return run
    return None


def last_run() -> Run | None:
    """The run of this process that was started last, or None."""
    with _lock:
        return _last[0] if _last else None


def _stop_all() -> None:
    """At the interpreter's end: let each run finish its step, so that what it has is whole."""
    ending = under_way()
    for each in ending:
        each.end_with("interrupted", "the program ended")
    for each in ending:
        each.join(10)


atexit.register(_stop_all)
