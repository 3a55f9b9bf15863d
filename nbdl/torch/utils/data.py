"""PyTorch's ``torch.utils.data``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl import data
from nbdl.core.random import Generator, default_generator
from nbdl.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
    random_split,
    to_tensors,
)
from nbdl.data import to_tensors as default_convert
from nbdl.errors import ArgumentError
from nbdl.torch.utils.sampling import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]


class DataLoader(data.DataLoader):
    """nbdl's DataLoader with PyTorch's arguments.

    The order follows ``generator`` or ``manual_seed``, or a ``sampler`` or ``batch_sampler``.
    ``num_workers`` are threads; with a ``multiprocessing_context`` they are processes, always
    started afresh (as ``spawn`` does, whichever is named), for which ``worker_init_fn`` and
    ``persistent_workers`` are meant.
    A stream that does not ask ``get_worker_info`` is dealt out to the workers, not repeated by
    each. ``pin_memory`` has no meaning here.
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
        in_order: bool = True,
    ) -> None:
        if not in_order:
            raise ArgumentError(
                "DataLoader: in_order=False is not possible here: batches keep their order, so "
                "that a run can be repeated",
                hint="leave it out",
            )
        super().__init__(
            dataset, batch_size, bool(shuffle), sampler=sampler, batch_sampler=batch_sampler,
            num_workers=num_workers, processes=bool(multiprocessing_context and num_workers),
            collate_fn=None if collate_fn is None else _on_tensors(collate_fn),
            drop_last=drop_last, prefetch_factor=prefetch_factor or 2, timeout=timeout,
            generator=generator or (default_generator() if shuffle else None),
            worker_init_fn=worker_init_fn, persistent_workers=persistent_workers,
        )  # fmt: skip


class _on_tensors:
    """A collate function that is given tensors, as PyTorch's are."""

    def __init__(self, function: Callable[[list[Any]], Any]) -> None:
        self.function = function

    def __call__(self, samples: list[Any]) -> Any:
        return self.function([to_tensors(sample) for sample in samples])
