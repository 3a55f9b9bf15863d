"""``%train --lr-find`` and ``--sweep``: trainings that look for good options."""

from __future__ import annotations

import inspect
from typing import Any

from nbdl import experiments, training
from nbdl.magics.arguments import Line


def find_lr(text: Line, model: Any, data: Any, given: dict[str, Any], about: Any) -> Any:
    """``--lr-find``: with the options that a finder has; the others are for trainings."""
    if "step" in given:
        raise text.error("--lr-find does not go with --step, which does the whole step itself")
    known = inspect.signature(training.lr_find).parameters
    options = {name: value for name, value in given.items() if name in known}
    return text.run(training.lr_find, model, data, about=about, **options)


def sweep(
    text: Line, args: Any, model: Any, data: Any, given: dict[str, Any], about: Any
) -> experiments.Sweep:
    """``--sweep``: begins one, which goes on in the background."""
    space: dict[str, Any] = {}
    for word in args.sweep:
        name, equals, values = word.partition("=")
        if not equals or not name or not values:
            raise text.error("--sweep needs NAME=VALUES, such as lr=1e-4..1e-1:log", word)
        space[name.replace("-", "_")] = values
    for name in space:
        if name in given:
            raise text.error(f"{name} is given as an option and swept: one of them")
    if args.trials is not None:
        given = {**given, "trials": text.number(args.trials, "--trials", int)}
    words = {word.partition("=")[0]: word for word in args.sweep}
    found: experiments.Sweep = text.run(
        experiments.sweep, model, data, space, wait=False, about={**about, **words}, **given
    )
    return found
