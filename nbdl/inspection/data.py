"""Data sets looked at: what is in them, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.inspection.data_findings import findings
from nbdl.inspection.data_pairs import column_names, pair_groups, target_text
from nbdl.inspection.data_records import DataPart, DataRecord, FieldRecord
from nbdl.inspection.data_seen import Seen, not_finite, see, some_of
from nbdl.inspection.records import Sample
from nbdl.inspection.samples import class_name, pictures_of, pixels
from nbdl.inspection.wire import clean

BINS = 24
COLUMNS = 200
"""A table of at most so many columns has a field for each."""

CHANNELS = 4
"""Pictures of more than one and at most so many channels, too."""

EXAMPLES = 12
CLASSES = 1000
"""More different whole numbers than this are no classes."""


def data_record(things: Sequence[Any], titles: Sequence[str]) -> DataRecord:
    """What is in data sets, what is there twice, and findings: of each, and of each against the
    first.

    Args:
        things: data sets, streams, loaders, arrays or frames; the first is the training data.
        titles: what they are called.

    Of long data sets a random part is looked at, of streams the beginning; the record says so.
    """
    seen = [see(thing, clean(title)) for thing, title in zip(things, titles, strict=True)]
    spans = _spans(seen) if len(seen) > 1 else {}
    return DataRecord(
        tuple(_part(part, spans) for part in seen), tuple(findings(seen)),
        tuple(pair_groups(seen)),
    )  # fmt: skip


Spans = dict[str, tuple[float, float]]
"""Between which numbers the histogram of each field is."""


def _part(seen: Seen, spans: Spans) -> DataPart:
    fields: list[FieldRecord] = []
    more = 0
    for name, values in seen.fields.items():
        fields.append(_field(name, values, spans))
        if name == seen.target or not isinstance(values, np.ndarray):
            continue
        parts = _columns(seen, values)
        if len(parts) <= COLUMNS:
            fields += [_field(name, column, spans, True) for name, column in parts]
        else:
            more += len(parts)
    return DataPart(
        seen.title, type(seen.data).__name__, seen.total, seen.count, tuple(fields), more,
        tuple(_classes(seen)), tuple(_examples(seen)),
    )  # fmt: skip


def _columns(seen: Seen, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The columns of a table and the channels of pictures, by name."""
    if values.ndim == 2 and values.shape[1] > 1:
        names = column_names(seen, values)
        return [(name, values[:, i]) for i, name in enumerate(names)]
    if values.ndim == 4 and 1 < values.shape[1] <= CHANNELS:
        return [(f"channel {i}", values[:, i]) for i in range(values.shape[1])]
    if values.ndim == 4 and 1 < values.shape[3] <= CHANNELS:
        return [(f"channel {i}", values[..., i]) for i in range(values.shape[3])]
    return []


def _field(name: str, values: Any, spans: Spans, column: bool = False) -> FieldRecord:
    name = clean(name)
    if isinstance(values, list):
        return FieldRecord(name, "text", (), "text", distinct=len(set(map(repr, values))))
    shape, dtype = tuple(values.shape[1:]), str(values.dtype)
    if values.dtype.kind not in "biufV" or not values.size:
        return FieldRecord(name, "other", shape, dtype)
    nans, infinities = not_finite(values)
    good = _finite(values, nans or infinities)
    distinct: int | None = len(np.unique(good)) if values.ndim == 1 else None
    if not good.size:
        return FieldRecord(
            name, "number", shape, dtype, nans=nans, infinities=infinities, column=column
        )
    low, high = float(good.min()), float(good.max())
    few = some_of(good, math.prod(shape))
    start, stop = _span(spans.get(_key(name, column), (low, high)))
    counts, _ = np.histogram(few, BINS, (start, stop))
    with np.errstate(over="ignore"):
        mean, std = float(good.mean(dtype=np.float64)), float(few.std())
    return FieldRecord(
        name, "number", shape, dtype, low, high, mean, std, nans, infinities, distinct,
        counts.astype(np.float32), start, stop, column,
    )  # fmt: skip


def _finite(values: np.ndarray, some_are_not: int) -> np.ndarray:
    numbers = np.ascontiguousarray(values).reshape(-1)
    return numbers[np.isfinite(numbers)] if some_are_not else numbers


def _span(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _key(name: str, column: bool) -> str:
    return f"column {name}" if column else f"field {name}"


def _spans(seen: Sequence[Seen]) -> Spans:
    """The least and the largest number of each field in all data sets together."""
    found: Spans = {}
    for part in seen:
        for name, values in part.fields.items():
            if not isinstance(values, np.ndarray):
                continue
            columns = _columns(part, values) if name != part.target else []
            few = columns if len(columns) <= COLUMNS else []
            for key, array in (
                (_key(clean(name), False), values), *((_key(n, True), c) for n, c in few)
            ):  # fmt: skip
                if array.dtype.kind not in "biufV" or not array.size:
                    continue
                good = _finite(array, sum(not_finite(array)))
                if good.size:
                    low, high = found.get(key, (math.inf, -math.inf))
                    found[key] = (min(low, float(good.min())), max(high, float(good.max())))
    return found


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
            Sample(target_text(seen, place), "", image=pixels(picture))
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
