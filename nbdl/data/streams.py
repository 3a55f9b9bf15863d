"""Streams: samples that only come one after another, read in a fixed order from any place."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import count, islice
from operator import itemgetter
from typing import Any

import numpy as np

from nbdl.data import sampling
from nbdl.data.collate import batch_length
from nbdl.data.sharing import asking
from nbdl.errors import ArgumentError, DataError, brief


class IterableDataset:
    """Samples that only come one after another: subclasses write ``__iter__``.

    For streams larger than memory or without an end. They are not split, and shuffled only
    within blocks (``shuffle``). A stream that can pass over its beginning cheaply, or whose
    order depends on the epoch, overrides ``samples`` instead.
    """

    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        """The samples of one epoch from number ``start`` on, the same for the same arguments.

        Here the first ``start`` samples of ``__iter__`` are made and passed over.
        """
        stream = iter(self)
        for number in range(start):
            with sampling.sample_key(seed, epoch, number):
                if next(stream, _END) is _END:
                    return
        yield from stream

    def dealt(self, seed: int, epoch: int, start: int, size: int, stride: int) -> Iterator[Any]:
        """The first ``size`` of every ``stride`` samples from number ``start`` on.

        The others are passed over: made, each with its own chance, but not mapped.
        """
        samples = iter(self.samples(seed, epoch, start))
        for number in count(start):
            if (number - start) % stride < size:
                sample = next(samples, _END)
                if sample is not _END:
                    yield sample
            else:
                with sampling.sample_key(seed, epoch, number):
                    sample = next(samples, _END)
            if sample is _END:
                return

    def map(self, transform: Callable[[Any], Any], *, target: bool = False) -> MappedStream:
        """The stream with ``transform`` applied to each input (or target) as it is read."""
        return MappedStream(self, transform, target=target)

    def shuffle(self, buffer_size: int = 1000) -> IterableDataset:
        """The stream with each ``buffer_size`` samples in a new random order every epoch."""
        return ShuffledStream(self, buffer_size)

    def __add__(self, other: Any) -> IterableDataset:
        """``a + b`` is ``ChainDataset([a, b])``."""
        return ChainDataset([self, other])

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


_END = object()


class FunctionStream(IterableDataset):
    """The samples that a function yields each time it is called."""

    def __init__(self, function: Callable[[], Iterable[Any]]) -> None:
        if not callable(function):
            raise ArgumentError(
                f"stream takes a function that gives the samples, got {brief(function)}",
                hint="the generator function itself, without calling it: data.stream(read)",
            )
        self.function = function

    def __iter__(self) -> Iterator[Any]:
        given = self.function()
        if not isinstance(given, Iterable):
            raise DataError(
                f"{self!r} gave {brief(given)}, which cannot be gone through",
                hint="yield the samples, or return an iterable of them",
            )
        return iter(given)

    def __repr__(self) -> str:
        return f"stream({getattr(self.function, '__name__', type(self.function).__name__)})"


def stream(function: Callable[[], Iterable[Any]]) -> FunctionStream:
    """A stream of the samples that ``function`` yields; it is called anew for each epoch.

    >>> @stream
    ... def pairs():
    ...     for line in ("1 2", "3 4"):
    ...         x, y = line.split()
    ...         yield float(x), int(y)
    >>> list(pairs)
    [(1.0, 2), (3.0, 4)]
    """
    return FunctionStream(function)


class MappedStream(IterableDataset):
    """A stream whose inputs (or targets) pass through ``transform``."""

    def __init__(
        self, dataset: IterableDataset, transform: Callable[[Any], Any], *, target: bool = False
    ) -> None:
        if not callable(transform):
            raise ArgumentError(f"transform must be callable, got {brief(transform)}")
        self.dataset, self.transform, self.target = dataset, transform, target
        self.classes, self.features = dataset.classes, dataset.features

    def __iter__(self) -> Iterator[Any]:
        return self.samples(0, 0)

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        return map(self._transformed, self.dataset.samples(seed, epoch, start))

    def dealt(self, seed: int, epoch: int, start: int, size: int, stride: int) -> Iterator[Any]:
        return map(self._transformed, self.dataset.dealt(seed, epoch, start, size, stride))

    def _transformed(self, sample: Any) -> Any:
        with asking(None):  # a transform that asks for its worker deals out nothing
            return transformed(sample, self.transform, self.target)

    def __repr__(self) -> str:
        name = getattr(self.transform, "__name__", None) or repr(self.transform)
        return f"MappedStream({self.dataset!r}, {name})"


class ShuffledStream(IterableDataset):
    """A stream in blocks of ``buffer_size`` samples, each block in a random order.

    The order is a function of the loader's seed and the epoch.
    """

    def __init__(self, dataset: IterableDataset, buffer_size: int) -> None:
        if isinstance(buffer_size, bool) or not isinstance(buffer_size, int) or buffer_size < 1:
            raise ArgumentError(
                f"buffer_size must be a whole number of at least 1, got {brief(buffer_size)}"
            )
        self.dataset, self.buffer_size = dataset, buffer_size
        self.classes, self.features = dataset.classes, dataset.features

    def __iter__(self) -> Iterator[Any]:
        return self.samples(0, 0)

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        size = self.buffer_size
        block, skip = divmod(start, size)
        keyed = _keyed(self.dataset.samples(seed, epoch, block * size), seed, epoch, block * size)
        while rows := list(islice(keyed, size)):
            for place in sampling.block_order(len(rows), seed, epoch, block)[skip:]:
                yield rows[place]
            block, skip = block + 1, 0

    def __repr__(self) -> str:
        return f"ShuffledStream({self.dataset!r}, buffer_size={self.buffer_size})"


class ChainDataset(IterableDataset):
    """Streams one after the other: ``ChainDataset([a, b])``, or ``a + b``.

    Where all have a length, a loader that goes on in the middle passes whole streams over.
    Raises ArgumentError for anything but streams.
    """

    def __init__(self, datasets: Iterable[IterableDataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ChainDataset needs at least one stream")
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise ArgumentError(
                    f"ChainDataset takes streams, got {brief(dataset)}",
                    hint="data.ConcatDataset joins data sets whose samples have numbers",
                )
        self.classes, self.features = self.datasets[0].classes, self.datasets[0].features

    def __len__(self) -> int:
        """Samples. Raises TypeError where one of the streams has no length."""
        return sum(map(len, self.datasets))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        return self.samples(0, 0)

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        for part, dataset in enumerate(self.datasets):
            own = sampling.part_seed(seed, part)  # no two streams draw the same
            length = length_of(dataset) if start else None
            if length is not None:
                if start >= length:
                    start -= length
                    continue
                keyed = _keyed(dataset.samples(own, epoch, start), own, epoch, start)
                start = 0
            else:  # only going through it says how long it is
                keyed = _keyed(dataset.samples(own, epoch), own, epoch, 0)
                while start and next(keyed, _END) is not _END:
                    start -= 1
            yield from keyed

    def __repr__(self) -> str:
        return f"ChainDataset({', '.join(map(repr, self.datasets))})"


class BlockStream(IterableDataset):
    """A stream that is read in blocks: subclasses write ``blocks``."""

    def blocks(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        """Batches of any size that hold the samples of an epoch from number ``start`` on."""
        raise NotImplementedError(f"{type(self).__name__} must define blocks")

    def __iter__(self) -> Iterator[Any]:
        return self.samples(0, 0)

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        for block in self.blocks(seed, epoch, start):
            for row in range(batch_length(block)):
                yield of_parts(block, itemgetter(row))


def _keyed(samples: Iterator[Any], seed: int, epoch: int, start: int) -> Iterator[Any]:
    """Samples that each take their chance from a stream of their own."""
    number = start
    while True:
        with sampling.sample_key(seed, epoch, number):
            sample = next(samples, _END)
        if sample is _END:
            return
        yield sample
        number += 1


def length_of(stream: Any) -> int | None:
    """How many samples a stream has; None where it does not know."""
    try:
        return len(stream)
    except TypeError:
        return None


def transformed(sample: Any, transform: Callable[[Any], Any], target: bool) -> Any:
    """A sample whose input (or target) has gone through ``transform``."""
    if isinstance(sample, tuple) and sample:
        if target and len(sample) > 1:
            return (*sample[:-1], transform(sample[-1]))
        return (transform(sample[0]), *sample[1:])
    return transform(sample)


def of_parts(batch: Any, function: Callable[[Any], Any]) -> Any:
    """``function`` of each array and list of strings in a batch, with its structure kept."""
    if isinstance(batch, Mapping):
        return {key: of_parts(value, function) for key, value in batch.items()}
    if isinstance(batch, tuple):
        return tuple(of_parts(part, function) for part in batch)
    return function(batch)


def rebatched(blocks: Iterator[Any], size: int) -> Generator[Any, None, None]:
    """Batches of ``size`` samples, the last one perhaps smaller, out of blocks of any size."""
    rest: Any = None
    for block in blocks:
        whole = block if rest is None else joined(rest, block)
        n = batch_length(whole)
        end = n - n % size
        for at in range(0, end, size):
            yield of_parts(whole, itemgetter(slice(at, at + size)))
        rest = of_parts(whole, itemgetter(slice(end, None))) if end < n else None
    if rest is not None:
        yield rest


def joined(a: Any, b: Any) -> Any:
    """Two batches of one structure after each other."""
    if isinstance(a, Mapping):
        return {key: joined(value, b[key]) for key, value in a.items()}
    if isinstance(a, tuple):
        return tuple(joined(x, y) for x, y in zip(a, b, strict=True))
    return a + b if isinstance(a, list) else np.concatenate((a, b))
