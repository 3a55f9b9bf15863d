"""What is seen of data sets: records, from which the view, text and pictures are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nbdl.inspection.records import Finding, Float32s, Record, Sample, Uint8s


@dataclass(frozen=True)
class FieldRecord(Record):
    """One part of a sample: an input, one of its columns or channels, the target."""

    name: str
    kind: str  # "number", "text" or "other"
    shape: tuple[int, ...]  # of one sample's
    dtype: str
    low: float = float("nan")  # of all finite numbers, as mean and std; NaN where there are none
    high: float = float("nan")
    mean: float = float("nan")
    std: float = float("nan")
    nans: int = 0
    infinities: int = 0
    distinct: int | None = None  # different values of a column or a target; None: not counted
    # (bins,) counts between start and stop, which are those of the same field in all data sets
    histogram: Float32s = field(default_factory=partial(np.zeros, 0, "float32"))
    start: float = float("nan")
    stop: float = float("nan")
    column: bool = False  # whether it is one column or channel of the field before it


@dataclass(frozen=True)
class DataPart(Record):
    """One data set."""

    title: str
    kind: str  # its class
    total: int | None  # how many samples there are; None where that is not known
    seen: int  # of how many the rest of the record speaks
    fields: tuple[FieldRecord, ...] = ()  # each followed by its columns where they are not many
    more_columns: int = 0  # columns that have no field of their own
    classes: tuple[tuple[str, int], ...] = ()  # (name, samples); empty: the target is no class
    samples: tuple[Sample, ...] = ()  # the first few, with pictures where their shape says so


@dataclass(frozen=True)
class PairSide(Record):
    """A sample that is there twice: in which data set, its number, and what it is taken for."""

    part: str
    number: int
    target: str


@dataclass(frozen=True)
class PairRecord(Record):
    """Two samples with the same input, and that input."""

    first: PairSide
    second: PairSide
    differs: bool  # whether their targets do
    image: Uint8s  # (height, width, 3 or 1), empty for none
    cells: tuple[tuple[str, str], ...] = ()  # (column, value) of a table's row
    text: str = ""


@dataclass(frozen=True)
class PairGroup(Record):
    """Pairs of samples that are the same for one reason."""

    title: str
    level: str  # as of a Finding
    count: int  # how many there are; pairs are the first of them
    pairs: tuple[PairRecord, ...] = ()


@dataclass(frozen=True)
class DataRecord(Record):
    """One or more data sets, and what is worth knowing of them."""

    parts: tuple[DataPart, ...]
    findings: tuple[Finding, ...] = ()
    groups: tuple[PairGroup, ...] = ()
