"""Pictures of a run: the dashboard and the gradient flow as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from nbdl.inspection.gradient_flow import measured
from nbdl.inspection.records import (
    DashboardRecord,
    Finding,
    GradientFlowRecord,
    LogLine,
    RunState,
)
from nbdl.inspection.static import formats
from nbdl.inspection.static.chart import chart, group, readable, secondary, worth_a_chart
from nbdl.inspection.static.confusion import confusion_height, confusion_matrix
from nbdl.inspection.static.heat import heat_height, heat_map
from nbdl.inspection.static.svg import (
    BAD,
    FAINT,
    LEVELS,
    LINE,
    MARGIN,
    MUTED,
    TONES,
    WARNING,
    WIDTH,
    Column,
    element,
    picture,
    rectangle,
    text,
    wrap,
)

STATUS = {
    "waiting": "Waiting", "running": "Training", "paused": "Paused", "finished": "Finished",
    "stopped": "Stopped", "pruned": "Pruned", "interrupted": "Interrupted", "failed": "Failed",
    "killed": "Killed",
}  # fmt: skip


REMARKS = 6
"""So many messages stand in still pictures."""


def remarks(record: DashboardRecord) -> list[LogLine]:
    """The latest notes and warnings of a whole record, such as that its steps are compiled."""
    kinds = ("note", "warning", "edit", "branch")
    return [line for line in record.log if line.kind in kinds][-REMARKS:]


def laps_text(state: RunState) -> str:
    """Where the time of a step goes, in words; '' where nobody knows."""
    total = sum(seconds for _, seconds in state.laps)
    parts = ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in state.laps)
    return f"a step takes {formats.short_time(total)}: {parts}" if parts else ""


def dashboard_svg(record: DashboardRecord) -> str:
    """The dashboard of a whole run (a record made for a receiver that has nothing) as SVG."""
    state = record.state
    column = Column()
    column.add(_heading(state), 20, gap=12)
    column.add(_progress(state), 6, gap=12)
    column.add(_facts(state), 36)
    if state.laps:
        column.add(text(0, 10, laps_text(state), 11, fill=MUTED), 12)
    calm = "good" if state.status == "finished" else "note"
    for level, words in ((calm, state.message), ("bad", state.error)):
        if words:
            _notice(column, words, level)
    _messages(column, record)
    _charts(column, record)
    if record.gradients is not None and len(record.gradients.steps):
        column.add(text(0, 14, "Gradient flow", 12, font_weight=600), 14, gap=8)
        height = heat_height(len(record.gradients.layers))
        shown = measured(GradientFlowRecord("", "", record.gradients))
        column.add(heat_map(shown, WIDTH - 2 * MARGIN), height)
    draw_findings(column, record.findings or ())
    if record.confusion is not None:
        column.add(confusion_matrix(record.confusion), confusion_height(record.confusion))
    title = f"Training of {state.name}: {STATUS.get(state.status, state.status)}"
    return picture(column.y + 4, *column.marks, title=title)


def gradient_flow_svg(record: GradientFlowRecord) -> str:
    """The measure of a run that the record shows first, as SVG."""
    shown = measured(record)
    column = Column()
    about = f"{record.title} · {len(shown.layers)} layers · {len(shown.steps)} samples"
    heading = text(0, 14, "Gradient flow", 15, font_weight=600)
    column.add(heading + text(134, 14, about, 11, fill=MUTED), 16)
    if len(shown.steps):
        column.add(heat_map(shown, WIDTH - 2 * MARGIN), heat_height(len(shown.layers)))
    else:
        column.add(text(0, 14, f"No sample of the {shown.label} yet.", 12, fill=MUTED), 16)
    draw_findings(column, record.findings)
    return picture(column.y + 4, *column.marks, title=f"Gradient flow of {record.title}")


def _heading(state: RunState) -> str:
    tone = TONES.get(state.status, MUTED)
    word = STATUS.get(state.status, state.status)
    pill = 28 + 7.2 * len(word)
    about = " · ".join(f"{name} {value}" for name, value in state.facts)
    return "".join(
        [
            rectangle(0, 0, pill, 22, rx=11, fill=tone, fill_opacity=0.12),
            element("circle", cx=12, cy=11, r=4, fill=tone),
            text(22, 15, word, 12, fill=tone, font_weight=600),
            text(pill + 12, 16, state.name, 15, font_weight=600),
            text(WIDTH - 2 * MARGIN, 15, about, 11, fill=MUTED, text_anchor="end"),
        ]
    )


def _progress(state: RunState) -> str:
    width = WIDTH - 2 * MARGIN
    total = state.total_steps
    part = state.step / total if total else state.epoch / (state.epochs or 1)
    done = width * min(1.0, 1.0 if state.status == "finished" else part)
    tone = TONES.get(state.status, MUTED)
    return rectangle(0, 0, width, 6, rx=3, fill=LINE) + rectangle(0, 0, done, 6, rx=3, fill=tone)


def _facts(state: RunState) -> str:
    step = f"{state.step:,}" + (f" / {state.total_steps:,}" if state.total_steps else "")
    facts = [
        ("epoch", f"{state.epoch}" + (f" / {state.epochs}" if state.epochs else "")),
        ("step", step),
        ("time left", formats.duration(state.eta)),
        ("elapsed", formats.duration(state.elapsed)),
        ("samples/s", formats.count(state.throughput)),
        ("learning rate", formats.value(state.lr)),
    ]
    width = (WIDTH - 2 * MARGIN) / len(facts)
    return "".join(
        text(index * width, 11, name, 11, fill=MUTED)
        + text(index * width, 30, value, 14, font_weight=500)
        for index, (name, value) in enumerate(facts)
    )


def _notice(column: Column, words: str, level: str, title: str = "") -> None:
    lines = wrap(words, 108)[:12]
    height = 17 * (len(lines) + bool(title)) + 10
    tone = LEVELS[level]
    marks = [
        rectangle(0, 0, WIDTH - 2 * MARGIN, height, rx=2, fill=tone, fill_opacity=0.08),
        rectangle(0, 0, 3, height, rx=1, fill=tone),
    ]
    if title:
        marks.append(text(12, 17, title, 12, font_weight=600))
    for index, line in enumerate(lines):
        fill = BAD if level == "bad" and not title else None
        y = 17 + 17 * (index + bool(title))
        marks.append(text(12, y, line, 12, **({"fill": fill} if fill else {})))
    column.add("".join(marks), height, gap=12)


def _messages(column: Column, record: DashboardRecord) -> None:
    told = remarks(record)
    for line in told:
        since = formats.duration(line.time - (record.state.started or line.time))
        fill = WARNING if line.kind == "warning" else MUTED
        column.put(text(0, 12, since, 11, fill=FAINT))
        for words in wrap(line.text, 104)[:3]:
            column.add(text(52, 12, words, 11, fill=fill), 14, gap=3)
    column.y += 9 * bool(told)


def draw_findings(column: Column, findings: Sequence[Finding]) -> None:
    """Put findings under each other."""
    for finding in findings:
        _notice(column, finding.text, finding.level, finding.title)


def _charts(column: Column, record: DashboardRecord) -> None:
    """Charts in two columns, one that is left over across both; the machine's last and lower."""
    parts = {part.name: part for part in record.series if worth_a_chart(part)}
    marked = [(line.step, line.text) for line in record.log if line.step is not None]
    charts = group(list(parts))
    kinds = [[c for c in charts if secondary(c[0]) == kind] for kind in (False, True)]
    rows = [kind[first : first + 2] for kind in kinds for first in range(0, len(kind), 2)]
    gap, room = 24, WIDTH - 2 * MARGIN
    for row in rows:
        height = 120 if secondary(row[0][0]) else 180
        width = room if len(row) == 1 else (room - gap) / 2
        for place, (title, names) in enumerate(row):
            x = MARGIN + place * (width + gap)
            drawn = [parts[name] for name in names]
            markup = chart(drawn, readable(title), width, height, marked)
            column.put(markup, x)
        column.y += height + 16
