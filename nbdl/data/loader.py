"""DataLoader: batches in a seeded order, read ahead by threads."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.backends import Device
from nbdl.core.tensor import Tensor
from nbdl.data import arrays, sampling
from nbdl.data.collate import collate, map_arrays, to_tensors
from nbdl.data.dataset import IterableDataset, Mapped, Subset, as_dataset
from nbdl.errors import ArgumentError, DataError, NbdlError, brief


class DataLoader:
    """Batches of a data set: ``for x, y in DataLoader(train, batch_size=64, shuffle=True):``.

    Args:
        dataset: a Dataset, an IterableDataset, ``(x, y)``, a dict of arrays, or any object
            with ``__len__`` and ``__getitem__``.
        batch_size: samples a batch; the last batch of an epoch may be smaller.
        shuffle: a new order each epoch, a function of ``seed`` and the epoch's number.
        num_workers: threads that read ahead. None: none for arrays in memory, one otherwise.
            Threads, not processes: nothing is forked, and objects defined in a notebook work.
        collate_fn: makes a batch from a list of samples; the default stacks arrays.
        drop_last: leave out the last batch if it is smaller.
        prefetch_factor: batches read ahead by each thread.
        seed: of the order and of random transforms.
        device: where the batches are put, such as ``"cuda"``.
        dtype: the dtype that floats are read as, where the data set says nothing else.

    Batches have the structure of a sample, with tensors for arrays and numbers, and lists for
    strings. An error in a data set or transform is raised here, in the reader, with the number
    of its sample. ``state_dict`` and ``load_state_dict`` keep the position inside an epoch.

    Warns when ``batch_size`` is larger than the data set; raises DataError when the data set
    is empty, or when ``drop_last`` would leave no batch at all.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        num_workers: int | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        prefetch_factor: int = 2,
        seed: int = 0,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.streams = isinstance(dataset, IterableDataset)
        self.dataset = dataset if self.streams else as_dataset(dataset, "the data set")
        self.batch_size = _count("batch_size", batch_size, 1)
        self.prefetch_factor = _count("prefetch_factor", prefetch_factor, 1)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        if collate_fn is not None and not callable(collate_fn):
            raise ArgumentError(f"collate_fn must be a function, got {brief(collate_fn)}")
        self.collate_fn, self.seed = collate_fn, _count("seed", seed, None)
        self.device = None if device is None else Device(device)
        self.dtype = None if dtype is None else dtypes.as_dtype(dtype)
        if num_workers is None:
            quick = getattr(self.dataset, "in_memory", False) and collate_fn is None
            num_workers = 0 if quick else 1
        self.num_workers = _count("num_workers", num_workers, 0)
        self._epoch = 0
        self._position = 0
        self._resume: int | None = None
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.streams:
            if self.shuffle:
                raise ArgumentError(
                    "shuffle=True needs a data set with numbered samples; "
                    f"{type(self.dataset).__name__} only comes one after another",
                    hint="shuffle inside its __iter__",
                )
            return
        n = self._count()
        if self.batch_size > n:
            if self.drop_last:
                raise DataError(
                    f"batch_size={self.batch_size} with drop_last=True leaves no batch: the data "
                    f"set has {n} samples",
                    hint=f"batch_size={n} or smaller",
                )
            warnings.warn(
                f"batch_size={self.batch_size} is larger than the data set ({n} samples): each "
                f"epoch is one batch of {n}",
                stacklevel=3,
            )

    # ----- how much and where ---------------------------------------------------------------

    def __len__(self) -> int:
        """Batches an epoch. Raises TypeError for a data set that only streams."""
        if self.streams:
            raise TypeError(f"the length of a {type(self.dataset).__name__} is not known")
        n = self._count()
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)

    @property
    def epoch(self) -> int:
        """Number of the epoch that the next (or current) iteration is."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Start the next iteration at the first batch of ``epoch``."""
        self._epoch, self._position, self._resume = int(epoch), 0, None

    def state_dict(self) -> dict[str, int]:
        """Where the reader is: epoch, and batches of it already handed out."""
        return {"epoch": self._epoch, "position": self._position, "seed": self.seed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """The next iteration goes on where ``state`` was taken, in the same order."""
        self._epoch, self._position = int(state["epoch"]), int(state["position"])
        self._resume = self._position
        self.seed = int(state["seed"])

    # ----- reading --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        if self._resume is None and self._position:
            self._epoch += 1  # the reader left the last epoch early: this is a new one
        start, self._resume = self._resume or 0, None
        self._position = start
        batches = self._streamed(start) if self.streams else self._numbered(start)
        done = start
        for batch in batches:
            done += 1
            self._position = done
            yield self._finish(batch)
        self._epoch, self._position = self._epoch + 1, 0

    def first(self) -> Any:
        """The batch that the next iteration begins with; the reader's position stays."""
        start = self._resume or 0
        batches = self._streamed(start) if self.streams else self._numbered(start)
        try:
            return self._finish(next(batches))
        finally:
            batches.close()

    def _finish(self, batch: Any) -> Any:
        batch = to_tensors(batch)
        if self.device is None:
            return batch
        device = self.device
        return map_arrays(batch, lambda t: t.to(device) if isinstance(t, Tensor) else t)

    def _numbered(self, start: int) -> Generator[Any, None, None]:
        order = self._order()
        epoch = self._epoch
        chunks = (
            order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(start, len(self))
        )
        if not self.num_workers:
            for chunk in chunks:
                yield self._read(chunk, epoch)
            return
        yield from self._read_ahead(chunks, epoch)

    def _count(self) -> int:
        """How many samples an epoch visits."""
        return len(self.dataset)

    def _order(self) -> np.ndarray:
        """The samples of this epoch in their order."""
        n = self._count()
        if self.shuffle:
            return sampling.order(n, self.seed, self._epoch)
        return np.arange(n, dtype=np.int64)

    def _read_ahead(self, chunks: Iterator[np.ndarray], epoch: int) -> Iterator[Any]:
        """Batches in order, with at most workers x prefetch_factor of them under way."""
        waiting: deque[Future[Any]] = deque()
        pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix="nbdl-data")
        try:
            for chunk in islice(chunks, self.num_workers * self.prefetch_factor):
                waiting.append(pool.submit(self._read, chunk, epoch))
            while waiting:
                batch = waiting.popleft().result()
                for chunk in islice(chunks, 1):
                    waiting.append(pool.submit(self._read, chunk, epoch))
                yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, indices: np.ndarray, epoch: int) -> Any:
        """One batch as arrays, for any thread."""
        take = getattr(self.dataset, "take", None)
        if self.dataset.in_memory and take is not None and self.collate_fn is None:
            return self._cast(take(indices))
        samples = [self._read_one(int(i), epoch) for i in indices]
        try:
            return self._cast((self.collate_fn or collate)(samples))
        except NbdlError as error:
            error.add_note(f"in the batch of samples {_few(indices)}")
            raise

    def _read_one(self, index: int, epoch: int) -> Any:
        try:
            with sampling.sample_key(self.seed, epoch, index):
                return _as_arrays(self.dataset, index)
        except Exception as error:
            raise DataError(
                f"sample {index} of {self.dataset!r} could not be read: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _cast(self, batch: Any) -> Any:
        if self.dtype is None:
            return batch
        return map_arrays(
            batch,
            lambda a: arrays.to_dtype(a, self.dtype) if isinstance(a, np.ndarray) else a,
        )

    def _streamed(self, start: int) -> Generator[Any, None, None]:
        samples = iter(self.dataset)
        for _ in islice(samples, start * self.batch_size):
            pass  # a stream can only be entered in the middle by passing over its beginning
        count = start * self.batch_size
        while chunk := list(islice(samples, self.batch_size)):
            if len(chunk) < self.batch_size and self.drop_last:
                return
            count += len(chunk)
            yield self._cast((self.collate_fn or collate)(chunk))
        if not count:
            raise DataError(f"{type(self.dataset).__name__} gave no samples in this epoch")

    def __repr__(self) -> str:
        words = [f"batch_size={self.batch_size}"]
        words += [w for w in ("shuffle", "drop_last") if getattr(self, w)]
        return f"DataLoader({self.dataset!r}, {', '.join(words)})"


def _as_arrays(dataset: Any, index: int) -> Any:
    return dataset.sample(index) if isinstance(dataset, (Mapped, Subset)) else dataset[index]


def _few(indices: np.ndarray) -> str:
    text = ", ".join(str(i) for i in indices[:8])
    return f"{text}, ..." if len(indices) > 8 else text


def _count(name: str, value: Any, least: int | None) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ArgumentError(f"{name} must be a whole number{bound}, got {brief(value)}")
    return int(value)
