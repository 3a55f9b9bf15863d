"""A magic's line cut into words, each of which knows where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Word(str):
    """One word, without its quotes.

    Attributes:
        start, end: where it stands in the line, quotes included.
        quoted: whether it was in quotes.
    """

    start: int
    end: int
    quoted: bool

    def __new__(cls, text: str, start: int, end: int, quoted: bool = False) -> Word:
        word = super().__new__(cls, text)
        word.start, word.end, word.quoted = start, end, quoted
        return word


class Unclosed(ValueError):
    """A quote or bracket that is never closed.

    Attributes:
        mark: which one.
        word: the rest of the line, from that place on.
    """

    def __init__(self, line: str, place: int) -> None:
        super().__init__(line[place])
        self.mark = line[place]
        self.word = Word(line[place:], place, len(line.rstrip()))


def split(line: str) -> list[Word]:
    """The words of a magic's line up to a ``# comment``.

    ``{an expression}``, ``(x, y)`` and quoted text are one word each; ``--name=value`` is two.
    Raises Unclosed.
    """
    words: list[Word] = []
    for start, end in _spans(line):
        raw = line[start:end]
        option, equals, _ = raw.partition("=")
        if equals and re.fullmatch(r"--?[a-zA-Z][\w-]*", option):
            words.append(Word(option, start, start + len(option)))
            start += len(option) + 1
        words.append(_word(line, start, end))
    return words


def is_option(word: str) -> bool:
    """Whether a word is an option: ``--lr`` or ``-lr``, but not ``-1e-3`` nor quoted text."""
    quoted = isinstance(word, Word) and word.quoted
    return not quoted and bool(re.match(r"--?[a-zA-Z]", word))


def _word(line: str, start: int, end: int) -> Word:
    raw = line[start:end]
    if len(raw) > 1 and raw[0] in "\"'" and raw.find(raw[0], 1) == len(raw) - 1:
        return Word(raw[1:-1], start, end, quoted=True)
    return Word(raw, start, end)


def _spans(line: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends."""
    start: int | None = None
    opened: list[tuple[str, int]] = []  # what must close what is open, and where that stands
    for i, letter in enumerate(line):
        closing, _ = opened[-1] if opened else ("", 0)
        if closing and letter == closing:
            opened.pop()
        elif closing in ("'", '"'):
            continue
        elif letter in "\"'" or letter in _CLOSING:
            opened.append((_CLOSING.get(letter, letter), i))
        elif not opened and letter.isspace():
            if start is not None:
                yield start, i
            start = None
            continue
        elif letter == "#" and start is None:
            return
        start = i if start is None else start
    if opened:
        raise Unclosed(line, opened[-1][1])
    if start is not None:
        yield start, len(line)
