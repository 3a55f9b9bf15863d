"""``%train NAME --resume``: the words that a run was started with, and runs that were cut off."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from nbdl import files
from nbdl.experiments.rerun import find as data_like
from nbdl.magics import options
from nbdl.magics.arguments import Line
from nbdl.training.archive.records import FINAL, is_gone, kept_store
from nbdl.training.checkpointing.checkpoints import folder_of
from nbdl.training.checkpointing.options import WAYS
from nbdl.training.checkpointing.resume import Resumed, find, keeps_checkpoints
from nbdl.training.models import modules_of, name_of


def complete(
    text: Line, args: argparse.Namespace, given: dict[str, Any], model: Any,
    magic: Callable[..., Any],
) -> None:  # fmt: skip
    """Find the run that ``--resume`` means, and add to the words of now those of the run's own
    line that no file can keep: the data, and options whose values are variables."""
    wanted = True if args.resume is True else text.text_of(args.resume)
    name = given.get("name") or _name(model) or name_of(text.run(modules_of, model))
    found = text.run(find, wanted, name)
    given["resume"] = found
    if found.run["origin"].get("by") == "track":
        raise text.error(
            f"{found.run['name']} is a loop of your own: run its cell again, with resume=True in "
            "nbdl.track"
        )
    line = found.run["origin"].get("line")
    if line is None:
        return
    then = Line(text.magic, line, text.namespace)
    old = then.parse(magic)
    if args.data is None and old.data is not None:
        args.data = _name_only(text, old.data, "the data")
    for option in options.TRAIN:
        word = getattr(old, option.name)
        if option.name in given or word is None or not _is_needed(option.name, found.run):
            continue
        for each in word if isinstance(word, list) else [word]:
            _name_only(text, each, option.flag)
        given[option.name] = options.READ[option.kind](then, word, option)


def _name(model: Any) -> str | None:
    """What a Keras model's fits are called, if there are any."""
    name, store = getattr(model, "name", None), kept_store()
    if store is None or not callable(getattr(model, "fit", None)):
        return None
    return next((name for row in store.runs() if row["name"] == name), None)


def is_fit(given: Mapping[str, Any]) -> bool:
    """Whether what is to go on is a fit of a Keras model."""
    found = given.get("resume")
    return found is not None and found.run["origin"].get("by") == "fit"


def fit_again(
    text: Line, args: argparse.Namespace, given: Mapping[str, Any], model: Any
) -> Any:
    """The run of a fit that goes on. Its data, if it is not given, is found among the person's
    variables, as they are the arrays that it began with."""
    found = given["resume"]
    named = f"{found.run['name']} (run {found.id})"
    if not callable(getattr(model, "fit", None)):
        raise text.error(f"{named} was a fit of a Keras model, {args.model} is none", args.model)
    for option in options.TRAIN:
        if option.name in given and option.name not in ("epochs", "callbacks", "name"):
            raise text.error(
                f"{named} is a fit of a Keras model, which goes on without {option.flag}",
                getattr(args, option.name),
            )
    origin = found.run["origin"]
    data = _data_of(text, origin["data"], args.data, f"the data of {named}", "{(x, y)}")
    keywords = {key: given[key] for key in ("epochs", "callbacks") if key in given}
    parts = data if isinstance(data, tuple) else (data,)
    keywords |= dict(zip(("x", "y", "sample_weight"), parts, strict=False))
    if origin.get("val") is not None:
        said = f"the validation data of {named}"
        keywords["validation_data"] = _data_of(text, origin["val"], None, said, "model.fit")
    history = text.run(model.fit, resume=found, verbose=0, wait=False, **keywords)
    return history.run


def _data_of(text: Line, recorded: Mapping[str, Any], word: Any, what: str, how: str) -> Any:
    if word is not None:
        return text.value(word, "data")
    data = data_like(recorded, text.namespace)
    if data is None:
        raise text.error(f"{what} is not among your variables: give it again, by {how}")
    return data


def _is_needed(name: str, run: Mapping[str, Any]) -> bool:
    if name == "val":
        return "fraction" not in run["origin"].get("val", {})
    return name == "callbacks" or name in run["objects"]


def _name_only(text: Line, word: Any, what: str) -> Any:
    """The word if it is the name of a variable. A file may hold any text: none is evaluated."""
    if all(part.isidentifier() for part in word.split(".")):
        return word
    raise text.error(f"the run was started with {what} {word}: give it again")


def tell(run: Any, found: Resumed | None) -> None:
    """Say where a run goes on, and what the person should know of it."""
    for _, said in () if found is None else found.notes:
        print(f"{run.name} {said}" if said.startswith(("goes on", "begins")) else said)


def _interrupted() -> list[dict[str, Any]]:
    """The rows of runs in the working directory's store whose process is gone, each the newest of
    its name, the newest first. What they were writing when they were killed is removed."""
    store = kept_store()
    if store is None:
        return []
    newest = {row["name"]: row for row in store.runs()}
    gone = [row for row in newest.values() if row["status"] not in FINAL and is_gone(row)]
    for row in gone:
        files.sweep(folder_of(store.path, row["id"]))
    return gone[::-1]


def cut_off() -> list[str]:
    """A line for each model whose newest training was cut off by the end of its kernel."""
    return [_cut_off(row) for row in _interrupted()]


def _cut_off(row: Mapping[str, Any]) -> str:
    what = f"training {row['name']} was cut off at step {row['step'] or 0}"
    config, origin = json.loads(row["config"]), json.loads(row["origin"] or "{}")
    if not keeps_checkpoints(config, origin):
        return f"{what}: %runs has its numbers"
    line = origin.get("line")
    how = WAYS.get(origin.get("by", "train"))
    if line is not None:
        how = f"%train {line.split()[0]} --resume"
    return f"{what}: {how or 'resume=True'} goes on"
