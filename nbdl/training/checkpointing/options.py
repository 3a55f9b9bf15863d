"""The options that a resumed run goes on with: those it was started with, where none are given."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from nbdl.errors import ArgumentError, DataError, TrainingError, brief
from nbdl.training.archive.origin import difference, fingerprint
from nbdl.training.archive.recorder import plain_config
from nbdl.training.checkpointing.resume import Resumed, find
from nbdl.training.models import modules_of, name_of
from nbdl.training.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

FIXED = ("batch_size", "accumulate", "seed", "optim", "schedule", "target", "shuffle",
         "steps_per_epoch", "validation_split", "initial_epoch", "class_weight")  # fmt: skip
"""Options that a run keeps: with others its state would mean something else."""

NOT_CONFIGURATION = ("model", "data", "val", "source", "wait", "progress", "store", "callbacks",
                     "resume", "check", "line", "start", "optimizer", "state", "x", "y",
                     "sample_weight", "validation_data", "verbose", "self")  # fmt: skip
"""Arguments that are not kept with a run as its options."""

WAYS = {
    "train": "nbdl.train(model, data, resume=True)",
    "track": "nbdl.track(data, model=..., optimizer=..., resume=True)",
    "fit": "model.fit(x, y, resume=True)",
}
"""How a run goes on, by what began it: ``origin["by"]``."""


def resumable(
    by: str, about: Callable[[dict[str, Any]], Mapping[str, Any]] = dict
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Gives a function that trains the options that a resumed run was started with; a decorator.

    Args:
        by: its key in WAYS.
        about: gives ``name``, ``model``, ``data`` and ``val`` of its arguments, where they are not
            called so.
    """

    def decorated(train: Callable[P, R]) -> Callable[P, R]:
        usual = {k: p.default for k, p in inspect.signature(train).parameters.items()}

        @functools.wraps(train)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if kwargs.get("resume") in (None, False):
                return train(*args, **kwargs)
            given = {**dict(zip(usual, args, strict=False)), **kwargs}
            completed: dict[str, Any] = _completed(given, about(given), by, usual)
            origin = completed["resume"].run["origin"]
            with Settings.now().like(origin.get("settings")).applied():
                return train(**completed)  # type: ignore[call-arg]

        return call

    return decorated


def _completed(
    everything: Mapping[str, Any], things: Mapping[str, Any], by: str, usual: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments as they were, and as they are given now."""
    name = things.get("name") or name_of(modules_of(things.get("model")))
    found = find(everything["resume"], name, everything.get("store", True))
    run, config = found.run, dict(found.run["config"])
    _check_way(found, by)
    config.pop("parent", None)
    given = {key: value for key, value in everything.items() if key != "resume"}
    before = {**usual, "name": run["name"], **config}
    new = {
        key: value for key, value in given.items()
        if key not in (*NOT_CONFIGURATION, *run["objects"])
        and plain_config({key: value})[key] != before.get(key)
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
                hint=f"{WAYS[by].partition('(')[0]}(..., resume=..., {key}=...)",
            )
        config.pop(key, None)
    if "optim" in run["objects"]:
        config.pop("lr", None)
    _check_data(run["origin"], things, config, by)
    found.changed = new
    then = {"name": run["name"], "check": False, **config}
    return {**{key: then[key] for key in then if key in usual}, **given, "resume": found}


def _check_way(found: Resumed, by: str) -> None:
    """Raise TrainingError for a run that something else has begun."""
    then = found.run["origin"].get("by", "train")
    if then != by:
        raise TrainingError(
            f"{found.run['name']!r} (run {found.id}) was not begun by {WAYS[by].partition('(')[0]}",
            hint=f"{WAYS[then]} goes on with it" if then in WAYS else None,
        )


def _check_data(
    origin: Mapping[str, Any], things: Mapping[str, Any], config: dict[str, Any], by: str
) -> None:
    """Raise DataError for other data than the run was trained on; a fraction of it that is held
    out is added to the options."""
    then = origin.get("val")
    if then is not None and "val" not in things:
        if "fraction" not in then:
            raise ArgumentError(
                "the run had data to validate on: give it again",
                hint="validation_data=..." if by == "fit" else "val=...",
            )
        config["val"] = then["fraction"]
    for what in ("data", "val"):
        now = things.get(what)
        if now is None or isinstance(now, float) or origin.get(what) is None:
            continue
        wrong = difference(origin[what], fingerprint(now))
        if wrong:
            which = "the validation data is" if what == "val" else "the data is"
            raise DataError(f"{which} not what this run was trained with: {wrong}")
