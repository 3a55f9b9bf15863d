"""The picture of a compiled plan: its calls beside the machine's limits, and its memory."""

from __future__ import annotations

from collections.abc import Iterable

from nbdl.compiler.report import Report
from nbdl.inspection.layout.words import text_width
from nbdl.inspection.plan import Part, Row, common_root, parts, stretches
from nbdl.inspection.static import formats
from nbdl.inspection.static.arena import ARENA_HEIGHT, arena_map
from nbdl.inspection.static.svg import (
    LINE,
    LINES,
    MARGIN,
    MUTED,
    TEXT,
    VAL,
    WIDTH,
    Column,
    element,
    picture,
    rectangle,
    shorten,
    text,
    wrap,
)

ROOM = WIDTH - 2 * MARGIN
ROW = 18
STRIP = 34
PALE = 0.3
"""Opacity of time beyond what the machine's limits allow."""

LOSS = 0.02
"""Rows that lose more than this part of the whole time are marked."""

# Where the columns of the table begin; those of numbers end there.
TITLE, BAR, KIND = 106, 272, 424
NUMBERS = (572, 630, 674, ROOM)

FAMILIES = {"oneDNN": LINES[0], "loop": LINES[2], "special loop": LINES[3], "NumPy": LINES[1]}
"""Colours by the kind of call."""

NARROW = 1.5
"""Pixels: calls that are narrower are drawn together with their neighbours."""


def plan_svg(report: Report) -> str:
    """The picture of a plan as SVG."""
    column = Column()
    column.add(_heading(report), 16, gap=14)
    column.add(_facts(report), 36, gap=12)
    for line in wrap(_words(report), 124):
        column.add(text(0, 11, line, 11, fill=MUTED), 11, gap=5)
    column.y += 12
    column.add(_strip(report), STRIP + 34)
    column.add(_table_head(), 14, gap=2)
    found = parts(report)
    longest = max((row.seconds for part in found for row in (*part.rows, *part.rest)), default=0.0)
    for part in found:
        _part(column, part, report.seconds, longest)
    if report.blocks:
        column.y += 8
        colours = [FAMILIES.get(call.family, MUTED) for call in report.calls]
        column.add(arena_map(report, colours, ROOM), ARENA_HEIGHT)
    title = f"Compiled plan: {len(report.calls)} calls, {formats.short_time(report.seconds)}"
    return picture(column.y + 4, *column.marks, title=title)


# ----- the head -------------------------------------------------------------------------------


def _heading(report: Report) -> str:
    """What is seen, and of which model; the colours, right-aligned."""
    marks, x = [text(0, 14, "Compiled plan", 15, font_weight=600)], float(ROOM)
    root = shorten(common_root(report.calls).removesuffix("."), 40)
    marks.append(text(text_width("Compiled plan", 15, bold=True) + 12, 14, root, 12, fill=MUTED))
    present = {call.family for call in report.calls}
    for name in reversed([name for name in FAMILIES if name in present]):
        x -= text_width(name, 11)
        marks.append(text(x, 13, name, 11, fill=MUTED))
        x -= 16
        marks.append(rectangle(x, 4, 11, 11, rx=2, fill=FAMILIES[name]))
        x -= 16
    return "".join(marks)


def _facts(report: Report) -> str:
    threads = f"{report.threads} thread{'s' * (report.threads != 1)}"
    reuse = report.without_reuse / report.arena if report.arena else 1.0
    facts = [
        ("measured", formats.short_time(report.seconds)),
        ("the machine's limits allow", formats.short_time(report.roofline)),
        ("of the limit", _percent(report.roofline, report.seconds)),
        ("calls", f"{len(report.calls):,} on {threads}"),
        ("arena", formats.nbytes(report.arena)),
        ("without reuse", f"{formats.nbytes(report.without_reuse)}, {reuse:.1f}×"),
    ]
    widths = (96, 164, 92, 142, 96)
    places = [sum(widths[:index]) for index in range(len(facts))]
    return "".join(
        text(x, 11, name, 11, fill=MUTED) + text(x, 30, value, 14, font_weight=500)
        for x, (name, value) in zip(places, facts, strict=True)
    )


