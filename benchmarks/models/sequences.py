"""Examples on sequences: a GPT, an LSTM that predicts letters, a GRU that tags words, sound."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.attention import encoder
from benchmarks.models.example import Batch, Example, per_class

LETTERS = 65


def _letters(time: int) -> Any:
    """Batches of text with the next letter of each place."""

    def batch(random: np.random.Generator, size: int, small: bool) -> Batch:
        text = random.integers(0, LETTERS, (size, (6 if small else time) + 1))
        return text[:, :-1].copy(), text[:, 1:].copy()

    return batch


def _gpt(framework: Any, small: bool) -> Any:
    """A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019."""
    nn = framework.nn
    width, heads, depth, context = (12, 3, 2, 8) if small else (384, 6, 6, 256)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.letters = nn.Embedding(LETTERS, width)
            self.positions = nn.Embedding(context, width)
            self.blocks = encoder(framework, width, heads, depth, causal=True)
            self.head = nn.Linear(width, LETTERS)

        def forward(self, x: Any) -> Any:
            places = framework.arange(x.shape[1])
            return self.head(self.blocks(self.letters(x) + self.positions(places)))

    return GPT()


def _recurrent(framework: Any, words: int, width: int, layer: Any, hidden: int, out: int) -> Any:
    """Embedding, a recurrent layer over time, and a linear layer at each place."""
    nn = framework.nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(words, width)
            self.layer = layer
            self.head = nn.Linear(hidden, out)

        def forward(self, x: Any) -> Any:
            return self.head(self.layer(self.words(x))[0])

    return Recurrent()


def _lstm(framework: Any, small: bool) -> Any:
    """S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", 1997."""
    width = 8 if small else 256
    layer = framework.nn.LSTM(width, width, batch_first=True)
    return _recurrent(framework, LETTERS, width, layer, width, LETTERS)


WORDS, TAGS = 10_000, 17


def _gru(framework: Any, small: bool) -> Any:
    """A tagger of words in both directions; K. Cho et al., 2014, and Z. Huang et al., 2015."""
    width, hidden = (6, 5) if small else (128, 128)
    layer = framework.nn.GRU(width, hidden, batch_first=True, bidirectional=True)
    return _recurrent(framework, 40 if small else WORDS, width, layer, 2 * hidden, TAGS)


def _sentences(random: np.random.Generator, size: int, small: bool) -> Batch:
    shape = (size, 6 if small else 48)
    return random.integers(0, 40 if small else WORDS, shape), random.integers(0, TAGS, shape)


def _audio(framework: Any, small: bool) -> Any:
    """W. Dai et al., "Very Deep Convolutional Neural Networks for Raw Waveforms", 2017: M5."""
    nn = framework.nn
    first, later, kernel = (4, (4, 6), 8) if small else (64, (64, 128, 256), 80)

    def part(before: int, after: int, kernel: int, **more: Any) -> list[Any]:
        convolution = nn.Conv1d(before, after, kernel, **more)
        return [convolution, nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(4)]

    layers = part(1, first, kernel, stride=4)
    for before, after in zip((first, *later[:-1]), later, strict=True):
        layers += part(before, after, 3, padding=1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(later[-1], 35))


def _sounds(random: np.random.Generator, size: int, small: bool) -> Batch:
    """A second at 8 kHz with one of 35 labels."""
    shape = (size, 1, 400 if small else 8000)
    return random.standard_normal(shape, np.float32), random.integers(0, 35, size)


SEQUENCES = {
    "gpt": Example("GPT, 6 × 384, context 256, batch 8", _gpt, _letters(256), 8, per_class),
    "lstm": Example("LSTM 256, 64 steps, batch 32", _lstm, _letters(64), 32, per_class, 2.5),
    "gru": Example("GRU tagger, 2 × 128, 48 words, batch 32", _gru, _sentences, 32, per_class),
    "audio": Example("1-D convolutions, 8 kHz, batch 32", _audio, _sounds, 32, per_class),
}
