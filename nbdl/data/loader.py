"""DataLoader: batches in a seeded order, read ahead by threads."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.backends import Device
from nbdl.core import random
from nbdl.core.tensor import Tensor
from nbdl.data.adoption import adopted, as_dataset
from nbdl.data.collate import map_arrays, to_tensors
from nbdl.data.loader_options import as_they_are, count, drawn_seed, seconds
from nbdl.data.prefetch import Turn, in_turn, read_ahead
from nbdl.data.processes import END, Processes
from nbdl.data.reading import Reader, frames_of, name_line, no_samples
from nbdl.data.samplers import RandomSampler, SequentialSampler, batches_of, order_of
from nbdl.data.sharing import Share, acting, enter, shares
from nbdl.data.streams import IterableDataset, length_of
from nbdl.errors import ArgumentError, DataError, brief


class DataLoader:
    """Batches of a data set: ``for x, y in DataLoader(train, batch_size=64, shuffle=True):``.

    Args:
        dataset: a Dataset, an IterableDataset, ``(x, y)``, a dict of arrays, or any object
            with ``__len__`` and ``__getitem__``.
        batch_size: samples a batch; the last batch of an epoch may be smaller. None: samples
            come as they are, for data whose samples are batches already.
        shuffle: a new order each epoch, a function of ``seed`` and the epoch's number.
        sampler: says which samples come in which order, instead of ``shuffle``: a Sampler, or
            an iterable of numbers with a length, gone through anew each epoch.
        batch_sampler: says it for whole batches, instead of ``batch_size``, ``shuffle``,
            ``sampler`` and ``drop_last``: an iterable of lists of numbers with a length.
        num_workers: threads (or processes) that read ahead. None: none for arrays in memory,
            one otherwise. Of a stream each reads the share that it takes by
            ``get_worker_info``, and batches come from them in turn; where it does not ask,
            whole batches are dealt out, and are those of one worker.
        processes: read in processes of their own, for transforms whose Python computes much:
            threads take turns at Python. They are started afresh, not forked; objects defined
            in a notebook travel with their code. Batches come back through shared memory.
        worker_init_fn: called in each process with its number before anything is read.
        persistent_workers: keep the processes between epochs, until the loader is gone; they
            have the data set as it was when they were started.
        collate_fn: makes a batch from a list of samples; the default stacks arrays.
        drop_last: leave out the last batch if it is smaller.
        prefetch_factor: batches read ahead by each thread or process.
        timeout: seconds to wait for a thread's or process's batch before it is an error; 0: any.
        pin_memory: taken for programs that say it; batches go to ``device`` by themselves.
        seed: of the order and of random transforms.
        generator: the seed is drawn from it instead.
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
        batch_size: int | None = 1,
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
        timeout: float = 0,
        seed: int = 0,
        generator: random.Generator | None = None,
        device: str | None = None,
        dtype: Any = None,
    ) -> None:
        dataset = adopted(dataset)
        self.streams = isinstance(dataset, IterableDataset)
        self.dataset = dataset if self.streams else as_dataset(dataset, "the data set")
        if batch_size is None:
            collate_fn, batch_size = as_they_are(collate_fn, drop_last), 1
        self.batch_size = count("batch_size", batch_size, 1)
        self.prefetch_factor = count("prefetch_factor", prefetch_factor, 1)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        for name, function in (("collate_fn", collate_fn), ("worker_init_fn", worker_init_fn)):
            if function is not None and not callable(function):
                raise ArgumentError(f"{name} must be a function, got {brief(function)}")
        self.timeout = seconds(timeout)
        self.collate_fn = collate_fn
        self.seed = count("seed", seed, None) if generator is None else drawn_seed(generator)
        self.device = None if device is None else Device(device)
        self.dtype = None if dtype is None else dtypes.as_dtype(dtype)
        self.processes, self.worker_init_fn = bool(processes), worker_init_fn
        self.persistent_workers = bool(persistent_workers)
        if num_workers is None:
            quick = getattr(self.dataset, "in_memory", False) and collate_fn is None
            num_workers = 0 if quick and not processes else 1
        self.num_workers = count("num_workers", num_workers, 1 if processes else 0)
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._workers: Processes | None = None
        self._epoch = 0
        self._position = 0
        self._resume: int | None = None
        self._ended: list[tuple[int, int]] | None = []
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
        if self.streams and length_of(self.dataset) is None:
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

    def state_dict(self) -> dict[str, Any]:
        """Where the reader is: epoch, and batches of it already handed out.

        Of a stream with several workers also their number, and when which of them ended.
        """
        state: dict[str, Any] = {
            "epoch": self._epoch, "position": self._position, "seed": self.seed
        }  # fmt: skip
        if self._sharing and self._ended is not None:
            state |= {"workers": self.num_workers, "ended": [list(pair) for pair in self._ended]}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next iteration goes on where ``state`` was taken, in the same order."""
        ended = [(int(at), int(worker)) for at, worker in state.get("ended", ())]
        alike = state.get("workers", 1) == max(self.num_workers, 1)
        self._ended = [e for e in ended if e[0] <= state["position"]] if alike else None
        self._epoch, self._position = int(state["epoch"]), int(state["position"])
        self._resume = self._position
        self.seed = int(state["seed"])

    # ----- reading --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        if self._resume is None and self._position:
            self._epoch += 1  # the reader left the last epoch early: this is a new one
        start, self._resume = self._resume or 0, None
        if not start:
            self._ended = []
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
        ahead = self._in_processes if self.processes else self._in_threads
        return self._in_time(ahead(reader, start))

    def _in_time(self, batches: Generator[Any, None, None]) -> Generator[Any, None, None]:
        try:
            yield from batches
        except TimeoutError as error:
            raise DataError(
                f"no batch of {self.dataset!r} came within {self.timeout:g} s: a worker hangs, or "
                "reads slowly",
                hint="a larger timeout=, or timeout=0, which waits",
            ) from error

    def _here(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        if self.streams:
            share, *_ = self._shares(start)
            info = reader.info(share.worker, share.workers) if self.num_workers else None
            with acting(info):
                yield from reader.batches(self.batch_size, self.drop_last, self._epoch, share)
            return
        epoch = self._epoch
        for chunk in self._chunks(start):
            yield reader.batch(chunk, epoch)

    def _in_threads(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        if not self.streams:
            epoch = self._epoch
            tasks = (partial(reader.batch, chunk, epoch) for chunk in self._chunks(start))
            yield from read_ahead(tasks, self.num_workers, self.prefetch_factor, self.timeout)
            return
        parts = self._shares(start)
        turns = []
        for share in parts:
            made = reader.batches(self.batch_size, self.drop_last, self._epoch, share)
            info = reader.info(share.worker, share.workers)
            turns.append(Turn(partial(next, made, END), partial(enter, info), made.close))
        yield from self._in_turn(parts, turns)

    def _in_turn(self, parts: list[Share], turns: list[Turn]) -> Generator[Any, None, None]:
        """The batches of workers that each read a share of a stream."""
        for place, batch in in_turn(turns, self.prefetch_factor, self.timeout):
            if batch is not END:
                yield batch
            elif self._ended is not None:
                self._ended.append((self._position, parts[place].worker))
        if self._sharing and not self._position:
            raise no_samples(self.dataset)

    @property
    def _sharing(self) -> bool:
        """Whether several workers read one stream."""
        return self.streams and self.num_workers > 1

    def _shares(self, start: int) -> list[Share]:
        return shares(max(self.num_workers, 1), start, self._ended)

    def _in_processes(self, reader: Reader, start: int) -> Generator[Any, None, None]:
        epoch = self._epoch
        if self._workers is not None and self._workers.reader.seed != reader.seed:
            self._workers.close()  # they would draw from another seed
            self._workers = None
        workers = self._workers or Processes(
            reader, self.num_workers, self.worker_init_fn, self.prefetch_factor + 1
        )
        if self.persistent_workers and self._workers is None:
            self._workers = workers
            weakref.finalize(self, workers.close)
        try:
            if self.streams:
                yield from self._in_turn(*self._turns(workers, start))
            else:
                tasks = (partial(workers.call, "batch", c, epoch) for c in self._chunks(start))
                yield from read_ahead(tasks, self.num_workers, self.prefetch_factor, self.timeout)
        except TimeoutError:
            workers.broken = True  # one of them may never answer again
            raise
        finally:
            if workers.broken or workers is not self._workers:
                self._workers = None
                workers.close()

    def _turns(self, workers: Processes, start: int) -> tuple[list[Share], list[Turn]]:
        """Begin the stream in each process."""
        parts = self._shares(start)
        for share in parts:
            wish = ("open", self.batch_size, self.drop_last, self._epoch, share)
            workers.call_one(share.worker, *wish)
        return parts, [Turn(partial(workers.call_one, share.worker, "next")) for share in parts]

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
