"""``%runs at RUN STEP`` and ``%train RUN --branch STEP``: the past of a run, and another future."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from nbdl import experiments, training
from nbdl.errors import NbdlError
from nbdl.experiments import KeptRun, RunList
from nbdl.magics import options
from nbdl.magics.arguments import Line
from nbdl.training.checkpointing.travel import in_memory
from nbdl.training.models import modules_of

_ALONE = ("resume", "lr_find", "sweep", "trials", "step", "optimizers")
"""Options of ``%train`` that do not go with ``--branch``."""


def past_of(line: Line, word: Any) -> Any:
    """The run that a word names: a variable that holds one, or a run that is kept, by its id, its
    first letters or its name (the newest of that name)."""
    found = line.namespace.get(word)
    if isinstance(found, training.Run):
        return found
    kept = line.run(experiments.runs)
    try:
        record = kept[str(word)]
    except NbdlError as error:
        mine = _of_model(line, found)
        if mine is not None:
            return mine
        names = variables(line.namespace)
        some = f"\n  variables that hold runs: {', '.join(names)}" if names else ""
        raise line.error(f"{error.message}{some}", word) from None
    return in_memory(record.id) or record


def _of_model(line: Line, model: Any) -> Any:
    """The newest run among the variables that trains a model, where it is not kept."""
    mine = [
        each for each in line.namespace.values()
        if isinstance(each, training.Run) and any(model is m for m in each.models)
    ]  # fmt: skip
    return max(mine, key=lambda run: run.started or 0.0, default=None)


def variables(namespace: Mapping[str, Any]) -> list[str]:
    """Names of variables that hold runs."""
    return [
        name for name, value in namespace.items()
        if isinstance(value, training.Run) and not name.startswith("_")
    ]  # fmt: skip


def names(namespace: Mapping[str, Any], kept: RunList) -> list[str]:
    """What a run can be called here."""
    return [*variables(namespace), *(word for r in kept for word in (r.id, r.name))]


def look_back(
    line: Line, run_word: Any, step_word: Any, variable: Any, made: Callable[[KeptRun], Any]
) -> None:
    """Make the model as it was at a step a variable, and say which step it is of.

    Args:
        made: gives a model like that of a run which is not in memory.
    """
    run = past_of(line, run_word)
    step = line.number(step_word, "the step", int)
    given = (made(run),) if isinstance(run, KeptRun) and step in run.steps_kept else ()
    model = line.run(run.at, step, *given, about={"step": step_word, "run": run_word})
    name = str(variable) if variable is not None else f"{_word(run.name)}_at_{step}"
    for each in modules_of(model):
        print(f"{name} is {each._name}")
    line.namespace[name] = model


def _word(name: str) -> str:
    """A name as a part of a variable's."""
    kept = "".join(letter if letter.isalnum() else "_" for letter in name)
    return kept if kept.isidentifier() else f"run_{kept}"


def branch(
    line: Line, args: argparse.Namespace, given: dict[str, Any], about: dict[str, Any],
    magic: Any,
) -> Any:  # fmt: skip
    """Start the branch that a line of ``%train`` asks for; the new run."""
    for name in _ALONE:
        if getattr(args, name):
            flag = f"--{name.replace('_', '-')}"
            raise line.error(f"--branch does not go with {flag}", line.typed(flag))
    run = past_of(line, args.model)
    step = line.number(args.branch, "--branch", int)
    changes = dict(given)
    if isinstance(run, KeptRun):
        changes = {**_again(line, run), **changes}
    if args.data is not None:
        changes["data"] = line.value(args.data, "data")
    return line.run(
        run.branch, step, wait=False, line=_merged(line, args, run, magic), **changes,
        about={**about, "step": args.branch, "data": args.data, "run": args.model},
    )  # fmt: skip


def _again(line: Line, record: KeptRun) -> dict[str, Any]:
    """The model and the data that the line of a run which is not in memory named, where variables
    of these names are there. A file may hold any text: none is evaluated."""
    words = (record.origin.get("line") or "").split()
    found = {}
    for name, word in zip(("model", "data"), words, strict=False):
        if word.isidentifier() and word in line.namespace:
            found[name] = line.namespace[word]
    then = dict(pairwise(words)).get("--val", "")
    if then.isidentifier() and then in line.namespace:
        found["val"] = line.namespace[then]
    return found


def _merged(line: Line, args: argparse.Namespace, run: Any, magic: Any) -> str | None:
    """The line that a resumed branch finds its data and functions by: the run's own, with the
    words of now in place of those of then."""
    then = run.origin.get("line")
    if then is None:
        return None
    before = Line(line.magic, then, line.namespace)
    old = before.parse(magic)
    parts = [_raw(before, old.model)]
    data = [(line, args.data), (before, old.data)]
    parts += [_raw(*pair) for pair in data if pair[1] is not None][:1]
    for option in options.TRAIN:
        for source, said in ((line, args), (before, old)):
            word = getattr(said, option.name)
            words = word if isinstance(word, list) else [word]
            if word is not None and not isinstance(word, bool):
                parts += [option.flag, *(_raw(source, each) for each in words)]
                break
    return " ".join(parts)


def _raw(line: Line, word: Any) -> str:
    """A word as it stands in its line, quotes included."""
    return line.text[word.start : word.end]
