"""Controls of a training under way, as words of ``%train``: what the dashboard's buttons do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument

from nbdl.experiments import Sweep
from nbdl.magics.arguments import Line
from nbdl.training import Run
from nbdl.training.active import run_of, sweep_of

SWITCHES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "--pause": ("wait after the step under way; --resume goes on", Run.pause),
    "--single-step": ("make one step and pause", Run.single_step),
    "--stop": ("end after the step under way; the model keeps what it has learned", Run.stop),
    "--save": ("write a checkpoint that stays, after the step under way", Run.save),
}
"""Options without a value: what they do, in words and in fact."""

NUMBERS: dict[str, tuple[str, str, type, Callable[[Any, Any], None]]] = {
    "--set-lr": ("RATE", "go on with this learning rate", float, Run.set_lr),
    "--add-epochs": ("N", "train for N more epochs than was said", int, Run.add_epochs),
}
"""Options with a number: its name, what they do, its kind."""


def with_controls(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate ``%train`` with the controls."""
    for flag, (metavar, said, _, _) in reversed(NUMBERS.items()):
        magic = argument(flag, metavar=metavar, help=f"of a training under way: {said}")(magic)
    for flag, (said, _) in reversed(SWITCHES.items()):
        magic = argument(flag, action="store_true", help=f"of a training under way: {said}")(magic)
    return magic


def _asked(args: argparse.Namespace) -> list[str]:
    flags = (*SWITCHES, *NUMBERS)
    return [flag for flag in flags if getattr(args, flag[2:].replace("-", "_"))]


def _under_way(thing: Any) -> Any:
    """The run or the sweep itself, or the one that trains a model."""
    return thing if isinstance(thing, (Run, Sweep)) else sweep_of(thing) or run_of(thing)


def control(text: Line, args: argparse.Namespace, thing: Any) -> bool:
    """Do to the training or sweep of a model (or to a run, or a sweep) what the line asks for;
    False: nothing.

    Raises UsageError where nothing trains it, or for two things at once.
    """
    run = _under_way(thing)
    asked = _asked(args)
    if args.resume and isinstance(run, Sweep) and run.status != "paused":
        raise text.error(f"{run.name} is {run.status}: there is nothing to resume", args.model)
    if args.resume is True and run is not None and run.status == "paused" and not asked:
        run.resume()
        return True
    if not asked:
        return False
    flag = asked[0]
    if args.data is not None or len(asked) > 1:
        last = text.typed(asked[-1])
        raise text.error(f"{flag} stands alone: %train {args.model} {flag}", last)
    if run is None:
        raise text.error(f"{args.model} is not being trained", args.model)
    if isinstance(run, Sweep):
        _control_sweep(text, flag, run)
    elif flag in SWITCHES:
        text.run(SWITCHES[flag][1], run)
    else:
        _, _, kind, act = NUMBERS[flag]
        word = getattr(args, flag[2:].replace("-", "_"))
        text.run(act, run, text.number(word, flag, kind), about={flag[2:].replace("-", "_"): word})
    return True


OF_SWEEPS = {"--pause": Sweep.pause, "--stop": Sweep.stop}


def _control_sweep(text: Line, flag: str, sweep: Sweep) -> None:
    if flag not in OF_SWEEPS:
        raise text.error(
            f"{flag} is for one training; a sweep knows {', '.join(OF_SWEEPS)} and --resume "
            "(its trial under way is sweep.run)",
            text.typed(flag),
        )
    OF_SWEEPS[flag](sweep)
