"""Runs as one HTML page that needs no other file: to send, to keep, to print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nbdl.errors import ArgumentError
from nbdl.experiments.comparison import MOST, Comparison
from nbdl.experiments.files import as_path, write_file
from nbdl.experiments.table import details, pairs_html
from nbdl.experiments.words import markup, moment
from nbdl.inspection.dashboard import PastRun, dashboard_record
from nbdl.inspection.records import DashboardRecord
from nbdl.inspection.static import svg
from nbdl.inspection.static.chart import chart, group, readable, worth_a_chart
from nbdl.inspection.static.comparison import overlay, sample
from nbdl.training.archive.records import RunRecord

WIDTH, HEIGHT = 440, 210

_DARK = {
    svg.PAPER: "#16181d", svg.TEXT: "#e4e6ea", svg.MUTED: "#9b9ea4", svg.FAINT: "#686b71",
    svg.LINE: "#33353a", svg.GRID: "#26282d", svg.TRAIN: "#6aa5ff", svg.VAL: "#ff9d4d",
    svg.LINES[2]: "#4fc9a4", svg.LINES[3]: "#d08ae6", svg.LINES[4]: "#d6c04a",
    svg.LINES[5]: "#f587b3", svg.GOOD: "#4fc98d", svg.WARNING: "#efb04a", svg.BAD: "#ff7b7b",
}  # fmt: skip
"""Colours of the pictures -> the same for dark pages, as in js/lib/base.css."""

_NAMES = {light: f"--c{number}" for number, light in enumerate(_DARK)}


def _variables(dark: bool) -> str:
    return "".join(f"{_NAMES[light]}:{_DARK[light] if dark else light};" for light in _DARK)


def _var(light: str) -> str:
    return f"var({_NAMES[light]})"


_STYLE = f"""
:root {{ color-scheme: light dark; {_variables(False)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(True)} }} }}
body {{ margin: 2.5rem auto; max-width: 60rem; padding: 0 1.5rem; background: {_var(svg.PAPER)};
  color: {_var(svg.TEXT)}; font: 14px/1.5 {svg.FONT}; }}
h1 {{ font-size: 1.6rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.05rem; margin: 1.8rem 0 .5rem; padding-top: .7rem;
  border-top: 1px solid {_var(svg.LINE)}; }}
p {{ margin: .3rem 0; overflow-wrap: anywhere; }}
.muted {{ color: {_var(svg.MUTED)}; }}
.status {{ font-weight: 600; }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr));
  gap: 1.2rem 1.6rem; }}
.charts svg {{ width: 100%; height: auto; }}
.tables {{ display: flex; flex-wrap: wrap; gap: 0 3rem; }}
.tables > div {{ min-width: 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; vertical-align: top; padding: 2px 14px 2px 0;
  overflow-wrap: anywhere; }}
th {{ font-weight: normal; color: {_var(svg.MUTED)}; }}
pre {{ font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; border: 1px solid {_var(svg.LINE)}; border-radius: 6px;
  padding: .7rem 1rem; }}
.finding {{ border-left: 3px solid; padding: .1rem 0 .1rem .8rem; margin: .5rem 0; }}
article + article {{ margin-top: 4rem; }}
@media print {{ body {{ margin: 0; max-width: none; padding: 0; }}
  h2 {{ break-after: avoid; }} .charts svg, .finding, tr {{ break-inside: avoid; }}
  .charts {{ grid-template-columns: 1fr 1fr; }}
  article + article {{ break-before: page; margin: 0; }} }}
"""

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
"""


def write(records: Sequence[RunRecord], path: str | Path) -> Path:
    """Write the page of one or several runs (``.html``); returns the path.

    Raises ArgumentError for another kind of file, FileError where it cannot be written.
    """
    target = as_path(path)
    if target.suffix not in (".html", ".htm"):
        raise ArgumentError(
            f"{target.name!r} does not end in .html, and a report is an HTML page",
            hint=f"{target.name}.html",
        )
    if not records:
        raise ArgumentError("there are no runs to report on")
    text = page(records)
    return write_file(target, lambda file: _write(file, text))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def page(records: Sequence[RunRecord]) -> str:
    """The page as text."""
    title = svg.escape(svg.shorten(", ".join(record.name for record in records), 120))
    body = "".join([*_together(records), *(_article(record) for record in records)])
    head = f"{_HEAD}<title>{title}</title><style>{_STYLE}</style></head>"
    return f"{head}<body>{body}</body></html>\n"


