"""Data sets of Hugging Face's ``datasets`` and of Arrow, told by what they can do: neither library
is needed, nor loaded before somebody gives one of its objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.data.arrays import to_dtype
from nbdl.data.arrow import arrow, is_arrow
from nbdl.data.collate import collate
from nbdl.data.dataset import Dataset, Subset, TensorDataset
from nbdl.data.images import ToTensor
from nbdl.data.streams import IterableDataset
from nbdl.errors import DataError, brief

TARGET_KEYS = ("target", "targets", "label", "labels", "y")
"""Names of columns, and keys of samples that are dicts, which are taken for the target."""

_PLAIN = frozenset(("Value", "ClassLabel", "List", "LargeList", "Sequence"))
"""Kinds of columns that need no decoding: rows are read many at a time."""


def adopted(data: Any) -> Any:
    """``data`` as a data set of ours if it is one of another library; else unchanged.

    A ``datasets.Dataset`` becomes a data set and a ``datasets.IterableDataset`` a stream of dicts,
    with pictures as arrays (channels, height, width) in 0..1 and text as it is; a
    ``pyarrow.Table`` or ``pyarrow.dataset.Dataset`` what ``data.arrow`` makes of it.

    Raises DataError for a ``DatasetDict``, in which the parts are not told from each other.
    """
    if isinstance(data, (Dataset, IterableDataset)):
        return data
    if isinstance(data, Mapping):
        if data and all(_has_columns(part) for part in data.values()):
            names = [str(name) for name in data]
            raise DataError(
                f"{type(data).__name__} holds several data sets: {', '.join(names)}",
                hint=f"choose one: data[{names[0]!r}]",
            )
        return data
    if _has_columns(data):
        return HuggingFace(data) if hasattr(data, "__len__") else HuggingFaceStream(data)
    return arrow(data) if is_arrow(data) else data


def is_adoptable(data: Any) -> bool:
    """Whether ``adopted`` makes a data set of ours of it; told without reading anything."""
    return not isinstance(data, (Dataset, IterableDataset)) and (
        _has_columns(data) or is_arrow(data)
    )


def _has_columns(data: Any) -> bool:
    return (
        hasattr(data, "column_names") and hasattr(data, "features") and hasattr(data, "__iter__")
    )


class HuggingFace(Dataset):
    """A ``datasets.Dataset``: samples are dicts, by the names of its columns."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.classes = _classes(rows)
        custom = (getattr(rows, "format", None) or {}).get("type") == "custom"
        kinds = {type(kind).__name__ for kind in (rows.features or {"": None}).values()}
        self.reads_batches = not custom and kinds <= _PLAIN

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return as_sample(self.rows[int(index)])

    def take(self, indices: Any) -> Any:
        numbers = [int(i) for i in indices]
        if not self.reads_batches:
            return collate([self[i] for i in numbers])
        columns = self.rows[numbers]
        names = list(columns)
        rows = zip(*(columns[name] for name in names), strict=True)
        return collate([as_sample(dict(zip(names, row, strict=True))) for row in rows])

    def labels(self) -> np.ndarray:
        name = next((name for name in TARGET_KEYS if name in self.rows.column_names), None)
        if name is None:
            raise DataError(
                f"{self!r} has no target: its columns are {', '.join(self.rows.column_names)}",
                hint="rows.rename_column('...', 'label')",
            )
        return np.asarray(self.rows[name])

    def __repr__(self) -> str:
        return f"HuggingFace({len(self)} samples: {', '.join(map(str, self.rows.column_names))})"


class HuggingFaceStream(IterableDataset):
    """A ``datasets.IterableDataset``: samples are dicts, by the names of its columns."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.classes = _classes(rows)

    def __iter__(self) -> Iterator[Any]:
        return self.samples(0, 0)

    def samples(self, seed: int, epoch: int, start: int = 0) -> Iterator[Any]:
        set_epoch = getattr(self.rows, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(epoch)
        return map(as_sample, islice(iter(self.rows), start, None))

    def __repr__(self) -> str:
        return f"HuggingFaceStream({', '.join(map(str, self.rows.column_names or ()))})"


def _classes(rows: Any) -> tuple[str, ...] | None:
    """The names of the classes of the target, where the columns know them."""
    features = rows.features or {}
    named = {n: f.names for n, f in features.items() if type(f).__name__ == "ClassLabel"}
    name = next((name for name in TARGET_KEYS if name in named), next(iter(named), None))
    return None if name is None else tuple(map(str, named[name]))


def as_sample(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its pictures and lists as arrays. Raises DataError for an empty cell."""
    return {str(name): _value(value, str(name)) for name, value in row.items()}


def _value(value: Any, name: str) -> Any:
    if value is None:
        raise DataError(
            f"column {name!r} has an empty cell",
            hint=f"rows.filter(lambda row: row[{name!r}] is not None)",
        )
    if type(value).__module__.partition(".")[0] == "PIL":
        return ToTensor()(value if value.mode in ("L", "RGB") else value.convert("RGB"))
    if isinstance(value, Mapping):
        return as_sample(value)
    if isinstance(value, list):
        try:
            array = np.asarray(value)
        except ValueError:
            return value
        return value if array.dtype.kind in "OUS" else to_dtype(array, dtypes.default_float())
    return value


# ----- what people have ------------------------------------------------------------------------


def as_dataset(data: Any, name: str = "data", *, dtype: Any = "default") -> Dataset:
    """A data set from what people have: a Dataset, ``(x, y)``, a dict of arrays, one array,
    a ``datasets.Dataset``, or any object with ``__len__`` and ``__getitem__``. Raises DataError
    for anything else and for data without samples.
    """
    data = adopted(data)
    if isinstance(data, Dataset):
        found = data
    elif isinstance(data, (Mapping, np.ndarray, Tensor)):
        found = TensorDataset(data, dtype=dtype)
    elif isinstance(data, tuple) or _is_pair(data):
        found = TensorDataset(*data, dtype=dtype)
    elif hasattr(data, "columns") and hasattr(data, "iloc"):
        raise DataError(
            f"{name} is a frame, in which the target is not told from the inputs",
            hint="data.from_pandas(frame, target=...)",
        )
    elif isinstance(data, IterableDataset):
        raise DataError(
            f"{name} is the stream {data!r}, whose samples have no numbers",
            hint="train on it, or read it by data.DataLoader(stream, batch_size)",
        )
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__") and type(data) is not str:
        found = Subset(data, np.arange(len(data)))
    else:
        raise DataError(
            f"{name} must be a data set, a loader, or a pair of arrays (x, y), got "
            f"{brief(data)}"
        )
    if not len(found):
        raise DataError(f"{name} is empty: {found!r}", hint="it needs at least one sample")
    return found


def _is_pair(data: Any) -> bool:
    """Whether a list is ``[x, y]``, and not two samples."""
    return isinstance(data, list) and len(data) == 2 and not isinstance(data[0], (tuple, dict))


def split(dataset: Any, *sizes: float, seed: int = 0, stratify: Any = None) -> tuple[Subset, ...]:
    """``Dataset.split`` for anything ``as_dataset`` takes: ``split((x, y), 0.8)``."""
    return as_dataset(dataset).split(*sizes, seed=seed, stratify=stratify)
