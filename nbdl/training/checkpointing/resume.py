"""Going on with a run that was cut off: finding what is left of it, and taking it up."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from nbdl.errors import ArgumentError, DataError, FileError, TrainingError, brief, unknown
from nbdl.training.active import active_runs
from nbdl.training.archive.database import Store
from nbdl.training.archive.environment import machine, why_not_identical
from nbdl.training.archive.origin import difference, fingerprint, weights_hash
from nbdl.training.archive.recorder import objects, plain_config, recorder
from nbdl.training.archive.records import FINAL, is_gone, kept_store
from nbdl.training.archive.store import open_store
from nbdl.training.checkpointing.checkpoints import (
    Checkpoints,
    checkpoint_files,
    folder_of,
    read,
    step_of,
)
from nbdl.training.checkpointing.editing import edited, words
from nbdl.training.checkpointing.policy import Policy
from nbdl.training.checkpointing.state import State, restore
from nbdl.training.models import modules_of, name_of
from nbdl.training.statistics.history import marked

if TYPE_CHECKING:
    from nbdl.training.loop import Loop
    from nbdl.training.run import Run

P = ParamSpec("P")

FIXED = ("batch_size", "accumulate", "seed", "optim", "schedule", "target")
"""Options that a run keeps: with others its state would mean something else."""

NOT_CONFIGURATION = ("model", "data", "val", "source", "wait", "progress", "store", "callbacks",
                     "resume", "check", "line", "start")  # fmt: skip
"""Arguments of ``nbdl.train`` that are not kept with a run as its options."""


# ----- what is taken down -------------------------------------------------------------------------


def about(run: Run) -> dict[str, Any]:
    """What a checkpoint says of its run, besides the state."""
    return {
        "id": run.id, "name": run.name, "config": plain_config(run.config),
        "objects": objects(run.config), "source": run.source, "origin": run.origin,
        "machine": machine(run.models),
    }  # fmt: skip


def keep_checkpoints(run: Run, store: Store, policy: Policy, beside: bool) -> None:
    """Have the checkpoints of a run written beside its store; ``beside``: see ``Checkpoints``."""
    folder = folder_of(store.path, run.id)
    kept = Checkpoints(run, folder, policy, functools.partial(about, run), beside)
    run.checkpoints = kept
    run.at_end.insert(0, kept.finish)  # the store hears of what goes wrong


# ----- finding it ---------------------------------------------------------------------------------


@dataclass
class Resumed:
    """A run that is to be gone on with.

    Attributes:
        run: what is known of it: id, name, config, objects, origin, machine.
        state: where it goes on; None: at its start, as it was cut off before the first checkpoint.
        store: where its numbers are kept; None if nowhere.
        changed: options that were given anew.
        notes: what the person should know.
    """

    run: dict[str, Any]
    state: State | None
    store: Store | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Of the run."""
        return str(self.run["id"])


def find(resume: Any, name: str, store: Any = True) -> Resumed:
    """The run that ``resume`` means, at its newest good checkpoint.

    Args:
        resume: True: the newest run called ``name``; a run's id; a path: of a checkpoint, or of
            a folder of them; or what was found before.
        name: of the model.
        store: as for ``nbdl.train``.

    Raises ArgumentError where there is no such run, TrainingError where it is under way or has no
    checkpoint, FileError where all are damaged.
    """
    if isinstance(resume, Resumed):
        return resume
    recorder.sync()
    opened = _opened(store)
    if isinstance(resume, os.PathLike) or (isinstance(resume, str) and _is_path(resume)):
        path = Path(resume)
        found = _in_folder(path) if path.is_dir() else _one(path)
        found.store = opened
    elif opened is None:
        raise ArgumentError(
            f"there is no run to go on with: no runs are kept in {Path.cwd()}",
            hint="resume='path/of/a/checkpoint', or train without resume",
        )
    else:
        found = _of_row(opened, _row(opened, resume, name))
    _check_not_running(found)
    return found


def _is_path(text: str) -> bool:
    return text.endswith(".safetensors") or os.sep in text or Path(text).exists()


def _opened(store: Any) -> Store | None:
    if store is False:
        return None
    if store is True or store is None:
        return kept_store()
    return open_store(store) if Path(store).exists() else None


def _row(store: Store, resume: Any, name: str) -> dict[str, Any]:
    rows = store.runs()
    if resume is True:
        mine = [row for row in rows if row["name"] == name]
        if mine:
            return mine[-1]
        raise unknown("run to go on with", name, sorted({row["name"] for row in rows}))
    if not isinstance(resume, str):
        raise ArgumentError(f"resume is True, the id of a run or a path, got {brief(resume)}")
    for row in rows:
        if row["id"] == resume:
            return row
    raise unknown("run", resume, [row["id"] for row in rows])


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['name']!r} (run {row['id']}, {row['status']} at step {row['step'] or 0})"


