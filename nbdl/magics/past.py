"""``%runs``: what can be done with the trainings of the past."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbdl import experiments, nn, widgets
from nbdl.core import random
from nbdl.errors import NbdlError, did_you_mean
from nbdl.experiments import KeptRun, RunList
from nbdl.experiments.rerun import find
from nbdl.experiments.table import data_words
from nbdl.magics import inputs, show, traveling
from nbdl.magics import model as models
from nbdl.magics.arguments import Line
from nbdl.training.archive.origin import weights_hash
from nbdl.training.models import Definition, definitions

LIMIT = 20
"""Runs that are listed unless told otherwise."""


def kept() -> RunList:
    """The runs of this folder; none where the store cannot be read, which completion must not
    say."""
    try:
        return experiments.runs()
    except NbdlError:
        return RunList([])


@dataclass(frozen=True)
class Call:
    """One line of ``%runs``.

    Attributes:
        shell: IPython's shell.
        line: the words as they stand.
        args: the options.
        words: what follows the action.
        define: the magic ``%%model``, whose line a recorded source begins with.
    """

    shell: Any
    line: Line
    args: argparse.Namespace
    words: Sequence[str]
    define: Callable[..., Any]

    def run(self, word: str, among: RunList | None = None) -> KeptRun:
        """The run that a word names; an error that underlines it."""
        listed = self.line.run(experiments.runs) if among is None else among
        try:
            return listed[str(word)]
        except NbdlError as error:
            if not error.message.startswith("unknown"):
                raise self.line.error(error.message, word) from None
        known = [*(r.id for r in listed), *sorted({r.name for r in listed})]
        actions = ACTIONS if self.line.words[:1] == [word] else ()
        near = did_you_mean(word, [*actions, *known])
        some = f"\n  there are {', '.join(known[:20])}" if known else ""
        raise self.line.error(f"no run {str(word)!r} is kept here{near}{some}", word)

    def chosen(self, words: Sequence[str]) -> RunList:
        """The runs that words name; without words those that the options choose."""
        if words:
            return RunList([self.run(word) for word in words])
        args, line = self.args, self.line
        listed = line.run(experiments.runs)
        if args.model is not None:
            wanted = self.run(args.model, listed).name
            listed = listed.filter(name=wanted)
        for word in args.where or ():
            listed = line.run(listed.filter, line.text_of(word))
        listed = listed.filter(status=args.status, tag=args.tag)
        if args.sort is not None:
            listed = line.run(
                listed.sort, str(args.sort), descending=args.descending,
                about={"column": args.sort},
            )  # fmt: skip
        return listed

    @property
    def chooses(self) -> bool:
        """Whether an option chooses runs."""
        return any((self.args.where, self.args.model, self.args.status, self.args.tag))


def do(shell: Any, line: Line, args: argparse.Namespace, define: Callable[..., Any]) -> Any:
    """What a line of ``%runs`` asks for; what it returns is the cell's value."""
    words = args.words or []
    action = ACTIONS.get(words[0]) if words else LIST
    if action is None:
        action, words = (SHOW if len(words) == 1 else ACTIONS["compare"]), ["", *words]
    rest = words[1:]
    if not action.least <= len(rest) <= action.most:
        raise line.error(f"%runs {action.usage}", next(iter(rest[action.most :]), None))
    return action.function(Call(shell, line, args, rest, define))


# ----- the actions --------------------------------------------------------------------------


def _list(call: Call) -> RunList:
    limit = call.line.number(call.args.limit, "--limit", int)
    if limit is not None and limit < 1:
        raise call.line.error(f"--limit must be 1 or more, got {limit}", call.args.limit)
    return call.chosen(()).head(LIMIT if limit is None else limit)


def _show(call: Call) -> KeptRun:
    record = call.run(call.words[0])
    show.view(call.shell, widgets.dashboard(record))
    return record


def _compare(call: Call) -> Any:
    return call.line.run(call.chosen(call.words).compare)


def _rename(call: Call) -> None:
    record, name = call.run(call.words[0]), call.line.text_of(call.words[1])
    before = record.name
    call.line.run(record.rename, name)
    print(f"{record.id}: {before} is {name} now")


def _tag(call: Call) -> None:
    record = call.run(call.words[0])
    call.line.run(record.tag, *map(str, call.words[1:]))
    print(f"{record.id} ({record.name}): {' '.join(record.tags)}")


def _untag(call: Call) -> None:
    record = call.run(call.words[0])
    call.line.run(record.untag, *map(str, call.words[1:]))
    print(f"{record.id} ({record.name}): {' '.join(record.tags) or 'no tags'}")


def _note(call: Call) -> None:
    record = call.run(call.words[0])
    record.note = " ".join(map(str, call.words[1:]))
    print(f"{record.id} ({record.name}): {record.note or 'no note'}")


def _delete(call: Call) -> None:
    if not call.words and not call.chooses:
        raise call.line.error("%runs delete needs the runs: %runs delete ID, or --where CONDITION")
    chosen = call.chosen(call.words)
    call.line.run(chosen.delete)
    print(f"{_count(chosen)} in the trash now; %runs undo brings {_them(chosen)} back")


def _undo(call: Call) -> None:
    _back(call.line.run(experiments.undo))


def _restore(call: Call) -> None:
    thrown = call.line.run(experiments.runs, trash=True)
    back = RunList([call.run(word, thrown) for word in call.words])
    back.restore()
    _back(back)


def _back(runs: RunList) -> None:
    said = ", ".join(f"{r.id} ({r.name})" for r in runs)
    print(f"back from the trash: {said}" if said else "the trash is empty")


def _trash(call: Call) -> RunList:
    return call.line.run(experiments.runs, trash=True)


