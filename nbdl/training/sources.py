"""Where batches come from: loaders, iterables of batches, data to be batched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.data import DataLoader, Dataset, IterableDataset, TensorDataset, adopted, as_dataset
from nbdl.errors import ArgumentError, DataError, brief

TRAIN_BATCH = 64
"""Samples a batch in training, unless told otherwise; all of them where there are fewer."""

EVAL_BATCH = 256
"""Samples a batch without gradients: nothing is kept for them, so they may be many."""


class Group(tuple[Any, ...]):
    """Batches that one step learns from."""


class Source:
    """Where an epoch's batches come from: a loader, an iterable, a function that makes one.

    Args:
        batches: these. A function with a method ``rest(epoch, position, passed)`` begins anywhere
            by itself: in epoch ``epoch``, from 0, at batch ``position``; ``passed`` batches have
            been learned from in all. One with a ``loader`` has its batches from that DataLoader.
        accumulate: more than 1: so many batches make a step, the last of an epoch fewer.

    Attributes:
        position: batches of the epoch under way whose steps are done; the loader may have read on.
    """

    def __init__(self, batches: Any, accumulate: int = 1) -> None:
        self.batches, self.accumulate = batches, accumulate
        self.position = 0
        self._epochs = 0
        self._passed = self._skip = 0
        self._at: int | None = None  # the loader's number of the epoch under way
        self.single_pass = not callable(batches) and iter(batches) is batches
        inside = getattr(batches, "loader", None) if callable(batches) else batches
        self._loader = inside if isinstance(inside, DataLoader) else None

    def __len__(self) -> int:
        """Steps an epoch, or 0 if that is not known."""
        if not isinstance(self.batches, Sized):
            return 0
        try:
            return -(-len(self.batches) // self.accumulate)
        except TypeError:
            return 0

    def first(self) -> Any:
        """The first batch, to look at. Not for a generator, which would lose it."""
        if isinstance(self.batches, DataLoader):
            return self.batches.first()
        return next(iter(self.batches() if callable(self.batches) else self.batches))

    def epoch(self) -> Iterator[Any]:
        """What the steps of the rest of the epoch learn from: a batch each, or a Group of them.

        Raises DataError when the epoch has none at all.
        """
        batches = self._epoch()
        if self.accumulate == 1:
            yield from batches
            return
        while group := Group(islice(batches, self.accumulate)):
            yield group

    def _epoch(self) -> Iterator[Any]:
        empty = not self.position
        for batch in self._left():
            empty = False
            if self._loader is not None:
                self._at = self._loader.epoch
            yield batch
        if not empty:
            return
        if self.single_pass and self._epochs:
            raise DataError(
                f"the generator of batches is used up after {self._epochs} epoch(s)",
                hint="epochs=1, a list or loader that can be gone through again, or the "
                "function that makes the generator (without calling it)",
            )
        raise DataError("the data gave no batches")

    def _left(self) -> Iterable[Any]:
        """What is left of the epoch: a loader goes on by itself, others begin anew."""
        if callable(self.batches) and hasattr(self.batches, "rest"):
            rest: Iterable[Any] = self.batches.rest(self._epochs, self.position, self._passed)
            return rest
        batches = self.batches() if callable(self.batches) else self.batches
        if isinstance(batches, DataLoader):
            return batches
        return islice(batches, self._skip, None) if self._skip else batches

    def step_done(self, batch: Any) -> None:
        """The step of a batch, or a Group of them, is done."""
        count = len(batch) if isinstance(batch, Group) else 1
        self.position += count
        self._passed += count

    def epoch_done(self) -> None:
        """The epoch is over."""
        self._epochs += 1
        self.position, self._skip, self._at = 0, 0, None

    def state_dict(self) -> dict[str, Any]:
        """Which batch comes next."""
        return {"epochs": self._epochs, "position": self.position, "passed": self._passed,
                "loader": self._loader_state()}  # fmt: skip

    def _loader_state(self) -> dict[str, Any] | None:
        """Of a loader, which may have read on already, as if it had not."""
        if self._loader is None:
            return None
        state = self._loader.state_dict()
        if self._at is not None:
            return {**state, "epoch": self._at, "position": self.position}
        left_early = state["position"] > 0 and not self.position
        return {**state, "epoch": state["epoch"] + left_early, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the batch that came next where ``state_dict()`` was taken.

        Batches of an iterable are passed over: it must give the same ones again.
        """
        self._epochs, self.position = state["epochs"], state["position"]
        self._passed, self._at = state["passed"], None
        self._skip = self._passed if self.single_pass else self.position
        if self._loader is not None and state["loader"] is not None:
            self._loader.load_state_dict(state["loader"])


