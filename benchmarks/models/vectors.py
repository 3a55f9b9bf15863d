"""Examples on plain vectors and on numbers of rows: linear regression, an MLP, a recommender."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.models.example import Batch, Example, per_class, squared


def _line(random: np.random.Generator, size: int, small: bool) -> Batch:
    x = np.arange(1, size + 1, dtype=np.float32)[:, None]
    return x, 2 * x


def _linear(framework: Any, small: bool) -> Any:
    return framework.nn.Linear(1, 1)


def _digits(random: np.random.Generator, size: int, small: bool) -> Batch:
    return random.random((size, 24 if small else 784), np.float32), random.integers(0, 10, size)


def _mlp(framework: Any, small: bool) -> Any:
    nn = framework.nn
    first, *hidden = (24, 16, 12) if small else (784, 256, 128)
    return nn.Sequential(
        nn.Linear(first, hidden[0]), nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]), nn.ReLU(),
        nn.Linear(hidden[1], 10),
    )  # fmt: skip


def _tables(small: bool) -> tuple[int, int]:
    """How many users and items there are."""
    return (50, 30) if small else (1_000_000, 100_000)


def _ratings(random: np.random.Generator, size: int, small: bool) -> Batch:
    users, items = (random.integers(0, count, size) for count in _tables(small))
    return np.stack([users, items], 1), random.random(size, np.float32) * np.float32(5)


def _recommender(framework: Any, small: bool) -> Any:
    """Y. Koren, R. Bell and C. Volinsky, "Matrix Factorization Techniques", Computer 42 (2009)."""
    nn = framework.nn
    users, items = _tables(small)
    width = 8 if small else 64

    class Recommender(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user = nn.Embedding(users, width, sparse=True)
            self.item = nn.Embedding(items, width, sparse=True)
            self.user_bias = nn.Embedding(users, 1, sparse=True)
            self.item_bias = nn.Embedding(items, 1, sparse=True)

        def forward(self, x: Any) -> Any:
            user, item = x[:, 0], x[:, 1]
            match = (self.user(user) * self.item(item)).sum(-1)
            return match + (self.user_bias(user) + self.item_bias(item)).reshape(-1)

    return Recommender()


VECTORS = {
    "linear": Example(
        "linear regression, 4 points", _linear, _line, 4, squared, 3.0, fit=True
    ),
    "mlp": Example("MLP 784-256-128-10, batch 128", _mlp, _digits, 128, per_class, 2.0),
    "recommender": Example(
        "recommender, (1 M + 100 k) × 64, batch 1024", _recommender, _ratings, 1024, squared,
        sparse=True,
    ),
}  # fmt: skip
