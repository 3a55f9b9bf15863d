"""The options of ``%train``: one table for the help, the reading, the completion and the errors.

Each stands for the argument of ``nbdl.train`` that has its name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.magic_arguments import argument

from nbdl import training
from nbdl.inspection.gradient_flow import MEASURES
from nbdl.magics.arguments import Line, parts
from nbdl.magics.words import Word
from nbdl.training.precision import PRECISIONS


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: the argument of ``nbdl.train``.
        kind: how its word is read: one of READ.
        help: for ``%train --help``.
        metavar: what stands for its value there.
        known: the names it takes.
        said: what messages of ``nbdl.train`` call it, if not by its name.
    """

    name: str
    kind: str
    help: str
    metavar: str | None = None
    known: Collection[str] = ()
    said: str = ""

    @property
    def flag(self) -> str:
        """As it is typed: ``--batch-size``; ``--no-check`` for what is switched off."""
        return f"--{'no-' * (self.kind == 'off')}{self.name.replace('_', '-')}"

    def declare(self, magic: Callable[..., Any]) -> Callable[..., Any]:
        """The option as one of IPython's magic arguments."""
        names = f": {', '.join(sorted(self.known))}" if self.known else ""
        if self.kind == "switch":  # on, off, or as nbdl.train decides
            magic = self._constant(f"--no-{self.flag[2:]}", False, f"never {self.name}")(magic)
            return self._constant(self.flag, True, self.help)(magic)
        if self.kind == "setting":
            magic = self._constant(f"--no-{self.flag[2:]}", False, f"no {self.name}s")(magic)
        if self.kind == "off":
            return self._constant(self.flag, False, self.help)(magic)
        many = {"nargs": "+"} if self.kind in ("names", "texts") else {}
        return argument(
            self.flag, dest=self.name, metavar=self.metavar, help=f"{self.help}{names}", **many
        )(magic)

    def _constant(self, flag: str, value: bool, said: str) -> Callable[..., Any]:
        """A flag that stands for a value."""
        return argument(flag, dest=self.name, action="store_const", const=value, help=said)


def _rates(line: Line, word: Any, option: Option) -> Any:
    """A number; or several by pattern: ``head.*=1e-3,*=1e-4``, or a dict from an expression."""
    if "=" in word and not word.startswith("{"):
        pairs = [part.rpartition("=") for part in parts(word)]
        return {name: line.number(rate, option.flag) for name, _, rate in pairs}
    value = line.value(word, option.flag) if word.startswith("{") else None
    return value if isinstance(value, dict) else line.number(word, option.flag)


def _setting(line: Line, word: Any, option: Option) -> Any:
    """False; a whole number, a text of name=value, or what a variable or {expression} holds."""
    value = word if word is False else line.text_of(word, variables=True)
    return int(value) if isinstance(value, str) and value.isdigit() else value


READ: dict[str, Callable[[Line, Any, Option], Any]] = {
    "number": lambda line, word, option: line.number(word, option.flag),
    "whole": lambda line, word, option: line.number(word, option.flag, int),
    "name": lambda line, word, option: line.named(word, option.known, option.flag),
    "names": lambda line, words, option: line.several(words, option.known, option.flag),
    "rates": lambda line, word, option: _rates(line, word, option),
    "text": lambda line, word, option: line.text_of(word),
    "texts": lambda line, words, option: [line.text_of(word) for word in words],
    "condition": lambda line, word, option: line.text_of(word, variables=True),
    "amount": lambda line, word, option: _amount(line.text_of(word, variables=True)),
    "value": lambda line, word, option: line.value(word, option.flag),
    "setting": _setting,
    "off": lambda line, word, option: word,
    "switch": lambda line, word, option: word,
}
"""Kind of option -> how its word becomes the argument."""


def _amount(said: Any) -> Any:
    """A count, or a size with its unit as it was said."""
    return int(said) if isinstance(said, str) and said.lstrip("-").isdigit() else said


class Devices(tuple[str, ...]):
    """The names of devices, numbered ones included."""

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word.partition(":")[0] in tuple(self)


DEVICES = Devices(("cpu", "cuda"))

