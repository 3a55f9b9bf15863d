"""Going on with a run that was cut off: finding what is left of it, and taking it up."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nbdl.errors import ArgumentError, FileError, TrainingError, brief, unknown
from nbdl.training.active import active_runs, claim, release
from nbdl.training.archive.database import Store
from nbdl.training.archive.environment import machine, why_not_identical
from nbdl.training.archive.origin import weights_hash
from nbdl.training.archive.recorder import keep, objects, plain_config, recorder
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
from nbdl.training.statistics.history import marked

if TYPE_CHECKING:
    from nbdl.training.run import Run


class Place(Protocol):
    """Where a run's loop is.

    Attributes:
        done: epochs that are complete.
        over: the sentence that the run ends with, or None.
        max_steps: end after so many steps; None for no such bound.
    """

    done: int
    over: str | None
    max_steps: int | None


# ----- what is taken down -------------------------------------------------------------------------


def about(run: Run) -> dict[str, Any]:
    """What a checkpoint says of its run, besides the state."""
    return {
        "id": run.id, "name": run.name, "config": plain_config(run.config),
        "objects": objects(run.config), "source": run.source, "origin": run.origin,
        "machine": machine(run.models),
    }  # fmt: skip


def enter(
    run: Run, store: Any, policy: Policy | None, found: Resumed | None = None,
    beside: bool = False,
) -> None:  # fmt: skip
    """Claim a run's models; keep it in its store, and its checkpoints beside that.

    Args:
        store: as for ``nbdl.train``.
        policy: when checkpoints are written; None for none.
        found: the run that it goes on with.
        beside: see ``Checkpoints``.
    """
    claim(run)
    run.origin.setdefault("settings", run.settings.plain())
    try:
        if found is not None:
            take_over(found)
        kept = keep(run, store)
        if kept is not None and policy is not None:
            folder = folder_of(kept.path, run.id)
            written = Checkpoints(run, folder, policy, functools.partial(about, run), beside)
            run.checkpoints = written
            run.at_end.insert(0, written.finish)  # the store hears of what goes wrong
    except BaseException:
        release(run)
        raise


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
        if not keeps_checkpoints(config, origin):
            raise TrainingError(
                f"{_said(row)} has kept no checkpoints", hint="train it again without resume"
            )
        known = {"objects": origin["objects"], "machine": {}, "config": config}
        found = Resumed({"id": row["id"], "name": row["name"], "origin": origin, **known}, None)
    found.store = store
    return found


def is_cut_off(run: str) -> bool:
    """Whether the working directory's store has a run of this id that was not finished and has a
    checkpoint."""
    store = kept_store()
    row = None if store is None else store.find(run)
    if store is None or row is None or row["status"] == "finished":
        return False
    return bool(checkpoint_files(folder_of(store.path, run)))


def keeps_checkpoints(config: Mapping[str, Any], origin: Mapping[str, Any]) -> bool:
    """Whether a run of the store has a state to go on from, be it that of its beginning."""
    return config.get("checkpoint") is not False and "weights" in origin


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


# ----- taking it up -------------------------------------------------------------------------------


def take_up(found: Resumed, run: Run, loop: Place) -> None:
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


def _change(changed: Mapping[str, Any], run: Run, loop: Place) -> None:
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
    then = found.run["origin"].get("settings")
    reasons += run.settings.why_not_identical(then, run.models)
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
        elif name not in tables and counts["series"].get(name, 0):
            run.history.extend(name, rows[: counts["series"][name]])
    run.history.events[:0] = [(t, kind, text) for t, kind, text in found.store.events(found.id)]