def is_batches(data: Any) -> bool:
    """Whether ``data`` gives batches already, rather than samples."""
    if isinstance(data, DataLoader):
        return True
    if isinstance(data, IterableDataset) or is_data(data):
        return False
    return not (hasattr(data, "__getitem__") and hasattr(data, "__len__"))


def is_data(value: Any) -> bool:
    """Whether ``value`` is samples for certain: a data set, arrays, a pair or dict of them."""
    return isinstance(value, (Dataset, Mapping, tuple, list, np.ndarray, Tensor))


def whole(name: str, value: Any) -> int:
    """A whole number of at least 1, or ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, got {brief(value)}")
    return int(value)


def training_source(
    data: Any,
    batch_size: int | None,
    seed: int,
    device: str | None = None,
    note: Callable[[str], None] = lambda text: None,
    accumulate: int = 1,
) -> Source:
    """Shuffled batches of ``data``, or the batches it gives itself."""
    data = adopted(data)
    if is_batches(data):
        if batch_size is not None:
            raise ArgumentError(
                f"batch_size={batch_size} does not go with a {type(data).__name__}, which gives "
                "batches already",
                hint="leave it out, or give the data set",
            )
        if not callable(data) and not isinstance(data, Iterable):
            raise DataError(
                f"cannot train on {brief(data)}",
                hint="a data set, a loader, batches, or a pair of arrays (x, y)",
            )
        return Source(data, accumulate)
    if batch_size is not None:
        whole("batch_size", batch_size)
    if isinstance(data, IterableDataset):
        loader = DataLoader(data, batch_size or TRAIN_BATCH, seed=seed, device=device)
        return Source(loader, accumulate)
    dataset = as_dataset(data)
    n = len(dataset)
    if batch_size is not None and batch_size > n:
        note(f"batch_size={batch_size} is more than the {n} samples: one batch an epoch")
    size = min(batch_size or TRAIN_BATCH, n)
    # One batch of everything has no order, and its shuffling would only cost time.
    loader = DataLoader(dataset, size, shuffle=size < n, seed=seed, device=device)
    return Source(loader, accumulate)


def read_floats_as(dtype: Any, source: Source, data: Any, note: Callable[[str], None]) -> None:
    """Have arrays read in the model's dtype, and say so where they have another.

    A data set that the user has made keeps the dtype he gave it.
    """
    dataset: Any = getattr(source.batches, "dataset", None)
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    if not isinstance(dataset, TensorDataset) or dtype is None:
        return
    if is_data(data) and not isinstance(data, Dataset):
        dataset.dtype = dtype
    others = {str(a.dtype) for a in dataset.arrays if dtypes.is_float(a.dtype)} - {str(dtype)}
    if others and dataset.dtype == dtype:
        note(f"float inputs and targets are read as {dtype}; the arrays are {', '.join(others)}")


def evaluation_batches(
    data: Any, batch_size: int | None = None, dtype: Any = None, device: str | None = None
) -> Iterable[Any]:
    """Batches of ``data`` in order, or the batches it gives itself."""
    data = adopted(data)
    if isinstance(data, IterableDataset):
        return DataLoader(data, batch_size or EVAL_BATCH, device=device)
    if is_batches(data):
        if not isinstance(data, Iterable):
            raise DataError(
                f"cannot take batches from {brief(data)}",
                hint="a data set, a loader, batches, or a pair of arrays (x, y)",
            )
        return data
    dataset = as_dataset(data, dtype=dtype or "default")
    size = min(batch_size or EVAL_BATCH, len(dataset))
    return DataLoader(dataset, size, device=device, dtype=dtype)


def split_off(data: Any, val: Any, seed: int) -> tuple[Any, Any]:
    """``(training data, validation data)``: a part of ``data`` if ``val`` is a fraction."""
    if not isinstance(val, float):
        return data, val
    data = adopted(data)
    if is_batches(data) or isinstance(data, IterableDataset):
        raise ArgumentError(
            f"val={val} needs data that can be split, got a {type(data).__name__}",
            hint="train, val = dataset.split(0.8)",
        )
    if not 0 < val < 1:
        raise ArgumentError(f"val is data or a fraction between 0 and 1, got {val}")
    rest, held_out = as_dataset(data).split(1 - val, seed=seed)
    return rest, held_out
