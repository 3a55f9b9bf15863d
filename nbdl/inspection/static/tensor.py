"""A tensor as a picture: whole, as the twin of the viewer; and small, for the end of a cell."""

from __future__ import annotations

from nbdl.inspection.arrays import NAN
from nbdl.inspection.static import formats
from nbdl.inspection.static.panels import SIGNS, axis_of, classes_key, histogram, panels, scatter
from nbdl.inspection.static.svg import (
    MARGIN,
    MUTED,
    WIDTH,
    element,
    picture,
    shorten,
    text,
    wrap,
)
from nbdl.inspection.tensor_records import TensorRecord
from nbdl.inspection.tensors import facts_of, is_sampled, shape_text

SIDE = 196
"""Width of the column of numbers."""

HIGH = 380
SMALL = (220, 92)
"""Room of the picture in the small form."""


def tensor_svg(record: TensorRecord) -> str:
    """The twin of the viewer."""
    room = WIDTH - 2 * MARGIN - SIDE - 24
    top = MARGIN + 40
    if record.mode in ("values", "image"):
        marks, high = panels(record, room, HIGH) if record.cells.size else _nothing(record)
    else:
        key, tall = classes_key(record, room) if record.classes else ("", 0.0)
        under = element("g", key, transform=f"translate(0 {HIGH + 12})") if key else ""
        marks, high = scatter(record, room, HIGH) + under, HIGH + tall
    notes = [line for note in where(record) for line in wrap(note, 84)]
    body = [
        _head(record),
        element("g", marks, transform=f"translate({MARGIN} {top})"),
        element("g", _column(record), transform=f"translate({WIDTH - MARGIN - SIDE} {top})"),
        *(text(MARGIN, top + high + 22 + 16 * place, line, 11, fill=MUTED)
          for place, line in enumerate(notes)),
    ]  # fmt: skip
    height = max(top + high + 16 * len(notes) + 14, top + 262) + MARGIN
    return picture(height, *body, title=f"{record.title or record.kind}: {described(record)}")


def _head(record: TensorRecord) -> str:
    title = shorten(record.title or record.kind, 48)
    words = f"{record.kind if record.title else ''}  {described(record)}".strip()
    return text(MARGIN, MARGIN + 12, title, 15, font_weight=600) + text(
        WIDTH - MARGIN, MARGIN + 12, words, 12, fill=MUTED, text_anchor="end"
    )


def described(record: TensorRecord) -> str:
    """Type, shape, place and size in words."""
    parts = [f"{record.dtype}  {shape_text(record.shape)}", record.device,
             formats.nbytes(record.nbytes)]  # fmt: skip
    return " · ".join(parts)


def _nothing(record: TensorRecord) -> tuple[str, float]:
    return text(0, 16, f"no elements in {shape_text(record.shape)}", 12, fill=MUTED), 32


def _column(record: TensorRecord) -> str:
    marks = [histogram(record, SIDE, 64)]
    y = 96.0
    for name, value in [*facts_of(record), *record.facts]:
        marks.append(text(0, y, name, 12, fill=MUTED))
        marks.append(text(SIDE, y, value, 12, text_anchor="end"))
        y += 18
    return "".join(marks)


def where(record: TensorRecord) -> list[str]:
    """Which part of the tensor is seen, and other remarks."""
    parts = []
    for role in ("panels", "rows", "columns"):
        axis = axis_of(record, role)
        if axis is None:
            continue
        some = axis.stop - axis.start < axis.size
        seen = f" {axis.start}…{axis.stop - 1} of {axis.size}" if some else f" ({axis.size})"
        shared = f", {axis.every} to a cell" if axis.every > 1 else ""
        parts.append(f"{role}: {axis.name}{seen}{shared}")
    parts += [f"{axis.name} = {axis.start} of {axis.size}"
              for axis in record.axes if axis.role == "index" and record.cells.size]  # fmt: skip
    if is_sampled(record):
        parts.append("cells are means of samples")
    return [" · ".join(parts), *record.notes] if parts else list(record.notes)


def small_svg(record: TensorRecord) -> str:
    """The picture at the end of a cell: small enough for hundreds of them."""
    marks, high = panels(record, *SMALL, head=0) if record.cells.size else _nothing(record)
    left = SMALL[0] + 32
    facts = dict(facts_of(record))
    bad = [f"{name} {facts[name]}" for name in ("NaN", "Inf") if facts.get(name, "0") != "0"]
    about = [record.device, formats.nbytes(record.nbytes), *(v for _, v in record.facts[:1])]
    lines = [
        f"mean {facts['mean']} ± {facts['std']}",
        f"{facts['min']} … {facts['max']}",
        f"zeros {facts['zeros']}",
    ] if facts else []  # fmt: skip
    title = f"{record.kind} {record.dtype}  {shape_text(record.shape)}"
    words = [
        text(left, 22, title, 12, font_weight=600),
        text(left, 40, " · ".join(about), 11, fill=MUTED),
        *(text(left, 60 + 17 * place, line, 12) for place, line in enumerate(lines)),
        *(text(left + 100, 94, ", ".join(bad), 12, fill=SIGNS[NAN][0], font_weight=600)
          for _ in bad[:1]),
        element("g", histogram(record, 120, 48), transform=f"translate({left + 252} 34)"),
    ]  # fmt: skip
    body = element("g", marks, transform="translate(14 12)")
    return picture(max(110.0, high + 24), body, *words, title=title, width=left + 252 + 120 + 16)
