"""Several data sets as one, and one as several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nbdl.core.random import Generator, default_generator
from nbdl.data.adoption import as_dataset
from nbdl.data.dataset import Dataset, Subset
from nbdl.data.sampling import split_order
from nbdl.errors import ArgumentError, DataError, IndexRangeError


class ConcatDataset(Dataset):
    """Data sets one after the other: ``ConcatDataset([a, b])``, anything ``as_dataset`` takes."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = [as_dataset(dataset) for dataset in datasets]
        if not self.datasets:
            raise DataError("ConcatDataset needs at least one data set")
        self.cumulative_sizes = np.cumsum([len(d) for d in self.datasets]).tolist()
        self.classes = self.datasets[0].classes
        self.features = self.datasets[0].features

    def __len__(self) -> int:
        return int(self.cumulative_sizes[-1])

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise IndexRangeError(f"sample {index} of a data set with {n} samples")
        index = int(index) % n
        which = int(np.searchsorted(self.cumulative_sizes, index, side="right"))
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def labels(self) -> np.ndarray:
        return np.concatenate([dataset.labels() for dataset in self.datasets])


class StackDataset(Dataset):
    """Data sets side by side, sample by sample: those of the same number make one.

    ``StackDataset(images, texts)`` gives tuples, ``StackDataset(image=images, text=texts)`` dicts.
    Of parts whose samples are tuples, such as (input, target), whole samples are taken.

    Raises ArgumentError for none, or for both kinds; DataError for different lengths.
    """

    def __init__(self, *parts: Any, **named: Any) -> None:
        if bool(parts) == bool(named):
            raise ArgumentError(
                "StackDataset takes data sets either in order or by name",
                hint="StackDataset(a, b) or StackDataset(x=a, y=b)",
            )
        given: Mapping[str, Any] = named or {f"part {i}": part for i, part in enumerate(parts)}
        self.datasets = {name: _plain(part, name) for name, part in given.items()}
        self.named = bool(named)
        lengths = {name: len(dataset) for name, dataset in self.datasets.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise DataError(f"the parts of a StackDataset differ in length: {told}")

    def __len__(self) -> int:
        return len(next(iter(self.datasets.values())))

    def __getitem__(self, index: int) -> Any:
        found = {name: dataset[index] for name, dataset in self.datasets.items()}
        return found if self.named else tuple(found.values())

    def __repr__(self) -> str:
        return f"StackDataset({', '.join(map(repr, self.datasets.values()))})"


def _plain(part: Any, name: str) -> Any:
    """A part whose brackets give its samples: one array's samples are no tuples of one."""
    if isinstance(part, np.ndarray) or (hasattr(part, "__array__") and hasattr(part, "shape")):
        return part
    return as_dataset(part, name)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of given lengths, or of given shares of 1, of a data set in random order.

    Drawn from ``generator``, or from the one that ``nbdl.manual_seed`` seeds; ``split`` has a
    seed of its own, and can keep the proportions of classes. Raises DataError when the lengths
    do not add up.
    """
    found = as_dataset(dataset)
    n = len(found)
    if abs(sum(lengths) - 1) < 1e-9 and all(0 <= share <= 1 for share in lengths):
        counts = [math.floor(n * share) for share in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != n or min(counts) < 0:
        raise DataError(
            f"random_split: the lengths {counts} add up to {sum(counts)}, the data set has {n}",
            hint="shares work, too: random_split(data, [0.8, 0.2])",
        )
    seed, draw = (generator or default_generator()).next()
    order = split_order(n, seed ^ (draw << 32))
    return [Subset(found, part) for part in np.split(order, np.cumsum(counts)[:-1])]
