"""Runs beside each other: their curves, and what of configuration and source is not the same."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.experiments.table import differing, metric_names, origin_words, text_table
from nbdl.experiments.words import LETTERS, markup, value, visible
from nbdl.inspection.dashboard import thin
from nbdl.inspection.static import formats, mime_bundle
from nbdl.inspection.static.comparison import Curve, comparison_svg
from nbdl.inspection.text import spark
from nbdl.training.archive.records import RunRecord

MOST = 18
"""Runs that can be told apart by colour and dashes."""

POINTS = 1500
"""Of a curve in a picture; longer ones are thinned, with the extremes of each stretch kept."""

CHARTS = 8

_REMOVED, _ADDED = "rgba(192,38,45,.16)", "rgba(11,122,75,.16)"


class Comparison:
    """Two or more runs beside each other: shows itself in a notebook, and as text when printed.

    Args:
        records: of ``nbdl.runs()``; an attribute too.

    Raises ArgumentError for fewer than two, for what is no run, and for the same run twice.
    """

    def __init__(self, records: Sequence[RunRecord]) -> None:
        for record in records:
            if not isinstance(record, RunRecord):
                raise ArgumentError(
                    f"compare takes runs of the store, got {brief(record)}",
                    hint="nbdl.runs()[0].compare(nbdl.runs()[1])",
                )
        if not 2 <= len(records) <= MOST:
            raise ArgumentError(f"compare takes 2 to {MOST} runs, got {len(records)}")
        if len({record.id for record in records}) < len(records):
            raise ArgumentError("a run cannot be compared with itself")
        self.records = list(records)

    @property
    def labels(self) -> list[str]:
        """Names of the runs, each with its id."""
        return [f"{visible(record.name)} ({record.id})" for record in self.records]

    def configuration(self) -> dict[str, list[Any]]:
        """Option -> its value in each run (None where it was not given), where they differ."""
        return {n: [r.config.get(n) for r in self.records] for n in differing(self.records)}

    def surroundings(self) -> dict[str, list[str]]:
        """Versions, machine, commit, data and beginning weights, where they differ."""
        rows = [{**origin_words(r.origin), **r.environment} for r in self.records]
        names = dict.fromkeys(name for row in rows for name in row)
        return {
            name: [row.get(name, "–") for row in rows]
            for name in names
            if len({row.get(name) for row in rows}) > 1
        }

    def source_differences(self) -> list[str]:
        """The source of each further run against the first's, as unified diffs; '' where equal."""
        first, *rest = self.records
        label, *labels = self.labels
        return [
            "\n".join(
                difflib.unified_diff(
                    first.source.splitlines(), record.source.splitlines(), label, other,
                    lineterm="",
                )
            )
            for record, other in zip(rest, labels, strict=True)
        ]  # fmt: skip

    def curves(self) -> dict[str, list[Curve | None]]:
        """Metric -> (steps, values) of each run, thinned; None for a run without it."""
        names = metric_names(self.records, CHARTS)
        return {
            name: [_curve(record, name) if name in record.metrics else None
                   for record in self.records]
            for name in names
        }  # fmt: skip

    # ----- showing --------------------------------------------------------------------------

    def svg(self) -> str:
        """The curves over each other as a picture."""
        return comparison_svg(self.labels, self.curves())

    def __repr__(self) -> str:
        lines = [f"{letter}  {label}" for letter, label in zip(_LETTERS, self.labels, strict=False)]
        for name, curves in self.curves().items():
            lines += ["", visible(name)]
            for letter, curve in zip(_LETTERS, curves, strict=False):
                last = formats.value(float(curve[1][-1]) if curve and len(curve[1]) else None)
                lines.append(f"{letter}  {spark(curve[1]) if curve else ''}  {last}")
        for title, rows in self._tables():
            cells = [[name, *(value(x) for x in row)] for name, row in rows.items()]
            head = ["", *_LETTERS[: len(self.records)]]
            lines += ["", title, text_table([head, *cells], [False] * len(head))]
        for diff in filter(None, self.source_differences()):
            lines += ["", *(visible(line, 160) for line in diff.splitlines())]
        return "\n".join(lines)

    def _tables(self) -> list[tuple[str, dict[str, list[Any]]]]:
        metrics = {
            name: [r.metrics.get(name) for r in self.records] for name in metric_names(self.records)
        }
        found = [("Last values", metrics), ("Configuration", self.configuration()),
                 ("Surroundings", self.surroundings())]  # fmt: skip
        return [(title, rows) for title, rows in found if rows]

    def differences_html(self) -> str:
        """Last values, and differences of configuration, surroundings and source, as HTML."""
        parts = []
        for title, rows in self._tables():
            head = "".join(_cell("th", label, LETTERS) for label in ("", *self.labels))
            body = ""
            for name, row in rows.items():
                cells = "".join(_cell("td", value(x), 200) for x in row)
                body += f"<tr>{_cell('th', name, 60)}{cells}</tr>"
            parts.append(_titled(title, f"<table><tr>{head}</tr>{body}</table>"))
        parts += [diff_html(diff) for diff in self.source_differences() if diff]
        if not self.configuration():
            parts.append("<p>The configurations are the same.</p>")
        return "".join(parts)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        svg = self.svg()
        html = f'<div style="overflow-x:auto">{svg}</div>{self.differences_html()}'
        return {**mime_bundle(svg, repr(self)), "text/html": html}


_LETTERS = [chr(ord("A") + place) for place in range(MOST)]


def diff_html(diff: str) -> str:
    """A unified diff as HTML in the colours of its page."""
    lines = []
    for line in diff.splitlines():
        ground = {"-": _REMOVED, "+": _ADDED}.get(line[:1], "transparent")
        said = markup(line) if line else " "
        lines.append(f'<span style="display:block;background:{ground}">{said}</span>')
    return _titled("Source", f'<pre style="overflow-x:auto">{"".join(lines)}</pre>')


def _titled(title: str, content: str) -> str:
    return f'<div style="margin:12px 0"><b>{title}</b>{content}</div>'


def _cell(kind: str, text: str, letters: int) -> str:
    style = "text-align:left;vertical-align:top;padding:2px 14px 2px 0"
    return f'<{kind} style="{style}">{markup(text, letters)}</{kind}>'


def _curve(record: RunRecord, name: str) -> Curve:
    steps, values = record.series(name)
    keep = thin(values, POINTS)
    return steps[keep], values[keep]
