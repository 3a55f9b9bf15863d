"""``%load_ext nbdl``: what is added to a shell, and taken away again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import nbdl
from nbdl import nn, training
from nbdl.experiments import Sweep, query
from nbdl.magics import look, options, past, resuming, show, traveling
from nbdl.magics.commands import PARSED, NbdlMagics
from nbdl.magics.completion import MagicMatcher, Words, functions, names_of, numbers, variables
from nbdl.magics.dashboards import Dashboards
from nbdl.magics.pictures import Pictures
from nbdl.magics.starting import Starting
from nbdl.magics.trouble import ErrorReports
from nbdl.magics.waiting import Waiting, restore_idle_interrupts

PICTURES: dict[tuple[str, str], Callable[[Any], show.Picture]] = {
    ("nbdl.compiler.report", "Report"): show.plan_picture,
    ("nbdl.training.lr_finder", "LRFinder"): show.lr_picture,
}
"""What shows itself as a picture at the end of a cell, known by name: only who makes a plan loads
the compiler."""


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext nbdl``: add the magics, their completion and the error reports."""
    if getattr(shell, "_nbdl", None) is not None:
        return
    loaded = Extension(shell)
    loaded.load()
    shell._nbdl = loaded
    for line in resuming.cut_off():
        print(line)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext nbdl``: take away everything that loading added."""
    loaded = getattr(shell, "_nbdl", None)
    if loaded is not None:
        loaded.unload()
        del shell._nbdl


class Extension:
    """What ``%load_ext nbdl`` adds to one shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.waiting = Waiting(shell)
        self.reports = ErrorReports(shell)
        self.dashboards = Dashboards(shell)
        self.pictures = Pictures(shell)
        self.magics = NbdlMagics(shell, Starting(shell, self.waiting, self.dashboards))
        self.matcher = MagicMatcher(shell, PARSED, words_of_options(), nn.__all__)
        self._before: dict[tuple[str, str], Any] = {}

    def load(self) -> None:
        """Register magics, hooks, completion and error reports."""
        self.shell.user_ns.setdefault("nbdl", nbdl)
        known = self.shell.magics_manager.magics
        self._before = {
            (kind, name): known[kind].get(name)
            for kind, names in self.magics.magics.items()
            for name in names
        }
        self.shell.register_magics(self.magics)
        self.waiting.register()
        self.matcher.register()
        self.reports.register()
        self.dashboards.register()
        self.pictures.register()
        formatter = self.shell.display_formatter.ipython_display_formatter
        for shown, picture in PICTURES.items():
            formatter.for_type_by_name(*shown, partial(self._show, picture))

    def _show(self, picture: Callable[[Any], show.Picture], thing: Any) -> None:
        show.put(self.shell, picture(thing))

    def unload(self) -> None:
        """Take all of it away, and put back what stood in its place."""
        if self.shell.user_ns.get("nbdl") is nbdl:
            del self.shell.user_ns["nbdl"]
        known = self.shell.magics_manager.magics
        for (kind, name), magic in self._before.items():
            known[kind].pop(name, None)
            if magic is not None:
                known[kind][name] = magic
        self.shell.magics_manager.registry.pop(NbdlMagics.__name__, None)
        self.waiting.unregister()
        self.matcher.unregister()
        self.reports.unregister()
        self.dashboards.unregister()
        self.pictures.unregister()
        for shown in PICTURES:
            self.shell.display_formatter.ipython_display_formatter.pop(".".join(shown), None)
        restore_idle_interrupts(self.shell)


def words_of_options() -> dict[str, Any]:
    """What may stand after an option, or in the place of a positional, by its name."""
    words: dict[str, Any] = {
        "name": names_of(nn.Module),
        "model": names_of((nn.Module, training.Run, Sweep)),
        "things": lambda names: [n for n in variables(names) if look.can_look_into(names[n])],
        "--as": names_of(training.Run),
        "--limit": numbers,
        "runs words": lambda names: [*past.ACTIONS, *traveling.names(names, past.kept())],
        "runs --as": names_of(nn.Module),
        "--branch": numbers,
        "runs --model": lambda _: sorted({record.name for record in past.kept()}),
        "runs --status": lambda _: sorted({record.status for record in past.kept()}),
        "runs --tag": lambda _: sorted({tag for record in past.kept() for tag in record.tags}),
        "runs --sort": lambda _: query.columns(past.kept()),
        "runs --where": lambda _: query.columns(past.kept()),
    }
    for option in options.TRAIN:
        words[option.flag] = _words_of(option)
    return words


def _words_of(option: options.Option) -> Words:
    if option.kind in ("number", "rates", "whole") or option.name == "early_stopping":
        return numbers
    if option.kind == "text" or option.name == "device":
        return lambda _: option.known
    if option.known or option.kind == "condition":
        known = tuple(option.known) or ("converged",)
        return lambda namespace: (*known, *functions(namespace))
    return functions if option.name == "step" else variables
