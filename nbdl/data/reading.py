"""Reading batches: what a thread or another process does for a loader."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.data import arrays, sampling, sharing
from nbdl.data.collate import batch_length, collate, map_arrays
from nbdl.data.dataset import Mapped, Subset
from nbdl.data.sharing import Share, WorkerInfo
from nbdl.data.streams import BlockStream, IterableDataset, rebatched
from nbdl.errors import DataError, NbdlError

Frames = list[tuple[str, int, str]]
"""Places in code: (file, line, function), outermost first."""

_NOT_THE_USERS = (
    str(Path(__file__).resolve().parent.parent) + os.sep,
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    "<frozen",
)


@dataclass(frozen=True, eq=False)
class Reader:
    """Makes batches of a data set; for any thread, and sent as it is to other processes.

    Attributes:
        dataset: a Dataset or an IterableDataset.
        collate_fn: makes a batch of a list of samples; None stacks arrays.
        seed: of the samples' random numbers.
        dtype: the dtype floats are read as; None leaves them.
    """

    dataset: Any
    collate_fn: Callable[[list[Any]], Any] | None
    seed: int
    dtype: np.dtype | None

    def batch(self, indices: np.ndarray, epoch: int) -> Any:
        """The batch of the samples ``indices`` (batch,), as arrays."""
        dataset = self.dataset
        if self.collate_fn is None and getattr(dataset, "reads_batches", False):
            return self._cast(dataset.take(indices))
        samples = [self._sample(int(i), epoch) for i in indices]
        return self._collated(samples, f"samples {_few(indices)}")

    def batches(
        self, size: int, drop_last: bool, epoch: int, share: Share
    ) -> Generator[Any, None, None]:
        """The batches of a stream that are one worker's.

        Raises DataError where one worker reads it alone and it has none.
        """
        stream: IterableDataset = self.dataset
        if isinstance(stream, BlockStream) and self.collate_fn is None:
            blocks = rebatched(stream.blocks(self.seed, epoch, share.first * size), size)
            made: Iterator[Any] = map(self._cast, islice(blocks, 0, None, share.workers))
        else:
            made = self._chunks(stream, size, epoch, share)
        empty = share.workers == 1 and not share.start
        for batch in made:
            empty = False
            if drop_last and batch_length(batch) < size:
                break
            yield batch
        if empty:
            raise no_samples(stream)

    def info(self, worker: int, workers: int) -> WorkerInfo:
        """What ``get_worker_info`` says to one of those that read."""
        return WorkerInfo(worker, workers, self.seed + worker, self.dataset)

    def _chunks(
        self, stream: IterableDataset, size: int, epoch: int, share: Share
    ) -> Generator[Any, None, None]:
        samples = self._samples(stream, size, epoch, share)
        while chunk := list(islice(samples, size)):
            numbers, values = zip(*chunk, strict=True)
            yield self._collated(list(values), f"samples {numbers[0]} to {numbers[-1]}")

    def _samples(
        self, stream: IterableDataset, size: int, epoch: int, share: Share
    ) -> Generator[tuple[int, Any], None, None]:
        """The samples that are one worker's, with their numbers."""
        if share.workers == 1:
            start = share.start * size
            samples = stream.samples(self.seed, epoch, start)
            yield from self._numbered(samples, self.seed, epoch, count(start))
        elif self._shares(stream, epoch):
            start, seed = share.taken() * size, sampling.part_seed(self.seed, share.worker)
            samples = stream.samples(seed, epoch, start)
            yield from self._numbered(samples, seed, epoch, count(start))
        else:
            start, stride = share.first * size, share.workers * size
            numbers = (at + i for at in count(start, stride) for i in range(size))
            samples = stream.dealt(self.seed, epoch, start, size, stride)
            yield from self._numbered(samples, self.seed, epoch, numbers, sharing.refuse_late)

    def _shares(self, stream: IterableDataset, epoch: int) -> bool:
        """Whether a stream gives each worker a share: it asks before its first sample."""
        questions: list[None] = []
        samples, asked = stream.samples(self.seed, epoch), partial(questions.append, None)
        next(self._numbered(samples, self.seed, epoch, count(), asked), None)
        return bool(questions)

    def _numbered(
        self, samples: Iterator[Any], seed: int, epoch: int, numbers: Iterator[int],
        asked: Callable[[], None] | None = None,
    ) -> Generator[tuple[int, Any], None, None]:  # fmt: skip
        """Samples of a stream, each with its own chance and its number in errors."""
        samples = iter(samples)
        for number in numbers:
            try:
                with sampling.sample_key(seed, epoch, number), sharing.asking(asked):
                    sample = next(samples)
            except StopIteration:
                return
            except Exception as error:
                raise _unreadable(number, self.dataset, error) from error
            yield number, sample

    def _sample(self, index: int, epoch: int) -> Any:
        dataset = self.dataset
        try:
            with sampling.sample_key(self.seed, epoch, index):
                if isinstance(dataset, (Mapped, Subset)):
                    return dataset.sample(index)
                return dataset[index]
        except Exception as error:
            raise _unreadable(index, dataset, error) from error

    def _collated(self, samples: list[Any], which: str) -> Any:
        try:
            return self._cast((self.collate_fn or collate)(samples))
        except NbdlError as error:
            error.add_note(f"in the batch of {which}")
            raise
        except Exception as error:
            raise DataError(
                f"{which} could not be collated: {type(error).__name__}: {error}"
            ) from error

    def _cast(self, batch: Any) -> Any:
        if self.dtype is None:
            return batch
        return map_arrays(
            batch,
            lambda a: arrays.to_dtype(a, self.dtype) if isinstance(a, np.ndarray) else a,
        )


def no_samples(stream: Any) -> DataError:
    """The error of a stream in which there was nothing."""
    return DataError(f"{stream!r} gave no samples in this epoch")


def _unreadable(index: int, dataset: Any, error: Exception) -> DataError:
    return DataError(
        f"sample {index} of {dataset!r} could not be read: {type(error).__name__}: {error}"
    )


def _few(indices: np.ndarray) -> str:
    text = ", ".join(str(i) for i in indices[:8])
    return f"{text}, ..." if len(indices) > 8 else text


# ----- where an error came from -----------------------------------------------------------------


def frames_of(error: BaseException) -> Frames:
    """The places that an error has passed through."""
    found = traceback.extract_tb(error.__traceback__)
    return [(frame.filename, frame.lineno or 0, frame.name) for frame in found]


def name_line(error: BaseException, frames: Frames) -> None:
    """Add the innermost line of the user's own code to an error, as a note."""
    own = [frame for frame in frames if not frame[0].startswith(_NOT_THE_USERS)]
    if not own:
        return
    file, line, function = own[-1]
    code = linecache.getline(file, line).strip()
    place = f"{Path(file).name}, line {line}" if os.path.exists(file) else f"line {line}"
    note = f"in {function}, {place}" + (f": {code}" if code else "")
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
