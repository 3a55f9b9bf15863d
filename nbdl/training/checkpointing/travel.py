"""Time travel: the model as it was at an earlier step, and training on from there."""

from __future__ import annotations

import copy
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from nbdl import backends
from nbdl.data import DataLoader
from nbdl.errors import ArgumentError, TrainingError, brief
from nbdl.training.checkpointing.snapshots import Ring
from nbdl.training.checkpointing.state import (
    State,
    capture,
    differences,
    pack,
    restore,
    tensors_of,
)
from nbdl.training.models import modules_of

if TYPE_CHECKING:
    from nbdl.training.run import Run

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip
_FEWEST = 3
"""So many snapshots must fit into the memory that is given."""

ONCE = ("start", "resume", "line")
"""Arguments of ``nbdl.train`` that are about one run alone: its branches have others."""

_traveling: WeakValueDictionary[str, Run] = WeakValueDictionary()
"""The runs of this process that take snapshots, by id."""


def in_memory(run: str) -> Run | None:
    """The run of this process with an id, if it takes snapshots and is still known to anybody."""
    return _traveling.get(run)


_DATA = ("data", "batch_size", "accumulate")
_RULES = ("stop_when", "early_stopping")


def as_ring(history: Any) -> tuple[Ring | None, bool]:
    """A ring from what a person says, and whether the optimizers' state is to be kept.

    50; "200MB"; or a dict with ``count``, ``memory`` and ``optimizer`` (True).
    """
    if history is None:
        return None, True
    given = history if isinstance(history, dict) else {_meant(history): history}
    unknown = [key for key in given if key not in ("count", "memory", "optimizer")]
    if unknown or not {"count", "memory"} & set(given):
        raise ArgumentError(
            f"history={brief(history)}: a dict has 'count' or 'memory', and may have 'optimizer'",
            hint=_EXAMPLES,
        )
    optimizer = given.get("optimizer", True)
    if not isinstance(optimizer, bool):
        raise ArgumentError(f"history: 'optimizer' is True or False, got {brief(optimizer)}")
    count, memory = given.get("count"), given.get("memory")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 2):
        raise ArgumentError(
            f"history is a number of snapshots of at least 2, or memory, got {brief(count)}",
            hint=_EXAMPLES,
        )
    return Ring(count, None if memory is None else _bytes(memory)), optimizer


_EXAMPLES = "history=50, history='200MB', or history={'count': 50, 'optimizer': False}"


def _meant(history: Any) -> str:
    """Whether one word is a count or memory."""
    return "memory" if isinstance(history, str) else "count"


def _bytes(text: Any) -> int:
    """Bytes from '200MB' or '1.5 GiB'."""
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([a-zA-Z]+)\s*", str(text), re.ASCII)
    size = float(found[1]) * _UNITS.get(found[2].upper(), 0) if found else 0
    if size < 1:
        raise ArgumentError(
            f"history: {brief(text)} is no number of snapshots and no size of memory",
            hint=_EXAMPLES,
        )
    return int(size)