def _together(records: Sequence[RunRecord]) -> Iterator[str]:
    """Several runs beside each other."""
    if not 2 <= len(records) <= MOST:
        return
    comparison = Comparison(records)
    yield f"<article><h1>{len(records)} runs</h1>"
    for run, label in enumerate(comparison.labels):
        line = f'<svg width="20" height="12" aria-hidden="true">{sample(run)}</svg>'
        yield f"<p>{_themed(line)} {markup(label)}</p>"
    charts = [
        _picture(overlay(curves, name, WIDTH, HEIGHT), f"{readable(name)} of the runs")
        for name, curves in comparison.curves().items()
    ]
    yield f'<h2>Curves</h2><div class="charts">{"".join(charts)}</div>'
    yield f"<h2>Differences</h2>{comparison.differences_html()}</article>"


def _article(record: RunRecord) -> str:
    shown = dashboard_record(PastRun(record))
    parts = [_heading(record, shown), _charts(shown), _findings(shown), _tables(record)]
    if record.source:
        parts.append(f"<h2>Source</h2><pre>{markup(record.source)}</pre>")
    if record.model:
        parts.append(f"<h2>Model</h2><pre>{markup(record.model)}</pre>")
    if shown.log:
        lines = [f"<tr><th>{moment(line.time)}</th><td>{markup(line.text)}</td></tr>"
                 for line in shown.log]  # fmt: skip
        parts.append(f"<h2>What happened</h2><table>{''.join(lines)}</table>")
    return f"<article>{''.join(parts)}</article>"


def _heading(record: RunRecord, shown: DashboardRecord) -> str:
    tone = svg.TONES.get(record.status, svg.MUTED)
    said = f'<span class="status" style="color:{_var(tone)}">{markup(record.status)}</span>'
    about = f"{markup(record.id)} · {moment(record.created)}"
    lines = [f"<h1>{markup(record.name)}</h1><p>{said} <span class=\"muted\">{about}</span></p>"]
    lines += [f"<p>{markup(text)}</p>" for text in (shown.state.message, record.notes) if text]
    return "".join(lines)


def _charts(shown: DashboardRecord) -> str:
    series = {part.name: part for part in shown.series if worth_a_chart(part)}
    charts = [
        _picture(chart([series[n] for n in names], readable(title), WIDTH, HEIGHT), readable(title))
        for title, names in group(list(series))
    ]
    return f'<h2>Curves</h2><div class="charts">{"".join(charts)}</div>' if charts else ""


def _picture(marks: str, title: str) -> str:
    said = f"<title>{svg.escape(title)}</title>"
    return _themed(svg.element(
        "svg", said, marks, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", font_size=svg.SIZE,
        fill=svg.TEXT,
    ))  # fmt: skip


def _themed(markup: str) -> str:
    """The colours of a picture as the page's, which has two sets of them."""
    for light, name in _NAMES.items():
        markup = markup.replace(f"'{light}'", f"'var({name})'")
    return markup


def _findings(shown: DashboardRecord) -> str:
    found = [
        f'<div class="finding" style="border-color:{_var(svg.LEVELS[f.level])}">'
        f"<b>{markup(f.title)}</b><p>{markup(f.text)}</p></div>"
        for f in shown.findings or ()
    ]
    return f"<h2>Findings</h2>{''.join(found)}" if found else ""


def _tables(record: RunRecord) -> str:
    blocks = [f"<div><h2>{markup(title)}</h2>{pairs_html(rows)}</div>"
              for title, rows in details(record).items() if title != "Run"]  # fmt: skip
    return f'<div class="tables">{"".join(blocks)}</div>'
