"""Runs as tables: for notebooks, terminals and files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbdl.experiments.words import markup, moment, value, visible
from nbdl.inspection.dashboard import lower_is_better
from nbdl.inspection.static import formats
from nbdl.inspection.static.svg import MUTED, TONES
from nbdl.training.archive.records import RunRecord, clock

FLAT = ("id", "number", "name", "status", "created", "duration", "epoch", "step", "message",
        "tags", "notes")  # fmt: skip
METRICS, OPTIONS = 6, 4
"""So many metrics and differing options have columns in a table to look at."""

_ASIDE = ("lr", "throughput")
_CELL = "padding:3px 10px;white-space:nowrap;text-align:"
_RULE = "border-bottom:1px solid rgba(128,128,128,.35)"


def flat(record: RunRecord) -> dict[str, Any]:
    """A run as one row of plain values: fields, last metrics, ``config.*``."""
    row = {name: getattr(record, name) for name in FLAT}
    row["tags"] = " ".join(record.tags)
    row |= {name: last for name, last in record.metrics.items() if name not in row}
    return row | {f"config.{name}": given for name, given in record.config.items()}


# ----- lists --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column of the list: its heading, the text of a run's cell, and whether it is numbers."""

    head: str
    cell: Callable[[RunRecord], str]
    right: bool = False
    metric: str = ""


def _columns(records: Sequence[RunRecord]) -> list[_Column]:
    found = [
        _Column("id", lambda r: r.id),
        _Column("name", lambda r: r.name),
        _Column("status", lambda r: r.status),
        _Column("started", lambda r: moment(r.created)),
        _Column("time", lambda r: clock(r.duration), True),
        _Column("epoch", lambda r: str(r.epoch), True),
        _Column("step", lambda r: str(r.step), True),
    ]
    found += [
        _Column(name, _option(name), all(map(_is_number, (r.config.get(name) for r in records))))
        for name in differing(records)[:OPTIONS]
    ]
    found += [_Column(name, _metric(name), True, name) for name in metric_names(records)]
    if any(r.tags for r in records):
        found.append(_Column("tags", lambda r: " ".join(r.tags)))
    if any(r.notes for r in records):
        found.append(_Column("note", lambda r: r.notes))
    return found


def _is_number(x: Any) -> bool:
    return x is None or (isinstance(x, (int, float)) and not isinstance(x, bool))


def _option(name: str) -> Callable[[RunRecord], str]:
    return lambda r: value(r.config[name]) if name in r.config else ""


def _metric(name: str) -> Callable[[RunRecord], str]:
    return lambda r: formats.value(r.metrics[name]) if name in r.metrics else ""


def differing(records: Sequence[RunRecord]) -> list[str]:
    """Options of the training that are not the same in all runs; the name stands elsewhere."""
    names = dict.fromkeys(name for r in records for name in r.config if name != "name")
    return [n for n in names if len({repr(r.config.get(n)) for r in records}) > 1]


def metric_names(records: Sequence[RunRecord], most: int = METRICS) -> list[str]:
    """The metrics that most runs have."""
    names: dict[str, int] = {}
    for record in records:
        for name in record.metrics:
            if name not in _ASIDE:
                names[name] = names.get(name, 0) + 1
    common = sorted(names, key=lambda name: -names[name])[:most]
    return [name for name in names if name in common]


def list_text(records: Sequence[RunRecord]) -> str:
    """The list for a terminal."""
    if not records:
        return "no runs"
    columns = _columns(records)
    rows = [[c.head for c in columns], *([c.cell(r) for c in columns] for r in records)]
    return text_table(rows, [c.right for c in columns])