class Travels:
    """What a run can do with the snapshots that it takes between its steps.

    Attributes:
        snapshots: the ring of them, or None.
        again: ``nbdl.train`` with the arguments of this run; takes changes of them.
        variable: what the run is called in the notebook, for code that views show.
    """

    snapshots: Ring | None = None
    again: functools.partial[Run] | None = None
    variable: str = "run"
    _with_optimizers = True
    _models: list[tuple[int, Any]]

    def remember(self: Any, history: Any) -> None:
        """Take snapshots from now on. Raises ArgumentError for what cannot be meant."""
        ring, self._with_optimizers = as_ring(history)
        if ring is None:
            return
        one = sum(t.value.nbytes for m in self.models for t in (*m.parameters(), *m.buffers()))
        if ring.memory is not None and ring.memory < _FEWEST * one:
            raise ArgumentError(
                f"history: {_FEWEST} snapshots of this model do not fit into {ring.memory:,} "
                f"bytes, its weights alone are {one:,}",
                hint="more memory, or history=None",
            )
        ring.plan(self.total_steps)
        self.snapshots, self._models = ring, [(0, self.model)]
        _traveling[self.id] = self

    def edited_from(self: Any, model: Any) -> None:
        """From now on the run trains another model."""
        if self.snapshots is not None:
            self._models.append((self.step, model))

    def take_snapshot(self: Any, *, last: bool = False) -> None:
        """In the training's thread, between two steps: keep the state, if it is to be kept."""
        ring = self.snapshots
        if ring is None or not (last or ring.wants(self.step)):
            return
        try:
            state = capture(self)
        except TrainingError as error:  # a part of the user's that cannot be captured
            self.snapshots = None
            self.history.note("warning", f"no snapshots are taken: {error.message}")
            return
        arrays = state.arrays
        if not self._with_optimizers:
            arrays = {k: a for k, a in arrays.items() if not k.startswith("optimizers/")}
        if last:
            ring.settle()
        ring.take(self.step, arrays, state.rest)

    @property
    def steps_kept(self) -> list[int]:
        """The steps of which there is a snapshot: what ``at`` and ``branch`` can go back to."""
        return [] if self.snapshots is None else self.snapshots.steps

    def state_at(self: Any, step: Any) -> State:
        """What the run was at the nearest snapshot at or before ``step``.

        Raises ArgumentError where there is none.
        """
        if self.snapshots is None:
            raise ArgumentError(
                f"the run {self.name!r} has taken no snapshots",
                hint="nbdl.train(..., history=50), or %train ... --history 50",
            )
        if isinstance(step, bool) or not hasattr(step, "__index__"):
            raise ArgumentError(f"step must be a whole number, got {brief(step)}")
        step = step.__index__()
        kept = self.steps_kept
        if step > self.step or not kept or step < kept[0]:
            first = f"the first snapshot is of step {kept[0]:,}" if kept else "none is taken yet"
            raise ArgumentError(
                f"there is no step {step:,} in the run {self.name!r}: {first}, and "
                f"{self.step:,} steps are done"
            )
        found = self.snapshots.at(step)
        return State(found.arrays, found.rest)

    def at(self: Any, step: int) -> Any:
        """A copy of the model as it was at the nearest snapshot at or before ``step``.

        It is in evaluation mode, and its name says which step it is of; ``steps_kept`` lists
        them. Of several models, a list or dict as the run has it.

        Raises ArgumentError for a step before the first snapshot or after the last step, and
        where the run takes no snapshots.
        """
        state = self.state_at(step)
        now = [model for since, model in self._models if since <= state.step][-1]
        with self.turns.reading():
            then = _copy(now)
        return _put(then, state)

    def branch(self: Any, step: int, **changes: Any) -> Run:
        """Train on from an earlier step as a new run; this one and its model stay as they are.

        ``run.branch(1200, lr=1e-4)`` begins at the nearest snapshot at or before step 1200, on a
        copy of the model, and goes on as the run did: the same data from the same place, the same
        random numbers, optimizer state and schedule. Without changes it does what the run has
        done.

        Args:
            step: steps done where it begins.
            changes: arguments of ``nbdl.train`` that are to be others. ``epochs`` and
                ``max_steps`` count from the run's own beginning. A new ``lr`` switches the
                schedule off, a new ``schedule`` is for the steps that are left; with another
                ``optim`` its state is new; with other data the epoch begins anew.

        Raises ArgumentError as ``at`` does, for unknown arguments, and where nothing would be left
        to do.
        """
        state = self.state_at(step)
        if self.again is None:
            raise ArgumentError(
                f"the run {self.name!r} is a loop of your own, which cannot be gone through again",
                hint="model = run.at(step), and a loop over it",
            )
        if "step" in self.config:
            raise ArgumentError(
                f"the run {self.name!r} has a step of your own, which trains the models that it "
                "names",
                hint="models = run.at(step), and nbdl.train(step=..., model=models)",
            )
        data = self.again.keywords["data"]
        if self.is_alive and isinstance(data, DataLoader) and "data" not in changes:
            raise ArgumentError(
                f"the run {self.name!r} still takes batches from the loader that the branch needs",
                hint="run.stop() first, or run.branch(step, data=another loader)",
            )
        given = {"model": self.at(state.step), "name": self.name, **changes}
        return self.again(**given, start=Start(self, state, frozenset(changes)))