def _in_folder(folder: Path) -> Resumed:
    found = _newest_good(checkpoint_files(folder))
    if found is None:
        raise FileError(f"there is no checkpoint in {str(folder)!r}")
    return found


def _of_row(store: Store, row: Mapping[str, Any]) -> Resumed:
    """A run of the store at its newest good checkpoint, or at its start if there is none yet."""
    found = _newest_good(checkpoint_files(folder_of(store.path, row["id"])))
    if found is None:
        config, origin = json.loads(row["config"]), json.loads(row["origin"] or "{}")
        if config.get("checkpoint") is False or "weights" not in origin:
            raise TrainingError(
                f"{_said(row)} has kept no checkpoints", hint="train it again without resume"
            )
        known = {"objects": origin["objects"], "machine": {}, "config": config}
        found = Resumed({"id": row["id"], "name": row["name"], "origin": origin, **known}, None)
    found.store = store
    return found


def _newest_good(paths: list[Path]) -> Resumed | None:
    """The newest that is not damaged, with a remark if it is not the newest; None if there are
    none at all. Raises FileError if all are damaged."""
    damaged: list[str] = []
    for path in reversed(paths):
        try:
            found = read(path)
        except FileError as error:
            damaged.append(error.message)
        else:
            said = [("warning", f"{why}; the checkpoint before it is taken") for why in damaged]
            return Resumed(found.run, found.state, notes=said)
    if damaged:
        raise FileError(f"no checkpoint in {str(paths[0].parent)!r} is good: {damaged[0]}")
    return None


def _one(path: Path) -> Resumed:
    try:
        found = read(path)
        return Resumed(found.run, found.state)
    except FileError as error:
        for other in reversed(checkpoint_files(path.parent)):
            if step_of(other) < step_of(path):
                raise FileError(error.message, hint=f"resume={str(other)!r}") from None
        raise


def _check_not_running(found: Resumed) -> None:
    for run in active_runs():
        if run.id == found.id:
            raise TrainingError(
                f"{run.name!r} is under way (run {run.id}, step {run.step})",
                hint="run.stop() first, or run.resume() if it is paused",
            )
    _kept(found)


def _kept(found: Resumed) -> dict[str, Any] | None:
    """The row of a run, if there is one; TrainingError if another process trains it."""
    row = None if found.store is None else found.store.find(found.id)
    if row is not None and row["status"] not in FINAL and not is_gone(row):
        raise TrainingError(
            f"{_said(row)} is under way in another process, {row['pid']}",
            hint="stop it there, or end that kernel",
        )
    return row


def take_over(found: Resumed) -> None:
    """Make this process the one that trains the run; TrainingError if another does, FileError
    where that cannot be written."""
    row = _kept(found)
    if row is not None and found.store is not None and not found.store.take_over(row):
        raise TrainingError(f"{_said(row)} has just been taken up by another process")


# ----- options ------------------------------------------------------------------------------------


def resumable(train: Callable[P, Run]) -> Callable[P, Run]:
    """Gives ``nbdl.train`` the options that a resumed run was started with; a decorator."""

    @functools.wraps(train)
    def call(*args: P.args, **kwargs: P.kwargs) -> Run:
        if kwargs.get("resume") in (None, False):
            return train(*args, **kwargs)
        return train(*args, **_completed(args, kwargs))

    return call


