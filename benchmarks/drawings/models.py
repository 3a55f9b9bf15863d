"""Ten small models that everybody knows, as graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nbdl
from benchmarks.models import EXAMPLES
from nbdl import nn
from nbdl.inspection.graph import model_graph
from nbdl.inspection.records import GraphRecord
from nbdl.nn import functional as F
from nbdl.shapes import Spec


class Inverted(nn.Module):
    """M. Sandler et al., "MobileNetV2", 2018: wide inside, narrow outside, a sum where it fits."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        wide = 6 * before
        self.grow = nn.Sequential(nn.Conv2d(before, wide, 1), nn.BatchNorm2d(wide), nn.ReLU6())
        self.depth = nn.Sequential(
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide), nn.BatchNorm2d(wide), nn.ReLU6()
        )
        self.shrink = nn.Sequential(nn.Conv2d(wide, after, 1), nn.BatchNorm2d(after))
        self.sum = stride == 1 and before == after

    def forward(self, x: Any) -> Any:
        y = self.shrink(self.depth(self.grow(x)))
        return x + y if self.sum else y


def _mobilenet_v2() -> nn.Module:
    steps = [(16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2)]
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6(),
        *(Inverted(*step) for step in steps),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


class Block(nn.Module):
    """One block of GPT-2, its attention written out."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)
        self.fc, self.gelu, self.out = nn.Linear(width, 256), nn.GELU(), nn.Linear(256, width)

    def forward(self, x: Any) -> Any:
        y = self.ln_1(x)
        shape = (x.shape[0], x.shape[1], self.heads, -1)
        q, k, v = (
            layer(y).reshape(shape).permute(0, 2, 1, 3) for layer in (self.q, self.k, self.v)
        )
        scores = F.softmax(q @ k.permute(0, 1, 3, 2) / 4.0, -1)
        x = x + self.proj((scores @ v).permute(0, 2, 1, 3).reshape(x.shape))
        return x + self.out(self.gelu(self.fc(self.ln_2(x))))


class Tagger(nn.Module):
    """Words to tags by an LSTM in both directions; Z. Huang et al., 2015."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.letters = nn.Embedding(1000, 32), nn.Embedding(60, 16)
        self.lstm = nn.LSTM(48, 32, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(64, 17)

    def forward(self, words: Any, letters: Any) -> Any:
        x = nbdl.concat((self.words(words), self.letters(letters)), -1)
        return self.tags(self.lstm(x)[0])


class Translator(nn.Module):
    """D. Bahdanau, K. Cho and Y. Bengio, 2015: a decoder that attends to an encoder's words."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(100, width), nn.Embedding(100, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.query, self.key, self.score = (nn.Linear(width, n) for n in (width, width, 1))
        self.out = nn.Linear(2 * width, 100)

    def forward(self, source: Any, target: Any) -> Any:
        states, last = self.encoder(self.source(source))
        hidden, _ = self.decoder(self.target(target), last)
        query, key = nbdl.unsqueeze(self.query(hidden), 2), nbdl.unsqueeze(self.key(states), 1)
        weights = F.softmax(self.score(F.tanh(query + key)).squeeze(-1), -1)
        return self.out(nbdl.concat((hidden, weights @ states), -1))


class Vae(nn.Module):
    """D. Kingma and M. Welling, "Auto-Encoding Variational Bayes", 2014."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.encode = nn.Flatten(), nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decode = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        )

    def forward(self, x: Any, noise: Any) -> Any:
        h = self.encode(self.flat(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + noise * nbdl.exp(0.5 * log_variance)
        return self.decode(z), mean, log_variance


class Dcgan(nn.Module):
    """A. Radford, L. Metz and S. Chintala, 2016: a discriminator of real and made images."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        up = [4 * width, 2 * width, width]
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(64, up[0], 4), nn.BatchNorm2d(up[0]), nn.ReLU(),
            nn.ConvTranspose2d(up[0], up[1], 4, 2, 1), nn.BatchNorm2d(up[1]), nn.ReLU(),
            nn.ConvTranspose2d(up[1], up[2], 4, 2, 1), nn.BatchNorm2d(up[2]), nn.ReLU(),
            nn.ConvTranspose2d(up[2], 3, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        self.discriminator = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 8),
        )  # fmt: skip

    def forward(self, noise: Any, images: Any) -> Any:
        return self.discriminator(nbdl.concat((self.generator(noise), images), 0))


def _example(name: str) -> tuple[nn.Module, dict[str, Spec]]:
    example = EXAMPLES[name]
    given, _ = example.sample(2, small=name == "vit")
    return example.network(nbdl, name == "vit"), {"": Spec(given.shape, given.dtype)}


def _floats(**shapes: tuple[int, ...]) -> dict[str, Spec]:
    return {name: Spec(shape, np.dtype("float32")) for name, shape in shapes.items()}


def _ids(**shapes: tuple[int, ...]) -> dict[str, Spec]:
    return {name: Spec(shape, np.dtype("int64")) for name, shape in shapes.items()}


Made = tuple[nn.Module, dict[str, Spec]]

MODELS: dict[str, Callable[[], Made]] = {
    "LeNet": lambda: _example("lenet"),
    "ResNet-18": lambda: _example("resnet18"),
    "MobileNetV2": lambda: (_mobilenet_v2(), _floats(x=(2, 3, 64, 64))),
    "U-Net": lambda: _example("unet"),
    "GPT block": lambda: (Block(), _floats(x=(2, 16, 64))),
    "ViT": lambda: _example("vit"),
    "LSTM tagger": lambda: (Tagger(), _ids(words=(2, 9), letters=(2, 9))),
    "seq2seq attention": lambda: (Translator(), _ids(source=(2, 7), target=(2, 9))),
    "VAE": lambda: (Vae(), _floats(x=(2, 1, 28, 28), noise=(2, 20))),
    "DCGAN": lambda: (Dcgan(), _floats(noise=(2, 64, 1, 1), images=(2, 3, 32, 32))),
}


def graph_of(name: str) -> GraphRecord:
    """The graph of one of MODELS."""
    model, inputs = MODELS[name]()
    record = model_graph(model, inputs, title=name)
    if record.error:
        raise ValueError(f"{name} does not run: {record.error}")
    return record