def model_at(model: Any, state: State) -> Any:
    """A copy of a model (or several) with the weights of a state, as ``Travels.at`` gives it.

    Raises ArgumentError where it is built in another way than the one that was trained.
    """
    models = modules_of(model)
    if len(models) != len(state.rest["models"]):
        raise ArgumentError(f"the run had {len(state.rest['models'])} models, not {len(models)}")
    for number, each in enumerate(models):
        wrong = differences(each, state.weights(number))
        if wrong:
            raise ArgumentError(
                f"the model is not built like the one that was trained: {'; '.join(wrong[:3])}"
            )
    return _put(_copy(model), state)


def _copy(model: Any) -> Any:
    """A copy, each module still with its name."""
    then = copy.deepcopy(model)
    for copied, each in zip(modules_of(then), modules_of(model), strict=True):
        copied._set_name(each._name or type(each).__name__)
    return then


def _put(model: Any, state: State) -> Any:
    """Give a model the weights of a state; it is in evaluation mode then, and named by the step."""
    for number, each in enumerate(modules_of(model)):
        weights = state.weights(number)
        for name, t in tensors_of(each):
            t.value, t.grad = backends.to_device(weights[name], t.device), None
        each.eval()
        each._set_name(f"{each._name} at step {state.step}")
    return model


@dataclass(frozen=True)
class Start:
    """Where a run begins, if not at the beginning: made by ``Run.branch``.

    Attributes:
        parent: the run that it goes on from.
        state: what that was.
        changes: names of the arguments that are not the parent's.
    """

    parent: Any
    state: State
    changes: frozenset[str]

    def __str__(self) -> str:
        return f"branch of {self.parent.id} at step {self.state.step}"

    def left(self, total: int | None) -> int | None:
        """Of so many steps in all those that a schedule is for."""
        skipped = self.state.step if "schedule" in self.changes else 0
        return None if total is None else max(total - skipped, 1)

    def enter(self, run: Any, max_steps: int | None) -> None:
        """Put a run that has been put together, and was not started, where this begins."""
        state, changes = self.state, self.changes
        done = state.rest["parts"]["loop"]["done"]
        if done >= run.epochs or (max_steps is not None and state.step >= max_steps):
            said = f"{done} epochs" if done >= run.epochs else f"{state.step} steps"
            raise ArgumentError(
                f"at step {state.step} {said} are done, there is nothing left to train",
                hint=f"run.branch({state.step}, epochs={done + 5})",
            )
        schedule = run.schedule
        groups = [group for optimizer in run.optimizers for group in optimizer.param_groups]
        rates = [group["lr"] for group in groups]
        run.config["parent"] = str(self)
        restore(run, State(*self._fitting(run)))
        if changes & {"lr", "optim", "schedule"}:
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate
        if "schedule" in changes:
            run.schedule = schedule
        elif changes & {"lr", "optim"} and run.schedule is not None:
            run.schedule = None
            run.note(f"learning rate {run.lr:g}; the schedule is off")
        self._recall(run)

    def _fitting(self, run: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The state with what was changed left as it is in the new run."""
        changes, arrays = self.changes, dict(self.state.arrays)
        rest = {**self.state.rest, "parts": dict(self.state.rest["parts"])}
        loop = {**rest["parts"]["loop"], "over": None}
        if changes & set(_DATA):
            rest["parts"].pop("source", None)
            loop["sums"] = {}
        if changes & set(_RULES):
            loop["rules"] = []
        rest["parts"]["loop"] = loop
        has_state = any(name.startswith("optimizers/") for name in arrays)
        if "optim" in changes or not (has_state or self.state.step == 0):
            fresh = [optimizer.state_dict() for optimizer in run.optimizers]
            rest["optimizers"] = pack(fresh, "optimizers", arrays)
            run.note("the optimizer's state begins anew")
        if "schedule" in changes:
            rest["schedule"] = None
        if "compile" in changes:
            rest["parts"].pop("step", None)
        if "seed" in changes:
            rest["run"] = {**rest["run"], "generator": run.generator.state()}
        return arrays, rest

    def _recall(self, run: Any) -> None:
        """The parent's history up to here becomes the run's own."""
        counts = self.state.rest["run"]["history"]
        before = self.parent.history
        for name, count in counts["series"].items():
            run.history.extend(name, np.stack(before.series(name), 1)[:count])
        tables = before.tables()
        for name, table in run.history.tables().items():
            if counts.get(name):
                table.read(tables[name].columns(), tables[name].table()[: counts[name]])
        run._lr_noted = run.history.last("lr")
        run.history.mark("branch", self.state.step, str(self))