TRAIN = (
    Option("val", "value", "data to validate on after each epoch, or a fraction to hold out",
           "DATA"),
    Option("loss", "name", "cross_entropy unless given; a function (outputs, targets), or", "NAME",
           training.LOSSES),
    Option("optim", "name", "adamw unless given; an optimizer, or", "NAME", training.OPTIMIZERS,
           "optimizer"),
    Option("lr", "rates", "learning rate; each optimizer has its own default. By pattern of names: "
           "head.*=1e-3,*=1e-4", "RATE"),
    Option("freeze", "texts", "leave parameters and layers with such names as they are", "PATTERN"),
    Option("epochs", "whole", "passes over the data (5)", "N"),
    Option("batch_size", "whole", "examples a step (64)", "N"),
    Option("accumulate", "whole", "batches that one update of the weights learns from (1)", "N"),
    Option("metrics", "names", "functions (outputs, targets), or", "NAME", training.METRICS,
           "metric"),
    Option("schedule", "name", "of the learning rate: a function of the optimizer, or", "NAME",
           training.SCHEDULES),
    Option("max_steps", "whole", "end after so many steps", "N"),
    Option("stop_when", "condition",
           "end when: converged, loss<0.01, 'val_accuracy > 0.98', or a function of the run",
           "CONDITION", said="stop condition"),
    Option("early_stopping", "value",
           "end when the validation loss has not improved for so many epochs", "EPOCHS"),
    Option("clip_norm", "number", "bound the norm of all gradients together", "NORM"),
    Option("precision", "name", "of products, with all else in float32:", "NAME",
           PRECISIONS),
    Option("checkpoint_layers", "texts", "compute activations of such layers again: less memory",
           "PATTERN"),
    Option("ema", "number", "validate and end with an exponential mean of the weights", "DECAY"),
    Option("mixup", "number", "mix samples by weights from Beta(ALPHA, ALPHA): 0.2", "ALPHA"),
    Option("cutmix", "number", "mix images by rectangles: 1.0", "ALPHA"),
    Option("seed", "whole", "of the order of the data, dropout and all other chance (0)", "N"),
    Option("device", "name", "move model and data there first:", "NAME", DEVICES),
    Option("deterministic", "switch",
           "the same numbers each time on a GPU, too, where it is slower"),
    Option("compile", "switch",
           "trace the step once and replay it as fused kernels from step 2 on; unless given, from "
           "step 2 on if the training is long enough to gain by it"),
    Option("step", "value", "a function of the batch that does the whole step itself",
           "FUNCTION"),
    Option("optimizers", "value", "with --step: what it uses, to watch the learning rate",
           "LIST"),
    Option("callbacks", "value", "functions of the run, called after each epoch", "LIST",
           said="callback"),
    Option("history", "amount",
           "keep so many snapshots, or as many as fit into 200MB, for run.at(step) and "
           "run.branch(step)", "N"),
    Option("target", "text", "key of the target in batches that are dicts", "KEY"),
    Option("name", "text", "of the run, in place of the model's", "NAME"),
    Option("checkpoint", "setting",
           "how the state is kept for --resume, if not as often as costs next to nothing: "
           "every so many steps, or \"minutes=10, best='val_accuracy', keep=3\"", "N"),
    Option("check", "off", "do not look through the data for NaN and wrong classes first"),
    Option("store", "off", "do not keep the run in the run store"),
)  # fmt: skip
"""In the order of the help."""


@dataclass(frozen=True)
class Choice:
    """An option whose word the magic reads itself."""

    name: str
    metavar: str | None
    help: str
    many: bool = False

    def declare(self, magic: Callable[..., Any]) -> Callable[..., Any]:
        """The option as one of IPython's magic arguments; without a metavar it takes no value."""
        if self.metavar is None:
            return argument(f"--{self.name}", action="store_true", help=self.help)(magic)
        action = {"action": "append"} if self.many else {}
        return argument(f"--{self.name}", metavar=self.metavar, help=self.help, **action)(magic)


RUNS = (
    Choice("where", "CONDITION", "only runs with 'val_accuracy>0.9', 'name~lenet' (contains), "
           "config.loss=mse; may be given several times", many=True),
    Choice("model", "NAME", "only runs of this name"),
    Choice("status", "STATUS",
           "only finished, stopped, pruned, interrupted, failed, killed, running ones"),
    Choice("tag", "TAG", "only runs with this tag"),
    Choice("sort", "COLUMN", "by a column, a metric or an option"),
    Choice("descending", None, "with --sort: from the largest down"),
    Choice("limit", "N", "how many to list (20)"),
)  # fmt: skip
"""In the order of the help."""


INSPECT = (
    Choice("on", "INPUT", "run the model on this input and show activations and gradients"),
    Choice("target", "TARGET", "what belongs to the input of --on"),
    Choice("loss", "NAME",
           "what the gradients are of: a loss by name, or a function (outputs, targets)"),
    Choice("input", "SHAPE", "sizes of one example, for a model that has not seen any", many=True),
    Choice("gradients", None, "of a run: what goes on in its layers over the steps"),
    Choice("measure", "NAME", f"the same, with one of {', '.join(MEASURES)} shown first"),
    Choice("diff", None, "of two models: what differs, side by side"),
    Choice("graph", None,
           "of a tensor: the computation behind it; of a run: its layers, step by step"),
    Choice("axes", "NAMES", "names of a tensor's axes, such as N,C,H,W"),
    Choice("labels", "LABELS", "one for each row of a table: colours of its projection"),
    Choice("save", "FILE",
           "write it to FILE instead: a page (.html), or a picture (.svg, .png)"),
    Choice("plotly", None, "of a run, its --gradients, or a tensor: as a plotly figure"),
)  # fmt: skip
"""In the order of the help."""


def with_choices(choices: Sequence[Choice]) -> Callable[..., Any]:
    """Declare the options of ``%runs`` or ``%inspect``; a decorator."""

    def declare(magic: Callable[..., Any]) -> Callable[..., Any]:
        for choice in reversed(choices):
            magic = choice.declare(magic)
        return magic

    return declare


def with_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the options of ``%train``; a decorator."""
    for option in reversed(TRAIN):
        magic = option.declare(magic)
    return magic


def read(line: Line, args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Word]]:
    """(keyword arguments of ``nbdl.train``, words they come from by what messages call them)."""
    keywords, about = {}, {}
    for option in TRAIN:
        word = getattr(args, option.name)
        if word is not None:
            keywords[option.name] = READ[option.kind](line, word, option)
            about[option.said or option.name] = word
    return keywords, about
