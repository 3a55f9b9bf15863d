"""What ``fit``, ``evaluate`` and ``predict`` accept, as batches of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.data import DataLoader, Dataset, IterableDataset, adopted, to_tensors
from nbdl.data.sampling import order
from nbdl.errors import ArgumentError, DataError, ShapeError

Batch = tuple[Any, Any, Any]
"""(x, y, sample weights); y and weights may be None."""


def as_array(what: str, value: Any, *, floats: bool) -> np.ndarray:
    """An array of float32 (or as it is, for whole numbers unless ``floats``)."""
    if isinstance(value, Tensor):
        value = value.numpy()
    elif hasattr(value, "to_numpy"):  # pandas
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{what} cannot be made an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"{what} must hold numbers, got {array.dtype}",
            hint="samples of different lengths have to be padded to one length",
        )
    wanted = dtypes.default_float()
    if array.dtype.kind == "f" or array.dtype.kind == "b" or floats:
        return np.asarray(array, wanted, order="C")
    return array


class Arrays:
    """Samples in memory, in batches; a new order each epoch if shuffled."""

    def __init__(
        self, x: np.ndarray, y: np.ndarray | None, weight: np.ndarray | None, batch_size: int,
        shuffle: bool = False,
    ) -> None:  # fmt: skip
        self.x, self.y, self.weight = x, y, weight
        self.batch_size, self.shuffle = batch_size, shuffle
        self.seed = default_generator().next()[1] + (default_generator().seed << 20)
        if not len(x):
            raise DataError("x has no samples")

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __call__(self) -> Iterator[Batch]:
        return self.rest(0, 0, 0)

    def rest(self, epoch: int, position: int, passed: int) -> Iterator[Batch]:
        """The batches of an epoch, from 0, after the first ``position``."""
        n, size = len(self.x), self.batch_size
        # One batch of everything has no order.
        places = order(n, self.seed, epoch) if self.shuffle and n > size else None
        for start in range(position * size, n, size):
            part = slice(start, start + size)
            yield self._batch(part if places is None else places[part])

    def state_dict(self) -> dict[str, int]:
        """What the order of all epochs depends on."""
        return {"seed": self.seed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go through the data in that order."""
        self.seed = state["seed"]

    def _batch(self, at: Any) -> Batch:
        y, w = self.y, self.weight
        return (
            Tensor._wrap(self.x[at]),
            None if y is None else Tensor._wrap(y[at]),
            None if w is None else w[at],
        )

    def split(self, fraction: float) -> tuple[Arrays, Arrays]:
        """(the first part, the last ``fraction``), before any shuffling, as Keras."""
        n = len(self.x)
        at = int(n * (1 - fraction))
        if not 0 < at < n:
            raise ArgumentError(f"validation_split={fraction} of {n} samples leaves a part empty")
        first, last = slice(None, at), slice(at, None)
        return self._part(first, self.shuffle), self._part(last, False)

    def _part(self, at: slice, shuffle: bool) -> Arrays:
        y, w = self.y, self.weight
        return Arrays(
            self.x[at], None if y is None else y[at], None if w is None else w[at],
            self.batch_size, shuffle,
        )  # fmt: skip


class Batches:
    """Batches that come ready: a loader, or any iterable of (x, y) or (x, y, weights).

    With ``steps`` an epoch is so many of them, and the next one goes on behind them; at the end of
    the iterable it begins again.
    """

    def __init__(self, given: Any, floats: Callable[[Any], Any], steps: int | None) -> None:
        self.given, self.floats, self.steps = given, floats, steps
        self.iterator = iter(given) if steps is not None else None
        self.loader = given if steps is None else None
        self._taken = 0
        self._before: int | None = None  # what was taken to be looked at

    def __len__(self) -> int:
        if self.steps is not None:
            return self.steps
        return len(self.given) if isinstance(self.given, Sized) else 0

    def __call__(self) -> Iterator[Batch]:
        return self._from(0)

    def rest(self, epoch: int, position: int, passed: int) -> Iterator[Batch]:
        """The batches of an epoch after the first ``position``; ``passed`` batches have been done
        in all. A loader goes on by itself."""
        if self.steps is not None:
            if self._before is None:
                self._before = self._taken
            while self._taken < self._before + passed:
                self._next()
        return self._from(position)

    def _from(self, position: int) -> Iterator[Batch]:
        if self.steps is not None:
            for _ in range(self.steps - position):
                yield self._sorted(self._next())
            return
        skip = 0 if isinstance(self.given, DataLoader) else position
        for batch in islice(self.given, skip, None) if skip else self.given:
            yield self._sorted(batch)

    def _next(self) -> Any:
        self._taken += 1
        try:
            return next(self.iterator)  # type: ignore[arg-type]
        except StopIteration:
            self.iterator = iter(self.given)
        try:
            return next(self.iterator)
        except StopIteration:
            raise DataError("the generator of batches is used up") from None

    def _sorted(self, batch: Any) -> Batch:
        batch = to_tensors(batch)
        if isinstance(batch, Tensor):
            return self.floats(batch), None, None
        if isinstance(batch, Mapping) or not 1 <= len(batch) <= 3:
            raise DataError(f"a batch must be (x, y) or (x, y, weights), got {type(batch)}")
        x, y, w = (*batch, None, None)[:3]
        return self.floats(x), y, None if w is None else w.numpy()


def is_array_like(x: Any) -> bool:
    """Whether ``x`` holds samples, rather than giving batches or samples one by one."""
    if isinstance(x, (DataLoader, Dataset, IterableDataset)):
        return False
    return isinstance(x, (np.ndarray, Tensor, list, tuple)) or hasattr(x, "__array__")


def check_lengths(x: np.ndarray, other: np.ndarray | None, name: str) -> None:
    """Raise ShapeError unless both have as many samples."""
    if other is not None and (not other.ndim or len(other) != len(x)):
        count = len(other) if other.ndim else "no"
        raise ShapeError(
            f"x has {len(x)} samples (shape {x.shape}), {name} has {count} (shape {other.shape})",
            hint="one target for each sample",
        )


def batch_size_of(given: Any) -> int:
    """Keras's 32 unless given; ArgumentError for what is no positive whole number."""
    if given is None:
        return 32
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise ArgumentError(f"batch_size must be a whole number of at least 1, got {given!r}")
    return int(given)


def as_data(
    model: Any, x: Any, y: Any = None, weight: Any = None, batch_size: Any = None,
    shuffle: bool = False, steps: int | None = None,
) -> Arrays | Batches:  # fmt: skip
    """Batches for ``model`` from arrays, a data set, a loader or an iterable of batches."""
    if is_array_like(x):
        inputs = model._as_input(as_array("x", x, floats=not model._wants_integers()))
        targets = None if y is None else as_array("y", y, floats=False)
        weights = None if weight is None else as_array("sample_weight", weight, floats=True)
        check_lengths(inputs, targets, "y")
        check_lengths(inputs, weights, "sample_weight")
        return Arrays(inputs, targets, weights, batch_size_of(batch_size), shuffle)
    if y is not None:
        raise ArgumentError(
            f"y cannot be given with x={type(x).__name__}, which gives targets itself"
        )
    x = adopted(x)
    if isinstance(x, (Dataset, IterableDataset)):
        x = DataLoader(x, batch_size_of(batch_size), shuffle=shuffle)
    if not isinstance(x, Iterable):
        raise DataError(
            f"x must be an array, a data set or an iterable of batches, got {type(x).__name__}"
        )
    return Batches(x, model._as_float_tensor, steps)
