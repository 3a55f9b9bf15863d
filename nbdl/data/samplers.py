"""Samplers: which samples an epoch visits, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nbdl.data import sampling
from nbdl.data.adoption import as_dataset
from nbdl.data.arrays import as_array
from nbdl.data.dataset import Dataset
from nbdl.errors import ArgumentError, DataError, IndexRangeError


class Sampler:
    """Base of samplers: subclasses write ``order`` and ``__len__``.

    What they draw is a function of the loader's seed and the epoch, so a loader can go on in the
    middle of an epoch.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """Numbers of the samples that ``epoch`` visits: (len,) int64."""
        raise NotImplementedError(f"{type(self).__name__} must define order")

    def __iter__(self) -> Iterator[int]:
        return iter(self.order(0, 0).tolist())


class SequentialSampler(Sampler):
    """All samples in their order."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        return np.arange(len(self), dtype=np.int64)


class RandomSampler(Sampler):
    """Samples in a new random order each epoch.

    Args:
        dataset: anything with a length.
        replacement: draw each sample anew from all, so that some come twice and some never.
        num_samples: how many an epoch; all unless given.
    """

    def __init__(
        self, dataset: Any, replacement: bool = False, num_samples: int | None = None
    ) -> None:
        self.dataset, self.replacement = dataset, bool(replacement)
        self.num_samples = len(dataset) if num_samples is None else _positive(num_samples)
        if not replacement and self.num_samples > len(dataset):
            raise ArgumentError(
                f"num_samples={self.num_samples} of {len(dataset)} samples",
                hint="replacement=True draws samples more than once",
            )

    def __len__(self) -> int:
        return self.num_samples

    def order(self, seed: int, epoch: int) -> np.ndarray:
        n = len(self.dataset)
        if self.replacement:
            return sampling.order_rng(seed, epoch).integers(0, n, self.num_samples)
        return sampling.order(n, seed, epoch)[: self.num_samples]


class SubsetRandomSampler(Sampler):
    """The samples of these numbers in a new random order each epoch."""

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = np.asarray(indices, np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        return self.indices[sampling.order(len(self), seed, epoch)]


class WeightedRandomSampler(Sampler):
    """Samples drawn with probabilities in proportion to ``weights``.

    ``WeightedRandomSampler.balanced(train)`` draws every class equally often.

    Args:
        weights: (n,) one for each sample, not negative.
        num_samples: how many an epoch; n unless given.
        replacement: False draws no sample twice in an epoch.

    Raises DataError for weights that are negative, not finite or all zero, and without
    replacement for more samples than weights above zero.
    """

    def __init__(
        self, weights: Any, num_samples: int | None = None, replacement: bool = True
    ) -> None:
        found = as_array(weights, "weights").astype(np.float64)
        if found.ndim != 1 or not found.size:
            raise DataError(f"weights must be one number a sample, got shape {found.shape}")
        wrong = ~np.isfinite(found) | (found < 0)
        if wrong.any():
            place = int(wrong.argmax())
            raise DataError(f"weight {place} is {found[place]:g}: weights are finite and 0 or more")
        if not found.any():
            raise DataError("all weights are 0, so no sample can be drawn")
        self.weights, self.replacement = found / found.sum(), bool(replacement)
        self.num_samples = len(found) if num_samples is None else _positive(num_samples)
        if not replacement and self.num_samples > np.count_nonzero(found):
            raise DataError(
                f"num_samples={self.num_samples} without replacement, but only "
                f"{np.count_nonzero(found)} weights are above 0",
                hint="replacement=True, or num_samples=",
            )

    @classmethod
    def balanced(cls, data: Any, num_samples: int | None = None) -> WeightedRandomSampler:
        """A sampler that draws each class with the same probability.

        data: a data set with classes as targets, or (n,) labels.
        """
        is_data = isinstance(data, (Dataset, tuple))
        labels = as_dataset(data).labels() if is_data else as_array(data, "labels")
        if labels.ndim != 1 or labels.dtype.kind not in "iub":
            raise DataError(
                f"classes can be balanced only where targets are class numbers of shape (n,), "
                f"got {labels.dtype} of shape {labels.shape}"
            )
        _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return cls(1.0 / counts[places], num_samples)

    def __len__(self) -> int:
        return self.num_samples

    def order(self, seed: int, epoch: int) -> np.ndarray:
        return sampling.order_rng(seed, epoch).choice(
            len(self.weights), self.num_samples, self.replacement, self.weights
        )


class BatchSampler:
    """Whole batches of numbers, for ``DataLoader(batch_sampler=)``: those of ``sampler`` in turn.

    A batch sampler of one's own has ``batches(seed, epoch)`` and ``__len__``, or is any iterable
    of lists of numbers with a length.
    """

    def __init__(self, sampler: Sampler, batch_size: int, drop_last: bool = False) -> None:
        self.sampler, self.batch_size = sampler, _positive(batch_size)
        self.drop_last = bool(drop_last)

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def batches(self, seed: int, epoch: int) -> list[np.ndarray]:
        """The numbers of each batch of ``epoch``."""
        order = self.sampler.order(seed, epoch)
        return [order[i * self.batch_size :][: self.batch_size] for i in range(len(self))]

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches(0, 0))


def order_of(sampler: Any, n: int, seed: int, epoch: int) -> np.ndarray:
    """The numbers that ``sampler`` gives for an epoch: a Sampler, or any iterable of numbers."""
    if isinstance(sampler, Sampler):
        return _checked(sampler.order(seed, epoch), n, "sampler")
    return _checked(np.fromiter(sampler, np.int64), n, "sampler")


def batches_of(sampler: Any, n: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """The batches of numbers that a batch sampler gives for an epoch."""
    own = getattr(sampler, "batches", None)
    for batch in sampler if own is None else own(seed, epoch):
        yield _checked(np.asarray(batch, np.int64).reshape(-1), n, "batch_sampler")


def _checked(order: Any, n: int, what: str) -> np.ndarray:
    numbers = np.asarray(order, np.int64)
    wrong = (numbers < 0) | (numbers >= n)
    if wrong.any():
        raise IndexRangeError(
            f"the {what} asks for sample {numbers[wrong][0]}, but there are {n} samples"
        )
    return numbers


def _positive(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(f"a number of samples must be whole and at least 1, got {value!r}")
    return int(value)
