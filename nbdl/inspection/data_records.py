"""What is seen of data sets: plain records, from which text and pictures are made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nbdl.inspection.records import Finding, Sample


@dataclass(frozen=True)
class FieldRecord:
    """One part of a sample: an input, one of its columns, the target.

    Attributes:
        name: its name in the data.
        kind: "number", "text" or "other".
        shape, dtype: of one sample's.
        low, high, mean, std: of all finite numbers; NaN where there are none.
        nans, infinities: how many of each.
        distinct: different values among a column's or a target's; None where not counted.
        histogram: (bins,) counts between low and high.
        column: whether it is one column of the field before it.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    low: float = float("nan")
    high: float = float("nan")
    mean: float = float("nan")
    std: float = float("nan")
    nans: int = 0
    infinities: int = 0
    distinct: int | None = None
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    column: bool = False


@dataclass(frozen=True)
class DataPart:
    """One data set.

    Attributes:
        title: what it is called.
        kind: its class.
        total: how many samples there are; None where that is not known.
        seen: of how many the rest of the record speaks.
        fields: the parts of a sample, each followed by its columns where they are few.
        more_columns: columns that have no line of their own.
        classes: (name, number of samples) of each class; empty where the target is none.
        samples: the first few, with pictures where their shape says so.
    """

    title: str
    kind: str
    total: int | None
    seen: int
    fields: tuple[FieldRecord, ...] = ()
    more_columns: int = 0
    classes: tuple[tuple[str, int], ...] = ()
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class DataRecord:
    """One or more data sets, and what is worth knowing of them."""

    parts: tuple[DataPart, ...]
    findings: tuple[Finding, ...] = ()
