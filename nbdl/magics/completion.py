"""Tab completion for the magics: options, and the words each of them takes."""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from nbdl.magics.words import Unclosed, split

Words = Callable[[dict[str, Any]], Iterable[str]]
"""From the user's variables to the words that may stand somewhere."""


class MagicMatcher:
    """Completes ``%train --op<tab>``, ``%train net data --optim a<tab>``, and the names of
    ``nbdl.nn`` in the cell under ``%%model``.

    Args:
        shell: the shell whose variables are offered.
        magics: the functions by their names without ``%``, each with an argparse ``parser``.
        values: for an option (``"--optim"``, or ``"train --optim"`` of one magic alone) or a
            positional (``"model"``), the words it takes; the user's variables for all others.
        layers: names that a model's cell may use.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        magics: Mapping[str, Callable[..., Any]],
        values: Mapping[str, Words],
        layers: Sequence[str] = (),
    ) -> None:
        self.shell = shell
        self.magics = magics
        self.values = values
        self.layers = layers

        @context_matcher(identifier="nbdl")
        def matcher(context: CompletionContext) -> dict[str, Any]:
            return self.match(context)

        self.matcher = matcher

    def register(self) -> None:
        """Add the matcher to the shell's completer."""
        self.shell.Completer.custom_matchers.append(self.matcher)

    def unregister(self) -> None:
        """Take the matcher away."""
        self.shell.Completer.custom_matchers.remove(self.matcher)

    def match(self, context: CompletionContext) -> dict[str, Any]:
        """IPython's matcher interface, version 2."""
        typed = context.text_until_cursor.lstrip()
        head, space, rest = typed.partition(" ")
        function = self.magics.get(head.lstrip("%"))
        if context.cursor_line > 0 and context.full_text.lstrip().startswith("%%model"):
            return _found(self.layers, context.token, "class")
        if not space or not head.startswith("%") or function is None:
            return {"completions": []}
        try:
            words: list[str] = list(split(rest))
        except Unclosed:
            return {"completions": []}  # inside an {expression}: Python's own completion
        current = "" if not words or rest[-1:].isspace() else words.pop()
        current = current.rpartition(",")[2]
        found = self._words(head.lstrip("%"), function.parser, words, current)  # type: ignore[attr-defined]
        return {**_found(found, current, "magic option"), "suppress": True}

    def _words(
        self, magic: str, parser: argparse.ArgumentParser, before: list[str], current: str
    ) -> Iterable[str]:
        """What may stand where the cursor is."""
        options = {s: a for a in parser._actions for s in a.option_strings}
        left = [
            name
            for name, action in options.items()
            if name not in before or isinstance(action, argparse._AppendAction)
        ]
        if current.startswith("-"):
            return left
        waiting, filled = _so_far(before, options)
        if waiting is not None:
            return self._values(magic, waiting)
        positionals = [a for a in parser._actions if not a.option_strings]
        if positionals and positionals[-1].nargs in ("+", "*"):
            filled = min(filled, len(positionals) - 1)
        return self._values(magic, positionals[filled]) if filled < len(positionals) else left

    def _values(self, magic: str, action: argparse.Action) -> Iterable[str]:
        """The words an option or a positional takes."""
        for name in (*action.option_strings, action.dest):
            for key in (f"{magic} {name}", name):
                if key in self.values:
                    return self.values[key](self.shell.user_ns)
        return variables(self.shell.user_ns)


def _so_far(
    before: list[str], options: Mapping[str, argparse.Action]
) -> tuple[argparse.Action | None, int]:
    """The option that waits for its value, and how many positionals there are."""
    waiting: argparse.Action | None = None
    filled = 0
    for word in before:
        if word in options:
            waiting = options[word] if options[word].nargs != 0 else None
        elif waiting is None:
            filled += 1
        elif waiting.nargs != "+":
            waiting = None
    return waiting, filled


def _found(words: Iterable[str], current: str, kind: str) -> dict[str, Any]:
    matching = sorted({word for word in words if word.startswith(current)})
    return {
        "completions": [SimpleCompletion(word, type=kind) for word in matching],
        "matched_fragment": current,
    }


# ----- words out of the user's variables ------------------------------------------------------


def variables(namespace: dict[str, Any]) -> list[str]:
    """Names of the user's own variables."""
    hidden = ("_", "In", "Out", "exit", "quit", "get_ipython", "open")
    return [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and name not in hidden
        and not isinstance(value, types.ModuleType)
    ]  # fmt: skip


def names_of(kind: Any) -> Words:
    """Names of variables of a kind."""
    return lambda namespace: [n for n in variables(namespace) if isinstance(namespace[n], kind)]


def numbers(namespace: dict[str, Any]) -> list[str]:
    """Names of variables that hold a number."""
    return [
        name
        for name in variables(namespace)
        if type(namespace[name]) in (int, float)
    ]


def functions(namespace: dict[str, Any]) -> Iterable[str]:
    """Names of the user's own functions."""
    return names_of(types.FunctionType)(namespace)
