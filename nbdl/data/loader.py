"""DataLoader: batches in a seeded order, read ahead by threads."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import islice, repeat
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.backends import Device
from nbdl.core.tensor import Tensor
from nbdl.data.adoption import adopted, as_dataset
from nbdl.data.collate import map_arrays, to_tensors
from nbdl.data.prefetch import read_ahead
from nbdl.data.processes import END, Processes
from nbdl.data.reading import Reader, frames_of, name_line
from nbdl.data.samplers import RandomSampler, SequentialSampler, batches_of, order_of
from nbdl.data.streams import IterableDataset
from nbdl.errors import ArgumentError, DataError, brief


class DataLoader:
    """Batches of a data set: ``for x, y in DataLoader(train, batch_size=64, shuffle=True):``.

    Args:
        dataset: a Dataset, an IterableDataset, ``(x, y)``, a dict of arrays, or any object
            with ``__len__`` and ``__getitem__``.
        batch_size: samples a batch; the last batch of an epoch may be smaller.
        shuffle: a new order each epoch, a function of ``seed`` and the epoch's number.
        sampler: says which samples come in which order, instead of ``shuffle``: a Sampler, or
            an iterable of numbers with a length, gone through anew each epoch.
        batch_sampler: says it for whole batches, instead of ``batch_size``, ``shuffle``,
            ``sampler`` and ``drop_last``: an iterable of lists of numbers with a length.
        num_workers: threads (or processes) that read ahead. None: none for arrays in memory,
            one otherwise. A stream is read by one.
        processes: read in processes of their own, for transforms whose Python computes much:
            threads take turns at Python. They are started afresh, not forked; objects defined
            in a notebook travel with their code. Batches come back through shared memory.
        worker_init_fn: called in each process with its number before anything is read.
        persistent_workers: keep the processes between epochs, until the loader is gone; they
            have the data set as it was when they were started.
        collate_fn: makes a batch from a list of samples; the default stacks arrays.
        drop_last: leave out the last batch if it is smaller.
        prefetch_factor: batches read ahead by each thread or process.
        pin_memory: taken for programs that say it; batches go to ``device`` by themselves.
        seed: of the order and of random transforms.
        device: where the batches are put, such as ``"cuda"``.
        dtype: the dtype that floats are read as, where the data set says nothing else.

    Batches have the structure of a sample, with tensors for arrays and numbers, and lists for
    strings. Threads and processes give the same batches in the same order. An error in a data
    set or transform is raised here, in the reader, with the number of its sample and its line.

    ``state_dict`` and ``load_state_dict`` keep the position inside an epoch: a loader that loads
    ``{"epoch": e, "position": b, "seed": s}`` goes on with batch ``b`` of epoch ``e`` exactly,
    random transforms that draw from ``sample_rng`` included, and reads nothing before it (a
    stream that knows no other way makes its earlier samples again).

    Warns when ``batch_size`` is larger than the data set; raises DataError when the data set
    is empty, when ``drop_last`` would leave no batch at all, or when a process ends unasked.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int | None = None,
        processes: bool = False,
        worker_init_fn: Callable[[int], Any] | None = None,
        persistent_workers: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        prefetch_factor: int = 2,
        pin_memory: bool = False,
        seed: int = 0,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        dataset = adopted(dataset)
        self.streams = isinstance(dataset, IterableDataset)
        self.dataset = dataset if self.streams else as_dataset(dataset, "the data set")
        self.batch_size = _count("batch_size", batch_size, 1)
        self.prefetch_factor = _count("prefetch_factor", prefetch_factor, 1)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        for name, function in (("collate_fn", collate_fn), ("worker_init_fn", worker_init_fn)):
            if function is not None and not callable(function):
                raise ArgumentError(f"{name} must be a function, got {brief(function)}")
        self.collate_fn, self.seed = collate_fn, _count("seed", seed, None)
        self.device = None if device is None else Device(device)
        self.dtype = None if dtype is None else dtypes.as_dtype(dtype)
        self.processes, self.worker_init_fn = bool(processes), worker_init_fn
        self.persistent_workers = bool(persistent_workers)
        if num_workers is None:
            quick = getattr(self.dataset, "in_memory", False) and collate_fn is None
            num_workers = 0 if quick and not processes else 1
        self.num_workers = _count("num_workers", num_workers, 1 if processes else 0)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._workers: Processes | None = None
        self._epoch = 0
        self._position = 0
        self._resume: int | None = None
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.streams:
            self._check_stream()
            return
        self._choose_sampler()
        n = self._count()
        if self.batch_sampler is None and self.batch_size > n:
            if self.drop_last:
                raise DataError(
                    f"batch_size={self.batch_size} with drop_last=True leaves no batch: the data "
                    f"set has {n} samples",
                    hint=f"batch_size={n} or smaller",
                )
            warnings.warn(
                f"batch_size={self.batch_size} is larger than the data set ({n} samples): each "
                f"epoch is one batch of {n}",
                stacklevel=4,
            )

    def _check_stream(self) -> None:
        for name in ("shuffle", "sampler", "batch_sampler"):
            value = getattr(self, name)
            if value is not None and value is not False:
                raise ArgumentError(
                    f"{name}={brief(value)} needs a data set with numbered samples; "
                    f"{type(self.dataset).__name__} only comes one after another",
                    hint="stream.shuffle(buffer_size=1000) shuffles within blocks",
                )

    def _choose_sampler(self) -> None:
        chosen = {
            "shuffle": self.shuffle, "sampler": self.sampler is not None,
            "batch_sampler": self.batch_sampler is not None,
        }  # fmt: skip
        if sum(chosen.values()) > 1:
            given = " and ".join(name for name, is_given in chosen.items() if is_given)
            raise ArgumentError(f"{given} exclude each other: each says the order")
        for name in ("sampler", "batch_sampler"):
            value = getattr(self, name)
            if value is not None and not (hasattr(value, "__iter__") and hasattr(value, "__len__")):
                raise ArgumentError(
                    f"{name} must be an iterable of numbers with a length, got {brief(value)}",
                    hint="a data.Sampler, or a list",
                )
        if self.sampler is None:
            made = RandomSampler if self.shuffle else SequentialSampler
            self.sampler = made(self.dataset)

    # ----- how much and where ---------------------------------------------------------------

    def __len__(self) -> int:
        """Batches an epoch. Raises TypeError for a data set that only streams."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        if self.streams and not hasattr(self.dataset, "__len__"):
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
        done = start
        batches = self._batches(start)
        try:
            for batch in batches:
                done += 1
                self._position = done
                yield self._finish(batch)
        except DataError as error:
            _name_line(error)
            raise
        finally:
            batches.close()
        self._epoch, self._position = self._epoch + 1, 0

    def first(self) -> Any:
        """The batch that the next iteration begins with; the reader's position stays."""
        start = self._resume or 0
        reader = Reader(self.dataset, self.collate_fn, self.seed, self.dtype)
        batches = self._here(reader, start)  # for one batch no process is started
        try:
            return self._finish(next(batches))
        except DataError as error:
            _name_line(error)
            raise
        finally:
            batches.close()

    def _finish(self, batch: Any) -> Any:
        batch = to_tensors(batch)
        if self.device is None:
            return batch
        device = self.device
        return map_arrays(batch, lambda t: t.to(device) if isinstance(t, Tensor) else t)

    def _batches(self, start: int) -> Generator[Any, None, None]:
        """Batches of this epoch from ``start`` on, as arrays."""
        reader = Reader(self.dataset, self.collate_fn, self.seed, self.dtype)
        if not self.num_workers:
            return self._here(reader, start)
        if self.processes:
            return self._in_processes(reader, start)
        return self._in_threads(reader, start)

    def _here(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        if self.streams:
            yield from reader.batches(self.batch_size, self.drop_last, self._epoch, start)
            return
        epoch = self._epoch
        for chunk in self._chunks(start):
            yield reader.batch(chunk, epoch)

    def _in_threads(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        if not self.streams:
            epoch = self._epoch
            tasks = (partial(reader.batch, chunk, epoch) for chunk in self._chunks(start))
            yield from read_ahead(tasks, self.num_workers, self.prefetch_factor)
            return
        stream = reader.batches(self.batch_size, self.drop_last, self._epoch, start)
        yield from read_ahead(
            repeat(partial(next, stream, END)), 1, self.prefetch_factor, at_end=stream.close
        )

    def _in_processes(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        if self._workers is not None and self._workers.reader.seed != reader.seed:
            self._workers.close()  # they would draw from another seed
            self._workers = None
        workers = self._workers or Processes(
            reader, 1 if self.streams else self.num_workers, self.worker_init_fn,
            self.prefetch_factor + 1,
        )  # fmt: skip
        if self.persistent_workers and self._workers is None:
            self._workers = workers
            weakref.finalize(self, workers.close)
        try:
            tasks = self._wishes(workers, start)
            yield from read_ahead(tasks, len(workers.workers), self.prefetch_factor)
        finally:
            if workers.broken or workers is not self._workers:
                self._workers = None
                workers.close()

    def _wishes(self, workers: Processes, start: int) -> Iterator[Callable[[], Any]]:
        epoch = self._epoch
        if not self.streams:
            return (partial(workers.call, "batch", chunk, epoch) for chunk in self._chunks(start))
        workers.call("open", self.batch_size, self.drop_last, epoch, start)
        return repeat(partial(workers.call, "next"))

    def _count(self) -> int:
        """How many samples an epoch visits."""
        return len(self.dataset if self.streams else self.sampler)

    def _chunks(self, start: int) -> Iterator[np.ndarray]:
        """The numbers of the samples of each batch of this epoch, from batch ``start`` on."""
        if self.batch_sampler is not None:
            chunks = batches_of(self.batch_sampler, len(self.dataset), self.seed, self._epoch)
            return islice(chunks, start, None)
        order = order_of(self.sampler, len(self.dataset), self.seed, self._epoch)
        size = self.batch_size
        return (order[i * size : (i + 1) * size] for i in range(start, len(self)))

    def __repr__(self) -> str:
        words = [f"batch_size={self.batch_size}"]
        words += [w for w in ("shuffle", "drop_last") if getattr(self, w)]
        return f"DataLoader({self.dataset!r}, {', '.join(words)})"


def _name_line(error: DataError) -> None:
    """Have an error say which line of the user's own code it came from."""
    frames = getattr(error, "frames", None)
    name_line(error, frames if frames is not None else frames_of(error.__cause__ or error))


def _count(name: str, value: Any, least: int | None) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ArgumentError(f"{name} must be a whole number{bound}, got {brief(value)}")
    return int(value)
