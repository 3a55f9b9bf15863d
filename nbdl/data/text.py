"""Text as numbers: tokenizers, and windows over a long sequence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.data.arrays import as_array
from nbdl.data.dataset import _Sliced
from nbdl.errors import ArgumentError, DataError, did_you_mean


class Tokenizer:
    """A vocabulary, and the way between text and token numbers.

    Attributes:
        tokens: the vocabulary, by number.
    """

    def __init__(self, tokens: Sequence[str], unknown: str | None = None) -> None:
        self.tokens = tuple(tokens)
        self.unknown = unknown
        self._number = {token: i for i, token in enumerate(self.tokens)}
        if len(self._number) < len(self.tokens):
            twice = next(t for t, n in Counter(self.tokens).items() if n > 1)
            raise DataError(f"the vocabulary has {twice!r} twice")
        if unknown is not None and unknown not in self._number:
            raise DataError(f"the unknown token {unknown!r} is not in the vocabulary")

    def __len__(self) -> int:
        return len(self.tokens)

    def pieces(self, text: str) -> Iterable[str]:
        """``text`` cut into tokens."""
        raise NotImplementedError

    def join(self, tokens: Iterable[str]) -> str:
        """Tokens as text again."""
        raise NotImplementedError

    def encode(self, text: str) -> np.ndarray:
        """text -> (length,) int64. Raises DataError for a token outside the vocabulary, unless
        the tokenizer has an unknown token."""
        if not isinstance(text, str):
            raise DataError(f"encode needs a string, got a {type(text).__name__}")
        if self.unknown is not None:
            fallback = self._number[self.unknown]
            numbers = [self._number.get(piece, fallback) for piece in self.pieces(text)]
            return np.array(numbers, np.int64)
        try:
            return np.array([self._number[piece] for piece in self.pieces(text)], np.int64)
        except KeyError as error:
            piece = error.args[0]
            raise DataError(
                f"{piece!r} is not in the vocabulary of {len(self)} tokens"
                f"{did_you_mean(piece, self.tokens)}",
                hint="make the tokenizer from all of the text, or with unknown='<unk>'",
            ) from None

    def decode(self, numbers: Any) -> str:
        """(length,) token numbers -> text."""
        array = np.asarray(numbers.numpy() if isinstance(numbers, Tensor) else numbers)
        flat = array.reshape(-1)
        if flat.size and (flat.min() < 0 or flat.max() >= len(self)):
            wrong = flat[(flat < 0) | (flat >= len(self))][0]
            raise DataError(f"token {wrong} is outside the vocabulary 0..{len(self) - 1}")
        return self.join(self.tokens[int(i)] for i in flat)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} tokens)"


class CharTokenizer(Tokenizer):
    """One token a character.

    >>> t = CharTokenizer("hello")
    >>> t.tokens
    ('e', 'h', 'l', 'o')
    >>> t.decode(t.encode("hole"))
    'hole'

    Args:
        text: its characters, sorted, are the vocabulary.
        unknown: a token for all other characters; None makes them an error.
    """

    def __init__(self, text: str, unknown: str | None = None) -> None:
        if not text:
            raise DataError("CharTokenizer needs some text: its characters are the vocabulary")
        super().__init__([*([unknown] if unknown else []), *sorted(set(text))], unknown)

    def pieces(self, text: str) -> Iterable[str]:
        return text

    def join(self, tokens: Iterable[str]) -> str:
        return "".join(tokens)


_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


class WordTokenizer(Tokenizer):
    """One token a word or punctuation mark, the most frequent first.

    Args:
        text: a text or several; their words are the vocabulary.
        size: at most so many tokens, special ones included.
        min_count: leave out rarer words.
        lower: ignore capitals.
        unknown, pad: special tokens, numbers 1 and 0; None leaves one out.
    """

    def __init__(
        self,
        text: str | Iterable[str],
        *,
        size: int | None = None,
        min_count: int = 1,
        lower: bool = True,
        unknown: str | None = "<unk>",
        pad: str | None = "<pad>",
    ) -> None:
        if size is not None and size < 3:
            raise ArgumentError(f"size must leave room for words, got {size}")
        self.lower = lower
        counts: Counter[str] = Counter()
        for part in [text] if isinstance(text, str) else text:
            counts.update(self.pieces(part))
        if not counts:
            raise DataError("WordTokenizer found no words in the text")
        special = [token for token in (pad, unknown) if token]
        room = None if size is None else size - len(special)
        # Equal counts in order of the alphabet: the numbers do not depend on the text's order.
        frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:room]
        words = [word for word, n in frequent if n >= min_count and word not in special]
        super().__init__([*special, *words], unknown)

    def pieces(self, text: str) -> Iterable[str]:
        return _WORDS.findall(text.lower() if self.lower else text)

    def join(self, tokens: Iterable[str]) -> str:
        """Words with spaces between them, and none before a punctuation mark."""
        return re.sub(r" ([.,;:!?)\]}%])", r"\1", " ".join(tokens))


class SequenceWindows(_Sliced):
    """Windows over a long sequence, each with the same window one step later as its target.

    tokens: (n,) numbers  ->  samples (tokens[s : s + length], tokens[s + 1 : s + length + 1])
    with s = 0, stride, 2·stride, ...

    Args:
        tokens: the sequence; for text, ``tokenizer.encode(text)``.
        length: of a window.
        stride: between the starts of neighbouring windows; ``length`` unless given, so that
            windows do not overlap.
        tokenizer: what made the tokens, so that views can show text.
    """

    in_memory = True
    reads_batches = True

    def __init__(
        self, tokens: Any, length: int, stride: int | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:  # fmt: skip
        self.tokens, self.tokenizer = as_array(tokens, "tokens"), tokenizer
        if self.tokens.ndim != 1:
            raise DataError(f"tokens must have one dimension, got shape {self.tokens.shape}")
        stride = length if stride is None else stride
        if length < 1 or stride < 1:
            raise ArgumentError(f"length and stride must be positive, got {length} and {stride}")
        if len(self.tokens) <= length:
            raise DataError(
                f"windows of length {length} need more than {length} tokens, got "
                f"{len(self.tokens)}",
                hint="a longer text, or a smaller length",
            )
        self.length, self.stride = int(length), int(stride)

    def __len__(self) -> int:
        return (len(self.tokens) - self.length - 1) // self.stride + 1

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        start = index * self.stride
        window = self.tokens[start : start + self.length + 1]
        return window[:-1], window[1:]

    def take(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        starts = np.asarray(indices, np.int64) * self.stride
        windows = self.tokens[starts[:, None] + np.arange(self.length + 1)]
        return windows[:, :-1], windows[:, 1:]
