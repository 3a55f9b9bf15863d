"""The line after a magic's name: options, names of variables, and errors that point at the word."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from nbdl.errors import DataError, IndexRangeError, NbdlError, brief, did_you_mean
from nbdl.magics.words import Unclosed, Word, is_option, split


class HelpShown(Exception):
    """``--help`` was asked for and has been printed: there is nothing more to do."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as a person reads it, for ``%train?`` and ``%train --help`` alike."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return super()._fill_text(inspect.cleandoc(text), width, indent)

    def add_usage(
        self, usage: Any, actions: Any, groups: Any, prefix: str | None = "Usage: %"
    ) -> None:
        super().add_usage(usage, actions, groups, "Usage: %")


class Line:
    """A magic's line: its words, its options, and the variables they name.

    Args:
        magic: the magic as it was typed, such as ``"%train"``.
        text: the rest of the line.
        namespace: the user's variables.

    Raises UsageError when a quote or a bracket is not closed.
    """

    def __init__(self, magic: str, text: str, namespace: dict[str, Any]) -> None:
        self.magic = magic
        self.text = text
        self.namespace = namespace
        try:
            self.words = split(text)
        except Unclosed as found:
            raise self.error(f"the {found.mark} is not closed", found.word) from None

    # ----- options --------------------------------------------------------------------------

    def parse(self, function: Callable[..., Any]) -> argparse.Namespace:
        """Options by the function's ``@argument`` declarations; their values are Words.

        Raises UsageError for an unknown option, and HelpShown after printing the help.
        """
        if "-h" in self.words or "--help" in self.words:
            print(function.__doc__)
            raise HelpShown
        parser: MagicArgumentParser = function.parser  # type: ignore[attr-defined]
        # argparse sees only which words are options and how many others there are, so that it
        # takes no negative number for an option and no value loses its place in the line.
        seen = [
            self._known_option(parser, i) if is_option(word) else str(i)
            for i, word in enumerate(self.words)
        ]
        try:
            args, left = parser.parse_known_intermixed_args(seen)
        except UsageError as error:
            missing = str(error).rpartition("required: ")[2]
            raise self.error(f"{self.magic} needs {missing}: {usage(function)}") from None
        if left:
            word = self.words[int(left[0])]
            raise self.error(f"{word!r} is one word too many for {self.magic}", word)
        return argparse.Namespace(**{name: self._back(value) for name, value in vars(args).items()})

    def _back(self, seen: Any) -> Any:
        """The words that argparse has seen the numbers of."""
        if isinstance(seen, list):
            return [self._back(part) for part in seen]
        return self.words[int(seen)] if isinstance(seen, str) else seen

    def _known_option(self, parser: MagicArgumentParser, index: int) -> str:
        """The full name of an option; refuses one nobody knows, or without its value."""
        word = self.words[index]
        options = {s: action for action in parser._actions for s in action.option_strings}
        found = [name for name in options if name.startswith(word)]
        name = str(word) if word in options else found[0] if len(found) == 1 else ""
        if not name:
            near = did_you_mean(f"--{word.lstrip('-')}", found or options)
            raise self.error(f"{self.magic} has no option {word}{near}", word)
        if options[name].nargs not in (0, "?"):
            after = self.words[index + 1 : index + 2]
            if not after or is_option(after[0]):
                value = options[name].metavar or name.strip("-").upper()
                raise self.error(f"{name} needs a value: {name} {value}", word)
        return name

    # ----- errors ---------------------------------------------------------------------------

    def error(self, message: str, word: str | None = None) -> UsageError:
        """The error to raise: shows the line with ``word`` underlined."""
        shown = f"{message}\n    {self.magic} {self.text}".rstrip()
        if isinstance(word, Word):
            indent = " " * (len(self.magic) + 5 + word.start)
            shown += f"\n{indent}{'^' * (word.end - word.start)}"
        return UsageError(shown)

    def typed(self, option: str) -> Word | None:
        """The word of an option that takes no value, as it stands in the line."""
        return next((word for word in self.words if word == option), None)

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        about: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call ``function``; an error about one of the words is shown under that word.

        Args:
            about: which words an error may be about, by what the function calls them.
        """
        try:
            return function(*args, **kwargs)
        except NbdlError as error:
            if error.layer is not None:
                raise
            message = "\n".join((error.message, *getattr(error, "__notes__", ())))
            if error.hint:
                message += f"\n  Try: {error.hint}"
            raise self.error(message, self._meant(error, about or {})) from None

    def _meant(self, error: NbdlError, about: Mapping[str, Any]) -> str | None:
        """The word that an error is about: the first that its message speaks of."""
        if isinstance(error, (DataError, IndexRangeError)):
            val = any("validation" in note for note in getattr(error, "__notes__", ()))
            return about.get("val" if val else "data")
        named = [(name, word[0] if isinstance(word, list) else word)
                 for name, word in about.items()]  # fmt: skip
        words = [word for word in self.words if not is_option(word)]
        named += [(word.partition("(")[0], word) for word in words]
        said = [
            (place, word) for name, word in named if (place := _place(name, error.message)) >= 0
        ]
        if said:
            return min(said, key=lambda pair: pair[0])[1]
        quoted = re.findall(r"'([^']+)'", error.message)
        return next((word for part in quoted for word in words if part in word), None)

    # ----- values ---------------------------------------------------------------------------

    def value(self, word: str, what: str) -> Any:
        """What ``word`` stands for: a variable, ``module.attribute``, or ``{expression}``."""
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
            return eval(compile(text.strip(), "<magic>", "eval"), self.namespace)
        except Exception as error:
            reason = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
            raise self.error(f"{word} could not be evaluated: {reason}", word) from None

    def text_of(self, word: str, *, variables: bool = False) -> Any:
        """The word as a text, or what an ``{expression}`` gives; with ``variables`` what a
        variable of this name holds. Quoted text is always text."""
        if isinstance(word, Word) and word.quoted:
            return str(word)
        known = variables and word.isidentifier() and word in self.namespace
        return self.expression(word) if known or word.startswith("{") else str(word)

    def named(self, word: str, known: Collection[str], what: str) -> Any:
        """One of the ``known`` names as it is, else a variable or an ``{expression}``."""
        if word in known:
            return str(word)
        if word.startswith("{") or word.split(".")[0] in self.namespace:
            return self.value(word, what)
        name = word.partition("(")[0]
        raise self.error(
            f"unknown {what} {name!r}{did_you_mean(name, known)}\n"
            f"  one of {', '.join(sorted(known))}, or a variable or {{expression}}",
            word,
        )

    def several(self, words: Sequence[str], known: Collection[str], what: str) -> list[Any]:
        """The same for a list: of words, with or without commas between them."""
        found: list[Any] = []
        for word in words:
            for part in parts(word):
                value = self.named(part, known, what)
                found += value if isinstance(value, (list, tuple)) else [value]
        return found

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
        if hasattr(value, "item") and getattr(value, "size", 0) == 1:
            value = value.item()
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or (kind is int and not isinstance(value, int))
        ):
            wanted = "an integer" if kind is int else "a number"
            raise self.error(f"{what} must be {wanted}, got {brief(value)}", word)
        return kind(value)


def usage(function: Callable[..., Any]) -> str:
    """The positional part of a magic's usage: ``%train model [data]``."""
    parser: MagicArgumentParser = function.parser  # type: ignore[attr-defined]
    words = [f"%{parser.prog}"]
    for action in parser._actions:
        if not action.option_strings:
            words.append(f"[{action.dest}]" if action.nargs == "?" else action.dest)
    return " ".join(words)


def parts(word: str) -> list[Word]:
    """``accuracy,f1`` as two words; what is in brackets stays whole."""
    if word.startswith("{"):
        return [word if isinstance(word, Word) else Word(word, 0, len(word))]
    start = word.start if isinstance(word, Word) else 0
    found = re.finditer(r"(?:[^,(]|\([^)]*\))+", word)
    return [Word(m.group(), start + m.start(), start + m.end()) for m in found]


def _place(name: str, message: str) -> int:
    """Where a message speaks of an argument or a value, such as ``batch_size``; -1 if nowhere."""
    plain = re.escape(name.replace("_", " "))
    found = re.search(rf"(?<!\w){plain}(?!\w)", message.replace("_", " ")) if name else None
    return found.start() if found else -1
