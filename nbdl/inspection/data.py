"""Data sets looked at: what is in them, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.inspection.data_findings import findings
from nbdl.inspection.data_records import DataPart, DataRecord, FieldRecord
from nbdl.inspection.data_seen import Seen, not_finite, see, some_of
from nbdl.inspection.records import Sample
from nbdl.inspection.samples import class_name, pictures_of, pixels
from nbdl.inspection.static import formats
from nbdl.inspection.wire import clean

BINS = 24
COLUMNS = 24
"""A table of at most so many columns shows each."""

EXAMPLES = 12
CLASSES = 1000
"""More different whole numbers than this are no classes."""


def data_record(things: Sequence[Any], titles: Sequence[str]) -> DataRecord:
    """What is in data sets, and findings: of each, and of each against the first.

    Args:
        things: data sets, streams, loaders, arrays or frames; the first is the training data.
        titles: what they are called.

    Of long data sets a random part is looked at, of streams the beginning; the record says so.
    """
    seen = [see(thing, clean(title)) for thing, title in zip(things, titles, strict=True)]
    return DataRecord(tuple(map(_part, seen)), tuple(findings(seen)))


def _part(seen: Seen) -> DataPart:
    fields: list[FieldRecord] = []
    more = 0
    for name, values in seen.fields.items():
        fields.append(_field(name, values))
        if isinstance(values, np.ndarray) and values.ndim == 2 and name != seen.target:
            names = column_names(seen, values)
            if 1 < values.shape[1] <= COLUMNS:
                fields += [_field(n, values[:, i], True) for i, n in enumerate(names)]
            elif values.shape[1] > COLUMNS:
                more += values.shape[1]
    return DataPart(
        seen.title, type(seen.data).__name__, seen.total, seen.count, tuple(fields), more,
        tuple(_classes(seen)), tuple(_examples(seen)),
    )  # fmt: skip


def column_names(seen: Seen, values: np.ndarray) -> list[str]:
    """The names of the columns of a table, or their numbers."""
    names = getattr(seen.data, "features", None)
    if names is not None and len(names) == values.shape[1]:
        return [clean(str(name)) for name in names]
    return [f"column {i}" for i in range(values.shape[1])]


def _field(name: str, values: Any, column: bool = False) -> FieldRecord:
    name = clean(name)
    if isinstance(values, list):
        return FieldRecord(name, "text", (), "text", distinct=len(set(map(repr, values))))
    shape, dtype = tuple(values.shape[1:]), str(values.dtype)
    if values.dtype.kind not in "biufV" or not values.size:
        return FieldRecord(name, "other", shape, dtype)
    nans, infinities = not_finite(values)
    numbers = np.ascontiguousarray(values).reshape(-1)
    good = numbers[np.isfinite(numbers)] if nans or infinities else numbers
    distinct: int | None = len(np.unique(good)) if values.ndim == 1 else None
    if not good.size:
        return FieldRecord(
            name, "number", shape, dtype, nans=nans, infinities=infinities, column=column
        )
    low, high = float(good.min()), float(good.max())
    few = some_of(good, math.prod(shape))
    span = (low, high) if high > low else (low - 0.5, low + 0.5)
    counts, _ = np.histogram(few, BINS, span)
    with np.errstate(over="ignore"):
        mean, std = float(good.mean(dtype=np.float64)), float(few.std())
    return FieldRecord(
        name, "number", shape, dtype, low, high, mean, std, nans, infinities, distinct,
        counts.astype(np.float32), column,
    )  # fmt: skip


def _classes(seen: Seen) -> list[tuple[str, int]]:
    """How many samples each class has."""
    labels = seen.labels()
    if labels is None:
        y = seen.fields.get(seen.target or "")
        if not isinstance(y, list):
            return []
        values, counts = np.unique(np.array(y, str), return_counts=True)
        return [(clean(str(v)), int(n)) for v, n in zip(values, counts, strict=True)][:CLASSES]
    values, counts = np.unique(labels.astype(np.int64), return_counts=True)
    if len(values) > min(CLASSES, max(20, len(labels) // 2)):
        return []
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    numbers = sorted({*found, *range(len(seen.classes or ()))})
    return [(clean(class_name(k, seen.classes)), int(found.get(k, 0))) for k in numbers]


def _examples(seen: Seen) -> list[Sample]:
    """The first few samples that are pictures, those of all classes in turn."""
    for values in seen.inputs().values():
        pictures = pictures_of(values[:1]) if isinstance(values, np.ndarray) else None
        if pictures is None:
            continue
        places = _spread(seen)
        shown = pictures_of(values[places])
        assert shown is not None
        return [
            Sample(_target_text(seen, place), "", image=pixels(picture))
            for place, picture in zip(places, shown, strict=True)
        ]
    return []


def _spread(seen: Seen) -> list[int]:
    """Numbers of a few samples, one of each class before the second of any."""
    labels = seen.labels()
    if labels is None:
        return list(range(min(EXAMPLES, seen.count)))
    rank = np.zeros(len(labels), np.int64)
    for value in np.unique(labels)[:EXAMPLES]:
        members = np.flatnonzero(labels == value)
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))[:EXAMPLES].tolist()


def _target_text(seen: Seen, place: int) -> str:
    if seen.target is None:
        return ""
    y = seen.fields[seen.target]
    value = y[place]
    if isinstance(y, list):
        return clean(str(value))
    if np.ndim(value):
        return ""
    if seen.labels() is not None:
        return clean(class_name(int(value), seen.classes))
    return formats.value(float(value))
