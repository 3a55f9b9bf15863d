"""Time travel of runs that are over: to the steps of which there is a checkpoint, or, while the run
is still in memory, to all its snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.training import Run, train
from nbdl.training.archive.origin import difference, fingerprint
from nbdl.training.archive.records import RunRecord
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of, read, step_of
from nbdl.training.checkpointing.state import State
from nbdl.training.checkpointing.travel import Start, in_memory, model_at
from nbdl.training.statistics.history import History


@dataclass(frozen=True)
class _Parent:
    """What a branch wants to know of the run that it goes on from."""

    id: str
    history: History


def steps_kept(record: RunRecord) -> list[int]:
    """The steps that ``at`` and ``branch`` can go back to."""
    run = in_memory(record.id)
    if run is not None:
        return run.steps_kept
    files = checkpoint_files(folder_of(record.store.path, record.id))
    return list(dict.fromkeys(map(step_of, files)))


def at(record: RunRecord, step: Any, model: Any) -> Any:
    """A copy of the model at a step; see ``KeptRun.at``."""
    run = in_memory(record.id)
    if run is not None:
        return run.at(step)
    state = _state(record, step)
    if model is None:
        raise ArgumentError(
            f"the model of the run {record.id} ({record.name}) is not in memory: give one that is "
            "built like it",
            hint=f"record.at({step}, model), or %runs at {record.id} {step}",
        )
    return model_at(model, state)


def _state(record: RunRecord, step: Any) -> State:
    """The state in the checkpoint of a step. Raises ArgumentError where there is none, FileError
    for a damaged one."""
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise ArgumentError(f"step must be a whole number, got {brief(step)}")
    files = checkpoint_files(folder_of(record.store.path, record.id))
    for path in reversed(files):
        if step_of(path) == step.__index__():
            return read(path).state
    if not files:
        raise ArgumentError(
            f"there is no step to go back to in the run {record.id} ({record.name}): its snapshots "
            "ended with its kernel, and it has no checkpoints"
        )
    steps = list(dict.fromkeys(map(step_of, files)))
    raise ArgumentError(
        f"there is no step {step:,} to go back to in the run {record.id} ({record.name}): its "
        f"snapshots ended with its kernel, its checkpoints are of {', '.join(map(str, steps))}",
        hint=f"step {max((s for s in steps if s <= step), default=steps[0])}",
    )


def branch(
    record: RunRecord, step: Any, model: Any, data: Any, changes: Mapping[str, Any]
) -> Run:
    """Train on from a step as a new run; see ``KeptRun.branch``."""
    run = in_memory(record.id)
    if run is not None:
        return run.branch(step, **changes, **({} if data is None else {"data": data}))
    state, config = _state(record, step), dict(record.config)
    if record.origin.get("by", "train") != "train" or "step" in config:
        raise ArgumentError(
            f"the run {record.id} ({record.name}) has a loop or a step of your own, which no file "
            "can keep",
            hint="record.at(step, model), and train that",
        )
    config.pop("parent", None)
    objects = record.origin.get("objects", ())
    then = record.origin.get("val")
    if then and "fraction" in then:
        config["val"] = then["fraction"]
    missing = [name for name in (*objects, *(["val"] if then else ()))
               if name not in changes and (name in objects or name not in config)]  # fmt: skip
    if missing or model is None or data is None:
        wanted = [*(n for n, x in (("model", model), ("data", data)) if x is None), *missing]
        raise ArgumentError(
            f"a branch of the run {record.id} ({record.name}) needs its {', '.join(wanted)} again",
            hint=f"record.branch({step}, model, data{''.join(f', {n}=...' for n in missing)})",
        )
    changed = {name for name in changes if name not in objects} - {"val"}
    if difference(record.origin["data"], fingerprint(data)):
        changed.add("data")
    given = {"name": record.name, "check": False, **config, **changes}
    parent = _Parent(record.id, record.history())
    return train(
        model_at(model, state), data, **given, start=Start(parent, state, frozenset(changed))
    )
