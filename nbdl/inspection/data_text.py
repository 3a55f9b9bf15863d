"""Data sets for a terminal: a table of fields, the classes, the findings."""

from __future__ import annotations

from collections.abc import Iterator

from nbdl.inspection.data_records import DataPart, DataRecord, FieldRecord, PairGroup, PairSide
from nbdl.inspection.static import formats
from nbdl.inspection.static.svg import shorten
from nbdl.inspection.text import findings_text, spark

NAME = 24
BAR = 30
COLUMNS = 24
"""Columns of a table that have a line each; of one with more none has."""

PAIRS = 3
"""Pairs of samples that are shown of each kind."""


def data_text(record: DataRecord) -> str:
    """A record of data sets as lines."""
    lines: list[str] = []
    for part in record.parts:
        lines += [*_part(part), ""]
    for group in record.groups:
        lines += [*_group(group), ""]
    return "\n".join([*lines, *findings_text(record.findings)]).rstrip()


def rows_of(part: DataPart) -> tuple[list[FieldRecord], int]:
    """The fields that have a line each, and how many columns have none."""
    groups: list[list[FieldRecord]] = []
    for field in part.fields:
        if field.column:
            groups[-1].append(field)
        else:
            groups.append([field])
    kept = [group if len(group) <= COLUMNS + 1 else group[:1] for group in groups]
    shown = [field for group in kept for field in group]
    return shown, part.more_columns + len(part.fields) - len(shown)


def side_text(side: PairSide) -> str:
    """Which sample it is, and what it is taken for: 'train 12: cat'."""
    return f"{side.part} {side.number}" + (f": {side.target}" if side.target else "")


def _group(group: PairGroup) -> Iterator[str]:
    yield f"{group.title} ({group.count:,})"
    for pair in group.pairs[:PAIRS]:
        row = "  ".join(f"{name} {value}" for name, value in pair.cells[:6]) or pair.text
        same = f"  ({shorten(row, 60)})" if row else ""
        yield f"  {side_text(pair.first)} = {side_text(pair.second)}{same}"


def how_many(part: DataPart) -> str:
    """How many samples there are, and how many were looked at: '1,797 samples'."""
    if part.total is None:
        return f"the first {part.seen:,} samples of a stream"
    if part.seen == part.total:
        return f"{part.total:,} sample{'s' * (part.total != 1)}"
    return f"{part.total:,} samples, of which {part.seen:,} were looked at"


def shape_text(field: FieldRecord) -> str:
    """The shape and dtype of a field: '1×8×8 float32'."""
    sizes = "×".join(map(str, field.shape))
    return f"{sizes} {field.dtype}".strip()


def range_text(field: FieldRecord) -> str:
    """Its smallest and largest number."""
    if field.kind != "number":
        return f"{field.distinct:,} different" if field.distinct is not None else ""
    return f"{formats.value(field.low, 3)} … {formats.value(field.high, 3)}"


def mean_text(field: FieldRecord) -> str:
    """Its mean and standard deviation."""
    if field.kind != "number":
        return ""
    return f"{formats.value(field.mean, 3)} ± {formats.value(field.std, 3)}"


def missing_text(field: FieldRecord) -> str:
    """How many numbers are missing or infinite."""
    words = [(field.nans, "NaN"), (field.infinities, "∞")]
    return ", ".join(f"{formats.count(n)} {word}" for n, word in words if n)


def _part(part: DataPart) -> Iterator[str]:
    yield f"{part.title} · {part.kind} · {how_many(part)}"
    fields, hidden = rows_of(part)
    rows = [
        (
            ("  " if field.column else "") + shorten(field.name, NAME), shape_text(field),
            range_text(field), mean_text(field), missing_text(field),
            spark(field.histogram, 12) if field.histogram.size else "",
        )
        for field in fields
    ]  # fmt: skip
    if rows:
        table = [("field", "each", "range", "mean ± std", "missing", ""), *rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        for row in table:
            yield "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip()
    if hidden:
        yield f"(the {hidden} columns are not shown one by one)"
    if part.classes:
        most = max(count for _, count in part.classes)
        for name, count in part.classes[:20]:
            bar = "█" * round(BAR * count / (most or 1))
            yield f"{shorten(name, NAME).rjust(12)} {bar} {count:,}"
        if len(part.classes) > 20:
            yield f"… {len(part.classes)} classes in all"
