"""Reading a data set to look at it: all of what lies in memory, a sample of the rest."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.data import (
    TARGET_KEYS,
    DataLoader,
    Dataset,
    IterableDataset,
    adopted,
    as_dataset,
)
from nbdl.data.adoption import is_adoptable
from nbdl.data.reading import Reader
from nbdl.data.sampling import split_order
from nbdl.data.sharing import Share
from nbdl.data.streams import joined, length_of
from nbdl.errors import ArgumentError, DataError, NbdlError, brief

MOST = 100_000
"""Samples looked at where many are read at once; of longer data sets a random part."""

FEW = 2_000
"""Samples looked at where each is read by itself, perhaps from a file of its own."""

MEMORY = 256 << 20
"""Bytes that samples looked at may take."""

ELEMENTS = 1_000_000
"""Of so many numbers histograms and standard deviations are made; all are searched for NaN."""

_CHUNK = 256


@dataclass(frozen=True)
class Seen:
    """What was read of one data set.

    Attributes:
        title: what it is called.
        data: the data set.
        total: how many samples it has; None where that is not known.
        numbers: (seen,) the numbers of the samples that were read.
        fields: the parts of the samples by name: arrays (seen, ...) or lists of text.
        target: the name of the target among them, or None.
        trouble: why nothing, or not all, could be read; "" when it could.
    """

    title: str
    data: Any
    total: int | None
    numbers: np.ndarray
    fields: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    trouble: str = ""

    @property
    def count(self) -> int:
        """How many samples were read."""
        return len(self.numbers)

    @property
    def whole(self) -> bool:
        """Whether these are all samples."""
        return self.total == self.count

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, where the data has them."""
        return getattr(self.data, "classes", None)

    def labels(self) -> np.ndarray | None:
        """The targets where they are whole numbers, one a sample; else None."""
        y = None if self.target is None else self.fields[self.target]
        if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub":
            return y
        return None

    def inputs(self) -> dict[str, Any]:
        """All fields but the target."""
        return {name: part for name, part in self.fields.items() if name != self.target}

    @cached_property
    def hashes(self) -> list[bytes]:
        """One hash of each sample's inputs."""
        digests = [hashlib.blake2b(digest_size=16) for _ in range(self.count)]
        for part in self.inputs().values():
            for digest, row in zip(digests, _rows(part), strict=True):
                digest.update(row)
        return [digest.digest() for digest in digests]


def _rows(part: Any) -> Iterator[Any]:
    """What stands for each sample's value, as bytes."""
    if isinstance(part, list):
        return (repr(row).encode() for row in part)
    flat = np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8)
    return (row.data for row in flat)


def not_finite(values: np.ndarray) -> tuple[int, int]:
    """How many NaN and how many infinite values there are."""
    if values.dtype.kind not in "fV" or not values.size:
        return 0, 0
    with np.errstate(all="ignore"):  # any of them makes the sum one: usually that is all
        if np.isfinite(values.sum(dtype=np.float64)):
            return 0, 0
    return int(np.isnan(values).sum()), int(np.isinf(values).sum())


