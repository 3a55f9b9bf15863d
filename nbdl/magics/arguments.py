"""The line after a magic's name: options, names of variables, and errors that point at the word."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Callable, Collection
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from nbdl.errors import NbdlError, did_you_mean

_WORD = re.compile(r"""\{(?:[^{}]|\{[^{}]*\})*\}|"[^"]*"|'[^']*'|[^\s"'{]+|\{""")


class HelpShown(Exception):
    """``--help`` was asked for and has been printed: there is nothing more to do."""


def split(line: str) -> list[str]:
    """The words of a magic's line up to a ``# comment``.

    ``{an expression}`` and quoted text are one word each.
    """
    words: list[str] = []
    end = -1
    for match in _WORD.finditer(line):
        if match.start() == end:
            words[-1] += match.group()
        elif match.group().startswith("#"):
            break
        else:
            words.append(match.group())
        end = match.end()
    return words


class Line:
    """A magic's line: its words, its options, and the variables they name.

    Args:
        magic: the magic as it was typed, such as ``"%train"``.
        text: the rest of the line.
        namespace: the user's variables.
    """

    def __init__(self, magic: str, text: str, namespace: dict[str, Any]) -> None:
        self.magic = magic
        self.text = text
        self.namespace = namespace

    def parse(self, function: Callable[..., Any]) -> argparse.Namespace:
        """Options by the function's ``@argument`` declarations.

        Raises UsageError for an unknown option, and HelpShown after printing the help.
        """
        words = split(self.text)
        if "-h" in words or "--help" in words:
            print(function.parser.format_help())  # type: ignore[attr-defined]
            raise HelpShown
        parser: MagicArgumentParser = function.parser  # type: ignore[attr-defined]
        for word in words:
            self._check_option(parser, word)
        try:
            return parser.parse_args([_unquoted(word) for word in words])
        except UsageError as error:
            raise self.error(str(error), _mentioned(str(error), words)) from None

    def _check_option(self, parser: MagicArgumentParser, word: str) -> None:
        """Refuse an option nobody knows, with the nearest one that exists."""
        name = word.partition("=")[0]
        if not name.startswith("--"):
            return
        known = [s for action in parser._actions for s in action.option_strings]
        if name not in known and len([k for k in known if k.startswith(name)]) != 1:
            raise self.error(f"{self.magic} has no option {name}{did_you_mean(name, known)}", name)

    def error(self, message: str, word: str = "") -> UsageError:
        """The error to raise: shows the line with ``word`` underlined."""
        line = f"{self.magic} {self.text}".rstrip()
        place = line.rfind(word) if word else -1
        shown = f"{message}\n    {line}"
        if place >= 0:
            shown += "\n    " + " " * place + "^" * len(word)
        return UsageError(shown)

    def value(self, word: str, what: str) -> Any:
        """What ``word`` stands for: a variable, ``module.attribute``, or ``{expression}``."""
        if word.startswith("{") and word.endswith("}"):
            return self.expression(word)
        root, *rest = word.split(".")
        if not all(part.isidentifier() for part in (root, *rest)):
            return self.expression(word)
        if root not in self.namespace:
            near = did_you_mean(root, (n for n in self.namespace if not n.startswith("_")))
            raise self.error(f"{what}: there is no variable {root!r}{near}", word)
        found = self.namespace[root]
        for part in rest:
            if not hasattr(found, part):
                raise self.error(
                    f"{what}: {root!r} has no attribute {part!r}{did_you_mean(part, dir(found))}",
                    word,
                )
            found = getattr(found, part)
        return found

    def expression(self, word: str) -> Any:
        """The value of a Python expression in the user's namespace."""
        text = word[1:-1] if word.startswith("{") and word.endswith("}") else word
        try:
            return eval(compile(text, "<magic>", "eval"), self.namespace)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise self.error(f"{word} could not be evaluated: {reason}", word) from None

    def named(self, word: str, known: Collection[str], what: str) -> Any:
        """One of the ``known`` names as it is, else a variable or an ``{expression}``."""
        if word in known:
            return word
        names = list(known)
        root = word.split(".")[0]
        if word.startswith("{") or root in self.namespace:
            return self.value(word, what)
        raise self.error(
            f"unknown {what} {word!r}{did_you_mean(word, names)}; one of "
            f"{', '.join(sorted(names))}, or a variable",
            word,
        )

    def number(self, word: str | None, what: str, kind: type = float) -> Any:
        """A number, a variable that holds one, or an ``{expression}``."""
        if word is None:
            return None
        try:
            return kind(word)
        except ValueError:
            pass
        try:
            value = ast.literal_eval(word)
        except (ValueError, SyntaxError):
            value = self.value(word, what)
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or (kind is int and not isinstance(value, int))
        ):
            raise self.error(
                f"{what} must be {'an integer' if kind is int else 'a number'}, got {value!r}", word
            )
        return kind(value)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function``; an error about one of the words is shown under that word."""
        try:
            return function(*args, **kwargs)
        except NbdlError as error:
            quoted = re.findall(r"'([^']+)'", error.message)
            word = next((w for w in quoted if w in self.text), "")
            if word and error.layer is None:
                raise self.error(str(error), word) from None
            raise


def _unquoted(word: str) -> str:
    if word[:1] in "\"'" and word[-1:] == word[:1] and len(word) > 1:
        return shlex.split(word)[0] if word[0] == '"' else word[1:-1]
    return word


def _mentioned(message: str, words: list[str]) -> str:
    """The word of the line that argparse's message is about."""
    for word in sorted(words, key=len, reverse=True):
        if word in message:
            return word
    return ""