def _completed(args: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they were, and as they are given now."""
    names = ("model", "data")
    everything = {**dict(zip(names, args, strict=False)), **given}
    name = everything.get("name") or name_of(modules_of(everything.get("model")))
    found = find(given["resume"], name, given.get("store", True))
    run, config = found.run, dict(found.run["config"])
    config.pop("parent", None)
    given = {key: value for key, value in given.items() if key != "resume"}
    new = {
        key: value for key, value in given.items()
        if key not in (*NOT_CONFIGURATION, *run["objects"])
        and plain_config({key: value})[key] != config.get(key)
    }  # fmt: skip
    by_name = ("lr",) if isinstance(new.get("lr"), Mapping) else ()
    for key in (*FIXED, *by_name):
        if key in new:
            raise ArgumentError(
                f"{key}={brief(new[key])} cannot be changed in the middle of a training: run "
                f"{found.id} has {key}={config.get(key)!r}",
                hint=f"leave {key} out, or train anew without resume",
            )
    for key in run["objects"]:
        if key not in given:
            raise ArgumentError(
                f"{run['name']!r} was started with {key}={config.get(key)}, which no file can "
                "keep: give it again",
                hint=f"nbdl.train(model, data, resume=..., {key}=...)",
            )
        config.pop(key, None)
    if "optim" in run["objects"]:
        config.pop("lr", None)
    _check_data(run["origin"], everything, given, config)
    found.changed = new
    return {"name": run["name"], "check": False, **config, **given, "resume": found}


def _check_data(
    origin: Mapping[str, Any], everything: Mapping[str, Any], given: Mapping[str, Any],
    config: dict[str, Any],
) -> None:  # fmt: skip
    """Raise DataError for other data than the run was trained on; a fraction of it that is held
    out is added to the options."""
    then = origin.get("val")
    if then is not None and "val" not in given:
        if "fraction" not in then:
            raise ArgumentError(
                "the run had data to validate on: give it again", hint="val=..."
            )
        config["val"] = then["fraction"]
    for what in ("data", "val"):
        now = everything.get(what)
        if now is None or isinstance(now, float) or origin.get(what) is None:
            continue
        wrong = difference(origin[what], fingerprint(now))
        if wrong:
            which = "the validation data is" if what == "val" else "the data is"
            raise DataError(f"{which} not what this run was trained with: {wrong}")


# ----- taking it up -------------------------------------------------------------------------------


def take_up(found: Resumed, run: Run, loop: Loop) -> None:
    """Let ``run``, built with the same options, go on where the checkpoint was taken.

    Raises TrainingError where the model is another one, or there is nothing left to do.
    """
    if found.state is not None:
        try:
            _restore(found, found.state, run)
        except (KeyError, IndexError, TypeError, AttributeError) as error:  # made by hand
            raise FileError(f"the checkpoint of run {found.id} makes no sense: {error!r}") from None
    elif weights_hash(run.models) != found.run["origin"]["weights"]:
        raise TrainingError(
            f"{run.name!r} (run {found.id}) was cut off before its first checkpoint, and the "
            "weights of the model are others now than those that it began with",
            hint="train it again without resume",
        )
    run.id, run.origin = found.id, found.run["origin"]
    if "parent" in found.run["config"]:
        run.config["parent"] = found.run["config"]["parent"]
    _change(found.changed, run, loop)
    if loop.over is not None or loop.done >= (run.epochs or 1):
        why = loop.over or f"{loop.done} epoch{'s' * (loop.done != 1)} done"
        enough = loop.max_steps is not None and run.step >= loop.max_steps
        more = f"max_steps={run.step + 100}" if enough else f"epochs={loop.done + 5}"
        said = f"{run.name!r} (run {run.id}) is finished: {why}"
        raise TrainingError(said, hint=f"{more} trains on")
    found.notes += _remarks(found, run)
    for kind, text in found.notes:
        run.history.note(kind, text)


def _change(changed: Mapping[str, Any], run: Run, loop: Loop) -> None:
    """Options of now in place of those of then, where the state says otherwise."""
    if isinstance(changed.get("lr"), (int, float)):
        for optimizer in run.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = changed["lr"]
        run.schedule = None
    if {"epochs", "max_steps"} & set(changed):
        enough = loop.max_steps is not None and run.step >= loop.max_steps
        loop.over = f"{run.step} steps done" if enough else None


def _remarks(found: Resumed, run: Run) -> list[tuple[str, str]]:
    epoch = f"epoch {run.epoch} of {run.epochs}" if run.epochs else f"epoch {run.epoch}"
    said = [("note", f"goes on after step {run.step} ({epoch})")]
    if found.state is None:
        said = [("note", "begins again: it was cut off before its first checkpoint")]
    if found.changed:
        new = ", ".join(f"{key}={brief(value)}" for key, value in found.changed.items())
        said.append(("note", f"with {new}"))
    reasons = why_not_identical(found.run["machine"], machine(run.models))
    if reasons and found.state is not None:
        said.append(("warning", f"continues, not bit-identical, because {'; '.join(reasons)}"))
    return said


def _restore(found: Resumed, state: State, run: Run) -> None:
    """Put the run where it was, with the model that may have been edited since."""
    state, carried = edited(state, run)
    restore(run, state)
    _recall(found, state, run, carried is not None)
    if carried is not None:
        found.notes.append(marked("edit", run.step, words(carried)))


def _recall(found: Resumed, state: State, run: Run, is_edited: bool) -> None:
    """The history up to the checkpoint, from the store; what was sampled of the layers only where
    they are the same."""
    if found.store is None or found.store.find(found.id) is None:
        return
    counts, tables = state.rest["run"]["history"], run.history.tables()
    for name, (columns, rows) in found.store.series(found.id).items():
        if name in tables and not is_edited:
            tables[name].read(columns, rows[: counts.get(name, 0)])
        elif name not in tables:
            run.history.extend(name, rows[: counts["series"].get(name, 0)])
    run.history.events[:0] = [(t, kind, text) for t, kind, text in found.store.events(found.id)]
