"""Data sets: samples that can be counted, read by number, cut and split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.data import arrays, splitting
from nbdl.data.collate import collate, to_tensors
from nbdl.data.mapped import is_mapped
from nbdl.data.streams import transformed
from nbdl.errors import ArgumentError, DataError, IndexRangeError


class Dataset:
    """Samples with numbers 0..len-1. Subclasses write ``__len__`` and ``__getitem__``.

    A sample is an array, a number, a string, or a tuple or dict of such; for training it is
    usually ``(input, target)``.

    Attributes:
        classes: names of the classes, or None.
        features: names of the input columns, or None.
        tokenizer: its ``decode`` makes text of inputs that are token numbers, for views; or None.
        in_memory: True when reading a batch costs no more than copying it; a DataLoader then
            reads without a thread, and all of it may be looked through.
        reads_batches: True when ``take`` reads many samples at once, without chance; a
            DataLoader then leaves it to ``take``.
    """

    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    tokenizer: Any = None
    in_memory = False
    reads_batches = False

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def take(self, indices: Any) -> Any:
        """The samples ``indices`` (any sequence of ints) as one batch of arrays."""
        return collate([self[int(i)] for i in indices])

    def split(self, *sizes: float, seed: int = 0, stratify: Any = None) -> tuple[Subset, ...]:
        """Cut into random parts without overlap: ``train, val = dataset.split(0.8)``.

        Args:
            sizes: fractions (0.8) or counts (1000) of the parts; what is left makes one more
                part.
            seed: the same seed gives the same parts.
            stratify: True to keep the proportion of each class alike in all parts (the targets
                are the classes), or an array of labels, one a sample.
        """
        labels = None
        if stratify is not None and stratify is not False:
            labels = self.labels() if stratify is True else arrays.as_array(stratify, "stratify")
        dealt = splitting.parts(len(self), sizes, seed, labels)
        return tuple(Subset(self, part) for part in dealt)

    def map(self, transform: Callable[[Any], Any], *, target: bool = False) -> Mapped:
        """The data set with ``transform`` applied to each input (or target) when it is read."""
        return Mapped(self, transform, target=target)

    def __add__(self, other: Any) -> Dataset:
        """``a + b`` is ``ConcatDataset([a, b])``."""
        from nbdl.data.combining import ConcatDataset  # noqa: PLC0415 - it is made of data sets

        return ConcatDataset([self, other])

    def labels(self) -> np.ndarray:
        """The targets of all samples: (N, ...). Reads every sample unless they are in memory."""
        rows = [self[i] for i in range(len(self))]
        if not rows or not isinstance(rows[0], (tuple, list)) or len(rows[0]) < 2:
            raise DataError(f"{self!r} has no (input, target) samples, so no targets")
        return arrays.as_array(collate([row[-1] for row in rows]), "targets")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} samples)"


class _Sliced(Dataset):
    """A data set whose brackets also take slices, lists and arrays of numbers."""

    def sample(self, index: int) -> Any:
        """Sample number ``index`` (checked, not negative) as arrays."""
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            return to_tensors(self.sample(self._checked(int(index))))
        return to_tensors(self.take(self._numbers(index)))

    def _checked(self, index: int) -> int:
        n = len(self)
        if not -n <= index < n:
            raise IndexRangeError(f"sample {index} of a data set with {n} samples")
        return index % n

    def _numbers(self, index: Any) -> np.ndarray:
        n = len(self)
        if isinstance(index, slice):
            return np.arange(n)[index]
        if isinstance(index, tuple):
            raise ArgumentError(
                f"a data set has one index, the sample's; got {len(index)}: {index!r}",
                hint="x, y = dataset[:32] gives the arrays; index those",
            )
        numbers = arrays.as_array(index, "the index")
        if numbers.dtype == bool:
            if numbers.shape != (n,):
                raise DataError(f"a mask of shape {numbers.shape} for {n} samples")
            return np.flatnonzero(numbers)
        if numbers.size and (numbers.ndim != 1 or numbers.dtype.kind not in "iu"):
            raise ArgumentError(
                f"a data set is indexed by whole numbers, got {numbers.dtype} {numbers.shape}"
            )
        numbers = numbers.astype(np.int64).reshape(-1)
        wrong = (numbers < -n) | (numbers >= n)
        if wrong.any():
            raise IndexRangeError(f"sample {numbers[wrong][0]} of a data set with {n} samples")
        return numbers % n if n else numbers


class TensorDataset(_Sliced):
    """Arrays of the same length: ``TensorDataset(x, y)``, or one dict of arrays.

    ``dataset[3]`` is one sample, ``dataset[:32]`` a batch, as tensors.

    Args:
        parts: one or more arrays (lists, tensors, frames) with samples along the first axis;
            the last is the target. Or one dict of them.
        classes, features: names of the classes and of the input columns.
        dtype: the dtype floats are read as: the default float unless given; ``None`` leaves
            them as they are. The arrays themselves are never copied or changed.

    Raises DataError for different lengths, object arrays, text, and no samples at all.
    """

    reads_batches = True

    def __init__(
        self,
        *parts: Any,
        classes: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        dtype: Any = "default",
        name: str | None = None,
    ) -> None:
        if not parts:
            raise ArgumentError("TensorDataset needs at least one array: TensorDataset(x, y)")
        self.keys: tuple[str, ...] | None = None
        if len(parts) == 1 and isinstance(parts[0], Mapping):
            self.keys, parts = tuple(parts[0]), tuple(parts[0].values())
        names = self.keys or _part_names(len(parts))
        self.arrays = tuple(
            arrays.as_array(part, key) for part, key in zip(parts, names, strict=True)
        )
        self._names = names
        self._length = arrays.same_length(dict(zip(names, self.arrays, strict=True)))
        if features is None and getattr(parts[0], "ndim", 0) == 2:
            columns = getattr(parts[0], "columns", None)  # a pandas frame knows its names
            features = None if columns is None else [str(c) for c in columns]
        self.classes = None if classes is None else tuple(classes)
        self.features = None if features is None else tuple(features)
        self.name = name
        self.dtype = (
            dtypes.default_float()
            if isinstance(dtype, str) and dtype == "default"
            else None
            if dtype is None
            else dtypes.as_dtype(dtype)
        )

    @property
    def in_memory(self) -> bool:  # type: ignore[override]
        return not any(map(is_mapped, self.arrays))

    def __len__(self) -> int:
        return self._length

    def sample(self, index: int) -> Any:
        return self._join([self._read(array[index]) for array in self.arrays])

    def take(self, indices: Any) -> Any:
        indices = np.asarray(indices, np.int64)
        return self._join([self._read(array[indices]) for array in self.arrays])

    def _read(self, value: Any) -> np.ndarray:
        return arrays.to_dtype(np.asarray(value), self.dtype)

    def _join(self, parts: list[np.ndarray]) -> Any:
        return tuple(parts) if self.keys is None else dict(zip(self.keys, parts, strict=True))

    @property
    def inputs(self) -> np.ndarray:
        """The first array."""
        return self.arrays[0]

    @property
    def targets(self) -> np.ndarray:
        """The last array."""
        return self.arrays[-1]

    def labels(self) -> np.ndarray:
        if len(self.arrays) < 2:
            raise DataError(f"{self!r} has one array, so no targets")
        return self.targets

    def check(self) -> None:
        """Raise DataError if there is a NaN or Inf, naming the array, sample and column."""
        for name, array in zip(self._names, self.arrays, strict=True):
            arrays.check_finite(array, name, self.features)

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name} {array.dtype}{list(array.shape[1:])}"
            for name, array in zip(self._names, self.arrays, strict=True)
        )
        title = self.name or type(self).__name__
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{title}({len(self)} samples: {parts}{classes})"


def _part_names(count: int) -> tuple[str, ...]:
    if count == 1:
        return ("inputs",)
    if count == 2:
        return ("inputs", "targets")
    return (*(f"inputs[{i}]" for i in range(count - 1)), "targets")


class Subset(_Sliced):
    """Some samples of a data set, in the order of ``indices``."""

    def __init__(self, dataset: Dataset, indices: Any, name: str | None = None) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices, np.int64)
        self.classes = getattr(dataset, "classes", None)
        self.features = getattr(dataset, "features", None)
        self.tokenizer = getattr(dataset, "tokenizer", None)
        self.name = name

    @property
    def in_memory(self) -> bool:  # type: ignore[override]
        return getattr(self.dataset, "in_memory", False)

    @property
    def reads_batches(self) -> bool:  # type: ignore[override]
        return getattr(self.dataset, "reads_batches", False)

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, index: int) -> Any:
        return _sample(self.dataset, int(self.indices[index]))

    def take(self, indices: Any) -> Any:
        return _take(self.dataset, self.indices[np.asarray(indices, np.int64)])

    def labels(self) -> np.ndarray:
        return _labels(self.dataset)[self.indices]

    def check(self) -> None:
        """As ``TensorDataset.check``, for these samples; the numbers named are this subset's."""
        batch = self.take(np.arange(len(self)))
        parts = batch.values() if isinstance(batch, Mapping) else batch
        names = batch if isinstance(batch, Mapping) else _part_names(len(batch))
        for name, array in zip(names, parts, strict=True):
            if isinstance(array, np.ndarray):
                arrays.check_finite(array, name, self.features)

    def __repr__(self) -> str:
        return f"Subset({len(self)} of {self.dataset!r})"


