"""Tab completion for the magics: options, and the words each of them takes."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Callable, Iterable
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from nbdl.magics.arguments import split

Words = Callable[[dict[str, Any]], Iterable[str]]


class MagicMatcher:
    """Completes ``%train --op<tab>`` and ``%train net data --optim a<tab>``.

    Args:
        shell: the shell whose variables are offered.
        magics: the functions by their names without ``%``, each with an argparse ``parser``.
        values: for an option (``"--optim"``) or a positional (``"model"``), the words it takes.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        magics: dict[str, Callable[..., Any]],
        values: dict[str, Words],
    ) -> None:
        self.shell = shell
        self.magics = magics
        self.values = values

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
        if not space or not head.startswith("%") or function is None:
            return {"completions": []}
        words = split(rest)
        current = "" if not words or rest[-1:].isspace() else words.pop()
        found = self._words(function.parser, words, current)  # type: ignore[attr-defined]
        matching = sorted(w for w in found if w.startswith(current))
        fragment = current if context.token != current else context.token
        return {
            "completions": [SimpleCompletion(w, type="magic option") for w in matching],
            "suppress": True,
            "matched_fragment": fragment,
        }

    def _words(
        self, parser: argparse.ArgumentParser, before: list[str], current: str
    ) -> Iterable[str]:
        """What may stand where the cursor is."""
        options = {s: a for a in parser._actions for s in a.option_strings}
        if current.startswith("-"):
            return options
        last = options.get(before[-1]) if before else None
        if last is not None and last.nargs != 0:
            return self._values(last)
        positionals = [a for a in parser._actions if not a.option_strings]
        filled = self._positionals_filled(before, options)
        if filled < len(positionals):
            return self._values(positionals[filled])
        return options

    def _positionals_filled(self, before: list[str], options: dict[str, argparse.Action]) -> int:
        """How many words before the cursor are not options or their values."""
        count = 0
        takes_next = False
        for word in before:
            if takes_next:
                takes_next = False
            elif word in options:
                takes_next = options[word].nargs != 0
            elif not word.startswith("--"):
                count += 1
        return count

    def _values(self, action: argparse.Action) -> Iterable[str]:
        """The words an option or a positional takes."""
        if action.choices:
            return [str(c) for c in action.choices]
        names = [*action.option_strings, action.dest]
        for name in names:
            if name in self.values:
                return self.values[name](self.shell.user_ns)
        return self.variables(self.shell.user_ns)

    @staticmethod
    def variables(namespace: dict[str, Any]) -> list[str]:
        """Names of the user's own variables."""
        hidden = ("_", "In", "Out", "exit", "quit", "get_ipython", "open")
        return [
            name
            for name in namespace
            if not name.startswith(hidden) and not keyword.iskeyword(name)
        ]
