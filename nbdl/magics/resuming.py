"""``%train NAME --resume``: the words that a run was started with, and runs that were cut off."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from nbdl import files
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
    found = text.run(find, wanted, given.get("name") or name_of(text.run(modules_of, model)))
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
