"""PyTorch's ``torch.utils.data``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nbdl import data
from nbdl.core.random import Generator, default_generator
from nbdl.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, to_tensors
from nbdl.data import collate as default_collate
from nbdl.errors import ArgumentError, DataError
from nbdl.ops.random import randperm
from nbdl.torch.utils.sampling import (
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "random_split",
]


class DataLoader(data.DataLoader):
    """nbdl's DataLoader with PyTorch's arguments.

    The order follows ``generator`` or ``manual_seed``, or a ``sampler`` or ``batch_sampler``.
    ``num_workers`` are threads; with a ``multiprocessing_context`` they are processes, always
    started afresh, for which ``worker_init_fn`` and ``persistent_workers`` are meant.
    ``pin_memory`` and ``timeout`` have no meaning here.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
    ) -> None:
        if batch_size is None:
            raise ArgumentError("DataLoader: batch_size=None is not possible here",
                                hint="batch_size=1")  # fmt: skip
        seed = 0
        if shuffle:
            key, draw = (generator or default_generator()).next()
            seed = (key * 0x9E3779B97F4A7C15 + draw) & (2**63 - 1)
        super().__init__(
            dataset, batch_size, bool(shuffle), sampler=sampler, batch_sampler=batch_sampler,
            num_workers=num_workers, processes=bool(multiprocessing_context and num_workers),
            collate_fn=None if collate_fn is None else _on_tensors(collate_fn),
            drop_last=drop_last, prefetch_factor=prefetch_factor or 2, seed=seed,
            worker_init_fn=worker_init_fn, persistent_workers=persistent_workers,
        )  # fmt: skip


class _on_tensors:
    """A collate function that is given tensors, as PyTorch's are."""

    def __init__(self, function: Callable[[list[Any]], Any]) -> None:
        self.function = function

    def __call__(self, samples: list[Any]) -> Any:
        return self.function([to_tensors(sample) for sample in samples])


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of given lengths, or of given shares of 1, of a data set in random order."""
    n = len(dataset)
    if abs(sum(lengths) - 1) < 1e-9 and all(0 <= share <= 1 for share in lengths):
        counts = [math.floor(n * share) for share in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != n:
        raise DataError(
            f"random_split: the lengths {counts} add up to {sum(counts)}, the data set has {n}"
        )
    order = randperm(n, generator=generator).numpy()
    parts, start = [], 0
    for count in counts:
        parts.append(Subset(data.as_dataset(dataset), order[start : start + count]))
        start += count
    return parts
