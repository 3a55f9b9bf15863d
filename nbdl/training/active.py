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
_lock = threading.Lock()


def claim(run: Run) -> None:
    """Enter a run before it starts; TrainingError if its model is being trained already."""
    mine = {id(model) for model in run.models}
    with _lock:
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
    for run in active_runs():
        run.end_with("interrupted", "the program ended")
    for run in active_runs():
        run.join(10)


atexit.register(_stop_all)
