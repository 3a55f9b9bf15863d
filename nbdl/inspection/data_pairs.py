"""Samples that are there twice: in one data set, or in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nbdl.inspection.data_records import PairGroup, PairRecord, PairSide
from nbdl.inspection.data_seen import Seen
from nbdl.inspection.samples import class_name, pictures_of, pixels
from nbdl.inspection.static import formats
from nbdl.inspection.wire import clean

MOST = 24
"""Pairs of a group that are shown."""

CELLS = 24
"""Columns of a row that are shown."""

TEXT = 300
"""Characters of a text that are shown."""

Places = list[tuple[int, int]]
"""Pairs of places among the samples that were read."""


def duplicates(seen: Seen) -> Places:
    """Samples whose inputs are those of an earlier one: (the first, the later) places."""
    if not seen.inputs():
        return []
    first: dict[bytes, int] = {}
    pairs = ((first.setdefault(key, i), i) for i, key in enumerate(seen.hashes))
    return [(a, b) for a, b in pairs if a != b]


def contradictions(seen: Seen, pairs: Places) -> Places:
    """Those of the pairs that are of different classes."""
    labels = seen.labels()
    return [] if labels is None else [(a, b) for a, b in pairs if labels[a] != labels[b]]


def leaks(train: Seen, other: Seen) -> Places:
    """Samples whose inputs are in both: (place in train, place in other)."""
    if train.inputs().keys() != other.inputs().keys() or not train.inputs():
        return []
    known: dict[bytes, int] = {}
    for i, key in enumerate(train.hashes):
        known.setdefault(key, i)
    return [(known[key], i) for i, key in enumerate(other.hashes) if key in known]


def pair_groups(seen: Sequence[Seen]) -> Iterator[PairGroup]:
    """What there is twice: samples of the first in each of the others, and in each twice."""
    for other in seen[1:]:
        title = f"In {seen[0].title} and in {other.title}"
        yield from _group(title, "bad", leaks(seen[0], other), seen[0], other)
    for part in seen:
        pairs = duplicates(part)
        wrong = contradictions(part, pairs)
        where = f" in {part.title}" if len(seen) > 1 else ""
        yield from _group(f"Twice{where}, with another class", "warning", wrong, part, part)
        rest = set(pairs) - set(wrong)
        alike = [pair for pair in pairs if pair in rest]
        yield from _group(f"Twice{where}", "note", alike, part, part)


def _group(title: str, level: str, pairs: Places, a: Seen, b: Seen) -> Iterator[PairGroup]:
    if pairs:
        shown = tuple(_pair(a, i, b, j) for i, j in pairs[:MOST])
        yield PairGroup(title, level, len(pairs), shown)


def _pair(a: Seen, i: int, b: Seen, j: int) -> PairRecord:
    first, second = _side(a, i), _side(b, j)
    differs = bool(first.target and second.target and first.target != second.target)
    image = _image(a, i)
    words = _words(a, i)
    cells = () if image.size or words else tuple(_cells(a, i))
    return PairRecord(first, second, differs, image, cells, words)


def _side(seen: Seen, place: int) -> PairSide:
    return PairSide(seen.title, int(seen.numbers[place]), target_text(seen, place))


def target_text(seen: Seen, place: int) -> str:
    """What a sample is taken for: its class, its number; "" where that is no one word."""
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


def column_names(seen: Seen, values: np.ndarray) -> list[str]:
    """The names of the columns of a table, or their numbers."""
    names = getattr(seen.data, "features", None)
    if names is not None and len(names) == values.shape[1]:
        return [clean(str(name)) for name in names]
    return [f"column {i}" for i in range(values.shape[1])]


def _image(seen: Seen, place: int) -> np.ndarray:
    for values in seen.inputs().values():
        found = pictures_of(values[place : place + 1]) if isinstance(values, np.ndarray) else None
        if found is not None:
            return pixels(found[0])
    return np.zeros(0, np.uint8)


def _words(seen: Seen, place: int) -> str:
    """A sample that is a text alone."""
    inputs = list(seen.inputs().values())
    if len(inputs) != 1 or not isinstance(inputs[0], list):
        return ""
    return clean(str(inputs[0][place]))[:TEXT]


def _cells(seen: Seen, place: int) -> Iterator[tuple[str, str]]:
    """A sample as the row of a table: its first numbers and texts by name."""
    room = CELLS
    for name, values in seen.inputs().items():
        value = values[place]
        if isinstance(values, list):
            named = [(clean(name), clean(str(value))[:TEXT])]
        elif values.ndim == 2:
            numbers = value[:room].tolist()
            names = column_names(seen, values)
            named = [(n, _cell(v)) for n, v in zip(names, numbers, strict=False)]
        elif values.ndim == 1:
            named = [(clean(name), _cell(value))]
        else:  # neither a picture nor a row: its first numbers
            numbers = np.asarray(value).reshape(-1)[:room].tolist()
            named = [(f"{clean(name)}[{i}]", _cell(v)) for i, v in enumerate(numbers)]
        yield from named[:room]
        room -= len(named)
        if room <= 0:
            return


def _cell(value: object) -> str:
    try:
        return formats.value(float(value), 4)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return clean(str(value))