def _empty_trash(call: Call) -> None:
    count = call.line.run(experiments.empty_trash)
    print(f"{count} run{'s' * (count != 1)} removed for ever")


def _export(call: Call) -> None:
    chosen, path = call.chosen(call.words[:-1]), call.words[-1]
    print(f"written: {call.line.run(chosen.export, call.line.text_of(path))}")


def _report(call: Call) -> None:
    chosen, path = call.chosen(call.words[:-1]), call.words[-1]
    print(f"written: {call.line.run(chosen.report, call.line.text_of(path))}")


def _count(runs: RunList) -> str:
    return f"{len(runs)} run{'s are' if len(runs) != 1 else ' is'}"


def _them(runs: RunList) -> str:
    return "them" if len(runs) != 1 else "it"


# ----- again --------------------------------------------------------------------------------


def _rerun(call: Call) -> Any:
    record = call.run(call.words[0])
    variables = {n: v for n, v in call.shell.user_ns.items() if not n.startswith("_")}
    given = {
        name: variables[said]
        for name in record.origin.get("objects", ())
        if isinstance(said := record.config.get(name), str) and said in variables
    }
    parts = {name: _data(call, record, name, variables) for name in ("data", "val")}
    if parts["val"] is not None:
        given["val"] = parts["val"]
    model = _model(call, record, variables)
    return call.line.run(record.rerun, model, parts["data"], **given)


def _data(call: Call, record: KeptRun, name: str, variables: dict[str, Any]) -> Any:
    recorded = record.origin.get(name)
    if not recorded or "fraction" in recorded:
        return None
    found = find(recorded, variables)
    if found is None:
        what = "data" if name == "data" else "validation data"
        raise call.line.error(
            f"none of your variables holds the {what} of the run {record.id}: "
            f"{data_words(recorded)}\n"
            "  Try: run the cell that makes it, or record.rerun(model=..., data=..., val=...)",
            call.words[0],
        )
    return found


def _model(call: Call, record: KeptRun, variables: dict[str, Any]) -> nn.Module | None:
    """The model as it was at the beginning: from its cell, or a variable with those weights."""
    if record.source.startswith("%%model"):
        return _from_cell(call, record)
    for thing in variables.values():
        whole = isinstance(thing, nn.Module) and nn.is_built(thing)
        if whole and weights_hash([thing]) == record.origin.get("weights"):
            return copy.deepcopy(thing)  # the person's own stays as it is
    raise call.line.error(
        f"the run {record.id} has no recorded source, and no variable is a model with the weights "
        "it began with\n  Try: nbdl.runs()[...].rerun(model=..., data=...)",
        call.words[0],
    )


def _from_cell(call: Call, record: KeptRun) -> nn.Module:
    """The model that the recorded cell defines, with the chance of that time. What else the cell
    defines does not reach the person's variables."""
    first, _, cell = record.source.partition("\n")
    line = Line("%%model", first.removeprefix("%%model").strip(), call.shell.user_ns)
    args = line.parse(call.define)
    specs = inputs.read(line, args.inputs)
    state = record.origin.get("definition") or record.origin.get("random") or {}
    generator = random.Generator(0)
    if state:
        generator.restore(state)
    filename = call.shell.compile.cache(record.source, 0)
    scope = models.CellNamespace(call.shell.user_ns)
    with random.use(generator):
        body = models.on_its_lines(cell, call.shell.transform_cell(cell))
        module = models.as_module(models.evaluate(body, filename, scope))
        built = models.build(module, specs, str(args.name))
    definitions[built.model] = Definition(record.source, dict(state))
    return built.model


# ----- back in time --------------------------------------------------------------------------


def _at(call: Call) -> None:
    if call.args.variable is not None:
        call.line.run(models.check_variable, call.args.variable)
    run, step = call.words
    traveling.look_back(call.line, run, step, call.args.variable, lambda r: _like(call, r))


def _like(call: Call, record: KeptRun) -> nn.Module | None:
    """A model that is built like a run's: a variable of its name, or from its cell."""
    mine = call.shell.user_ns.get(record.name)
    if isinstance(mine, nn.Module) and nn.is_built(mine):
        return mine
    return _from_cell(call, record) if record.source.startswith("%%model") else None


@dataclass(frozen=True)
class Action:
    """What a first word of ``%runs`` does.

    Attributes:
        function: does it.
        usage: for messages.
        least, most: so many words follow.
    """

    function: Callable[[Call], Any]
    usage: str
    least: int = 0
    most: int = 1000


LIST = Action(_list, "lists the runs", 0, 0)
SHOW = Action(_show, "show ID", 1, 1)
ACTIONS = {
    "show": SHOW,
    "compare": Action(_compare, "compare ID ID ..."),
    "rename": Action(_rename, "rename ID NAME: two words, or a name in quotes", 2, 2),
    "tag": Action(_tag, "tag ID TAG ...", 2),
    "untag": Action(_untag, "untag ID TAG ...", 2),
    "note": Action(_note, "note ID 'a sentence'", 1),
    "delete": Action(_delete, "delete ID ..."),
    "undo": Action(_undo, "undo takes back the last deletion; nothing follows", 0, 0),
    "trash": Action(_trash, "trash lists what was deleted; nothing follows", 0, 0),
    "restore": Action(_restore, "restore ID ...", 1),
    "empty-trash": Action(_empty_trash, "empty-trash; nothing follows", 0, 0),
    "export": Action(_export, "export ID ... FILE", 1),
    "report": Action(_report, "report ID ... FILE.html", 1),
    "rerun": Action(_rerun, "rerun ID", 1, 1),
    "at": Action(_at, "at RUN STEP: the model as it was at that step", 2, 2),
}
"""By the first word of the line."""