def some_of(values: np.ndarray, row: int) -> np.ndarray:
    """An even part of many numbers, as float64: (...) -> (n,) with n up to a million or so.

    ``row`` numbers make a sample; the step has no factor in common with it, so that all columns
    are met alike.
    """
    flat = values.reshape(-1)
    step = -(-max(flat.size, 1) // ELEMENTS)
    while math.gcd(step, row) > 1:
        step += 1
    return flat[::step].astype(np.float64)


def is_data(thing: Any) -> bool:
    """Whether ``see`` can read it."""
    if isinstance(thing, (Dataset, IterableDataset, DataLoader, Mapping, tuple, list)):
        return True
    return _is_frame(thing) or is_adoptable(thing)


def _is_frame(thing: Any) -> bool:
    return hasattr(thing, "columns") and hasattr(thing, "iloc")


def see(thing: Any, title: str) -> Seen:
    """Read a data set: all samples, or as many as are quick to read.

    Args:
        thing: a data set, stream or loader, arrays, or a pandas frame.
        title: what it is called.

    Raises DataError for data without samples; what is wrong inside it is in ``trouble``.
    """
    data = thing.dataset if isinstance(thing, DataLoader) else adopted(thing)
    if _is_frame(data):
        return _see_frame(data, title)
    if isinstance(data, IterableDataset):
        return _see_stream(data, title)
    dataset = as_dataset(data, title, dtype=None)
    n = len(dataset)
    most = _most(dataset)
    numbers = np.arange(n) if n <= most else np.sort(split_order(n, 0)[:most])
    size = len(numbers) if getattr(dataset, "reads_batches", False) else _CHUNK
    chunks = (numbers[i : i + size] for i in range(0, len(numbers), size))
    reader = Reader(dataset, None, 0, None)
    return _gathered(title, dataset, n, numbers, (reader.batch(c, 0) for c in chunks))


def _most(dataset: Any) -> int:
    """How many samples may be read, by their time and memory."""
    most = MOST if getattr(dataset, "reads_batches", False) else FEW
    try:
        first = dataset[0]
    except Exception:  # the reading itself will tell
        return most
    return max(1, min(most, MEMORY // max(1, _nbytes(first))))


def _nbytes(value: Any) -> int:
    if isinstance(value, (Tensor, np.ndarray)):
        return int(np.prod(value.shape)) * value.dtype.itemsize
    if isinstance(value, Mapping):
        value = tuple(value.values())
    return sum(map(_nbytes, value)) if isinstance(value, (tuple, list)) else 8


def _see_stream(stream: IterableDataset, title: str) -> Seen:
    total = length_of(stream)
    reader = Reader(stream, None, 0, None)
    chunks = -(-FEW // _CHUNK)
    batches = islice(reader.batches(_CHUNK, False, 0, Share(0, 1, 0, 0)), chunks)
    found = _gathered(title, stream, total, np.arange(chunks * _CHUNK), batches)
    if total is None and found.count < chunks * _CHUNK and not found.trouble:
        return replace(found, total=found.count)
    return found


def _see_frame(frame: Any, title: str) -> Seen:
    n = len(frame)
    if not n:
        raise DataError(f"{title} is empty: it has no rows")
    part = frame.iloc[np.sort(split_order(n, 0)[:MOST])] if n > MOST else frame
    fields: dict[str, Any] = {}
    for name in part.columns:
        values = part[name].to_numpy()
        plain = values.dtype.kind in "biuf"
        fields[str(name)] = values if plain else [str(value) for value in values]
    return Seen(title, frame, n, np.arange(len(part)), fields, _target(fields))


def _gathered(
    title: str, data: Any, total: int | None, numbers: np.ndarray, batches: Iterator[Any]
) -> Seen:
    """Batches as one; what could be read before an error, with the error in words."""
    parts: list[Any] = []
    trouble = ""
    try:
        for batch in batches:
            parts.append(_named(batch))
    except NbdlError as error:
        if not isinstance(error, DataError) and not parts:
            raise
        trouble = str(error)
    fields = joined_all(parts)
    count = len(next(iter(fields.values()))) if fields else 0
    return Seen(title, data, total, numbers[:count], fields, _target(fields), trouble)


def joined_all(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Batches of the same fields after each other."""
    if len(parts) < 2:
        return parts[0] if parts else {}
    if all(isinstance(part, np.ndarray) for part in parts[0].values()):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole = parts[0]
    for part in parts[1:]:
        whole = joined(whole, part)
    return whole


def _named(batch: Any, name: str = "") -> dict[str, Any]:
    """The arrays and texts of a batch by name."""
    if isinstance(batch, Mapping):
        parts = {str(key): value for key, value in batch.items()}
    elif isinstance(batch, tuple):
        names = ["inputs", "targets"] if len(batch) == 2 else None
        names = names or [f"inputs[{i}]" for i in range(len(batch) - 1)] + ["targets"]
        parts = dict(zip(["inputs"] if len(batch) == 1 else names, batch, strict=True))
    else:
        value = batch.numpy() if isinstance(batch, Tensor) else batch
        if not isinstance(value, (np.ndarray, list)):
            raise ArgumentError(f"a batch of the data holds {brief(batch)}")
        return {name or "inputs": value}
    found: dict[str, Any] = {}
    for key, value in parts.items():
        found |= _named(value, f"{name}.{key}" if name else key)
    return found


def _target(fields: dict[str, Any]) -> str | None:
    return next((name for name in TARGET_KEYS if name in fields), None)