class Mapped(_Sliced):
    """A data set whose inputs (or targets) pass through ``transform`` when they are read."""

    def __init__(
        self, dataset: Dataset, transform: Callable[[Any], Any], *, target: bool = False
    ) -> None:
        if not callable(transform):
            raise ArgumentError(f"transform must be callable, got {transform!r}")
        self.dataset, self.transform, self.target = dataset, transform, target
        self.classes = getattr(dataset, "classes", None)
        self.features = getattr(dataset, "features", None)
        self.tokenizer = getattr(dataset, "tokenizer", None)

    def __len__(self) -> int:
        return len(self.dataset)

    def sample(self, index: int) -> Any:
        return transformed(_sample(self.dataset, index), self.transform, self.target)

    def take(self, indices: Any) -> Any:
        return collate([self.sample(int(i)) for i in indices])

    def labels(self) -> np.ndarray:
        if self.target:
            return super().labels()
        return _labels(self.dataset)

    def __repr__(self) -> str:
        name = getattr(self.transform, "__name__", None) or repr(self.transform)
        return f"Mapped({self.dataset!r}, {name})"


def _sample(dataset: Any, index: int) -> Any:
    """One sample as arrays where the data set offers that, else as its brackets give it."""
    return dataset.sample(index) if isinstance(dataset, _Sliced) else dataset[index]


def _take(dataset: Any, indices: np.ndarray) -> Any:
    take = getattr(dataset, "take", None)
    return collate([dataset[int(i)] for i in indices]) if take is None else take(indices)


def _labels(dataset: Any) -> np.ndarray:
    return dataset.labels() if isinstance(dataset, Dataset) else Dataset.labels(dataset)


__all__ = [
    "Dataset",
    "Mapped",
    "Subset",
    "TensorDataset",
]