def text_table(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Rows of texts in columns."""
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if aside else cell.ljust(width)
            for cell, width, aside in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in shown
    )


def list_html(records: Sequence[RunRecord]) -> str:
    """The list for a notebook: in the colours of its page, the best of each metric bold."""
    if not records:
        return "<p>no runs</p>"
    columns = _columns(records)
    best = {c.metric: _best(records, c.metric) for c in columns if c.metric and len(records) > 1}
    head = "".join(_cell("th", markup(c.head, 32), c.right, _RULE) for c in columns)
    body = "".join(
        f"<tr>{''.join(_list_cell(c, record, best) for c in columns)}</tr>" for record in records
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _list_cell(column: _Column, record: RunRecord, best: Mapping[str, float | None]) -> str:
    said = markup(column.cell(record), 60)
    if column.head == "id":
        said = f"<code>{said}</code>"
    elif column.head == "status":
        tone = TONES.get(record.status, MUTED)
        said = f'<span style="color:{tone}">●</span> {said}'
    elif column.head == "tags":
        said = " ".join(_pill(tag) for tag in record.tags)
    elif column.metric and record.metrics.get(column.metric) == best.get(column.metric, math.nan):
        said = f"<b>{said}</b>"
    return _cell("td", said, column.right)


def _pill(tag: str) -> str:
    return (
        '<span style="border:1px solid rgba(128,128,128,.5);border-radius:8px;padding:0 6px">'
        f"{markup(tag, 32)}</span>"
    )


def _cell(kind: str, said: str, right: bool, style: str = "") -> str:
    return f'<{kind} style="{_CELL}{"right" if right else "left"};{style}">{said}</{kind}>'


def _best(records: Sequence[RunRecord], name: str) -> float | None:
    values = [r.metrics[name] for r in records if math.isfinite(r.metrics.get(name, math.nan))]
    if len(set(values)) < 2:
        return None
    return min(values) if lower_is_better(name) else max(values)


# ----- one run ------------------------------------------------------------------------------


def details(record: RunRecord) -> dict[str, Mapping[str, Any]]:
    """What is recorded of a run beside its numbers, by headings."""
    run = {
        "id": record.id, "name": record.name, "status": record.status,
        "message": record.message, "started": moment(record.created),
        "time": clock(record.duration), "epoch": record.epoch, "step": record.step,
        "tags": " ".join(record.tags), "note": record.notes,
    }  # fmt: skip
    found: dict[str, Mapping[str, Any]] = {
        "Run": {name: said for name, said in run.items() if said != ""},
        "Last values": record.metrics,
        "Configuration": record.config,
        "Environment": record.environment,
        "Began with": origin_words(record.origin),
    }
    return {title: rows for title, rows in found.items() if rows}


def origin_words(origin: Mapping[str, Any]) -> dict[str, str]:
    """The fingerprints of a run's beginning in words."""
    words = {}
    for name in ("data", "val"):
        if isinstance(origin.get(name), dict):
            words[name] = data_words(origin[name])
    if isinstance(origin.get("weights"), str):
        words["weights"] = origin["weights"][:12]
    return words


def data_words(found: Mapping[str, Any]) -> str:
    """A fingerprint of data in one line."""
    if "fraction" in found:
        return f"{value(found['fraction'])} of the training data"
    said = str(found.get("kind", "?"))
    if "length" in found:
        said += f" of {found['length']}"
    for array in found.get("arrays", ()):
        shape = "×".join(map(str, array.get("shape", ())))
        said += f", {array.get('dtype')}[{shape}] {str(array.get('hash', 'not hashed'))[:12]}"
        said += f" ({array['sampled']} hashed)" if "sampled" in array else ""
    return f"{said} ← {data_words(found['of'])}" if isinstance(found.get("of"), dict) else said


def record_text(record: RunRecord) -> str:
    """A run for a terminal."""
    lines = []
    for title, rows in details(record).items():
        lines.append(title)
        width = max(len(visible(name)) for name in rows)
        lines += [f"  {visible(name):<{width}}  {visible(value(said), 100)}"
                  for name, said in rows.items()]  # fmt: skip
    if record.source:
        lines += ["Source", *(f"  {visible(line, 100)}" for line in record.source.splitlines())]
    return "\n".join(lines)


def record_html(record: RunRecord) -> str:
    """A run's details for a notebook, in the colours of its page."""
    blocks = [
        f'<div style="margin:0 28px 12px 0"><b>{markup(title)}</b>{pairs_html(rows)}</div>'
        for title, rows in details(record).items()
    ]
    source = f"<b>Source</b><pre>{markup(record.source)}</pre>" if record.source else ""
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(blocks)}</div>{source}'


def pairs_html(rows: Mapping[str, Any]) -> str:
    """Names and values as a table of two columns."""
    body = "".join(
        f'<tr><th style="text-align:left;font-weight:normal;opacity:.7;padding:2px 12px 2px 0">'
        f"{markup(name, 60)}</th>"
        f'<td style="text-align:left;padding:2px 0">{markup(value(said), 400)}</td></tr>'
        for name, said in rows.items()
    )
    return f"<table>{body}</table>"