def _words(report: Report) -> str:
    """The operations after each pass, and what the limits are."""
    steps = [
        f"{name.removeprefix('eliminate_').replace('_', ' ')} {count:,}"
        for name, count in report.passes
    ]
    limits = report.limits
    fastest = max(rate for _, rate in limits.bandwidths)
    return (
        f"Operations: {' → '.join(steps)} → {len(report.calls):,} calls.\n"
        f"Limits: {limits.flops / 1e9:.0f} GFLOP/s in products of matrices, "
        f"{limits.bandwidth / 1e9:.0f} GB/s in large copies, {fastest / 1e9:.0f} GB/s in copies "
        "within a cache.\n"
        f"Pale: time beyond what they allow; orange: that is over {100 * LOSS:.0f} % of the whole. "
        "Over 100 %: its data was still in a cache."
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


# ----- the timeline ---------------------------------------------------------------------------


def _strip(report: Report) -> str:
    """All calls in program order: as wide as the time, solid as high as the limit explains."""
    total = report.seconds
    if not total:
        return text(0, 14, "nothing is computed", 12, fill=MUTED)
    scale = ROOM / total
    marks: list[str] = []
    starts: dict[str, float] = {}
    x = 0.0
    for row, phase in stretches(report.calls, NARROW / scale):
        starts.setdefault(phase, x)
        width, colour = row.seconds * scale, FAMILIES.get(row.family, MUTED)
        solid = STRIP * min(1.0, row.fraction)
        gap = 0.5 if width > NARROW else 0.0
        marks.append(rectangle(x, 16, width - gap, STRIP, fill=colour, fill_opacity=PALE))
        marks.append(rectangle(x, 16 + STRIP - solid, width - gap, solid, fill=colour))
        x += width
    return "".join([*marks, *_phases(starts), *_time_axis(total)])


def _phases(starts: dict[str, float]) -> Iterable[str]:
    """Names of the phases over the strip, where there is room."""
    free = -1.0
    for phase, x in starts.items():
        yield element("line", x1=x, x2=x, y1=4, y2=16 + STRIP, stroke=MUTED, stroke_width=1)
        width = text_width(phase, 11)
        left = min(x + 4, ROOM - width)
        if left >= free:
            yield text(left, 11, phase, 11, fill=MUTED)
            free = left + width + 6


def _time_axis(total: float) -> Iterable[str]:
    base = 16 + STRIP + 14
    yield text(0, base, "0", 11, fill=MUTED)
    half = formats.short_time(total / 2)
    yield text(ROOM / 2, base, half, 11, fill=MUTED, text_anchor="middle")
    yield text(ROOM, base, formats.short_time(total), 11, fill=MUTED, text_anchor="end")


# ----- the table ------------------------------------------------------------------------------


def _table_head() -> str:
    marks = [text(0, 11, "layer", 11, fill=MUTED), text(TITLE, 11, "operations", 11, fill=MUTED),
             text(BAR, 11, "time", 11, fill=MUTED),
             text(KIND, 11, "kernel", 11, fill=MUTED)]  # fmt: skip
    names = ("ms", "GFLOP/s", "GB/s", "of limit")
    marks += _right(zip(NUMBERS, names, strict=True))
    return "".join(marks)


def _right(words: Iterable[tuple[float, str]], fill: str = MUTED, **style: object) -> list[str]:
    """Words that end at these places."""
    return [text(x, 11, word, 11, text_anchor="end", fill=fill, **style) for x, word in words]


def _part(column: Column, part: Part, total: float, longest: float) -> None:
    """A phase: its name and sums, its slow rows, the rest by kind."""
    line = element("line", x1=0, x2=ROOM, y1=0, y2=0, stroke=LINE, stroke_width=1)
    name = text(0, 16, part.phase.capitalize(), 12, font_weight=600)
    share = text(BAR, 16, f"{_percent(part.seconds, total)} of the time", 11, fill=MUTED)
    sums = (f"{1e3 * part.seconds:.3f}", _percent(part.limit, part.seconds))
    ends = (NUMBERS[0], NUMBERS[-1])
    numbers = "".join(
        text(x, 16, word, 11, text_anchor="end", font_weight=600)
        for x, word in zip(ends, sums, strict=True)
    )
    column.add(line + name + share + numbers, 22, gap=2)
    before = None
    for row in part.rows:
        scope = "" if row.scope == before else row.scope or "–"
        column.add(_row(row, scope) + _measures(row, total, longest), ROW, gap=0)
        before = row.scope
    for row in part.rest:
        plural = f"{row.family} calls" if row.family in ("oneDNN", "NumPy") else f"{row.family}s"
        other = "other " * bool(part.rows)
        words = f"{row.count:,} {other}{plural if row.count != 1 else plural[:-1]}"
        name = text(TITLE, 11, words, 11, fill=MUTED)
        column.add(name + _measures(row, total, longest), ROW, gap=0)
    column.y += 8


def _row(row: Row, scope: str) -> str:
    marks = [text(0, 11, shorten(scope, 17), 11, fill=MUTED),
             text(TITLE, 11, shorten(row.title, 21), 11)]  # fmt: skip
    if row.count != 1:
        marks += _right([(BAR - 8, f"×{row.count}")])
    kind = row.kind.removeprefix(f"{row.family}: ")
    return "".join([*marks, text(KIND, 11, shorten(kind, 19), 10, fill=MUTED)])


def _measures(row: Row, total: float, longest: float) -> str:
    """The bar of a row, and its numbers."""
    width = (KIND - BAR - 12) * row.seconds / longest if longest else 0.0
    colour = FAMILIES.get(row.family, MUTED)
    per = row.seconds or float("inf")
    words = (
        f"{1e3 * row.seconds:.3f}",
        f"{row.flops / per / 1e9:.1f}" if row.flops else "",
        f"{row.nbytes / per / 1e9:.1f}",
    )
    loses = row.seconds - row.limit > LOSS * total
    return "".join(
        [
            rectangle(BAR, 1, width, 11, rx=1, fill=colour, fill_opacity=PALE),
            rectangle(BAR, 1, width * min(1.0, row.fraction), 11, rx=1, fill=colour),
            *_right(zip(NUMBERS, words, strict=False), TEXT),
            *_right([(NUMBERS[-1], _percent(row.limit, row.seconds))], VAL if loses else TEXT,
                    font_weight=600 if loses else None),
        ]
    )  # fmt: skip
