"""Reading batches: what a thread or another process does for a loader."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from nbdl.data import arrays, sampling
from nbdl.data.collate import batch_length, collate, map_arrays
from nbdl.data.dataset import Mapped, Subset
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
        self, size: int, drop_last: bool, epoch: int, start: int
    ) -> Generator[Any, None, None]:
        """The batches of a stream from batch ``start`` on; raises DataError if it has none."""
        stream: IterableDataset = self.dataset
        if isinstance(stream, BlockStream) and self.collate_fn is None:
            blocks = rebatched(stream.blocks(self.seed, epoch, start * size), size)
            made: Iterator[Any] = map(self._cast, blocks)
        else:
            made = self._chunks(stream, size, epoch, start)
        empty = not start
        for batch in made:
            empty = False
            if drop_last and batch_length(batch) < size:
                break
            yield batch
        if empty:
            raise DataError(f"{stream!r} gave no samples in this epoch")

    def _chunks(
        self, stream: IterableDataset, size: int, epoch: int, start: int
    ) -> Generator[Any, None, None]:
        samples = self._stream(stream, epoch, start * size)
        first = start * size
        while chunk := list(islice(samples, size)):
            yield self._collated(chunk, f"samples {first} to {first + len(chunk) - 1}")
            first += size

    def _stream(
        self, stream: IterableDataset, epoch: int, start: int
    ) -> Generator[Any, None, None]:
        """The samples of a stream, each with its own chance and its number in errors."""
        samples = iter(stream.samples(self.seed, epoch, start))
        for number in count(start):
            try:
                with sampling.sample_key(self.seed, epoch, number):
                    sample = next(samples)
            except StopIteration:
                return
            except Exception as error:
                raise _unreadable(number, stream, error) from error
            yield sample

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
