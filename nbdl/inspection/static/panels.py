"""The picture of a tensor's part: panels side by side, a cell for each number or block."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nbdl.inspection.arrays import DOWN, MASKED, NAN, NUMBER, UP
from nbdl.inspection.labels import COLOURED
from nbdl.inspection.layout.words import text_width
from nbdl.inspection.static import formats
from nbdl.inspection.static.heat import data_url
from nbdl.inspection.static.scales import diverging, viridis
from nbdl.inspection.static.svg import (
    FAINT,
    LINE,
    LINES,
    MUTED,
    TEXT,
    element,
    rectangle,
    shorten,
    text,
)
from nbdl.inspection.tensor_records import TensorAxis, TensorRecord

# What a cell that is no number looks like; the same stand in js/lib/color.ts.
SIGNS = {NAN: ("#d1006c", "×"), UP: (TEXT, "+"), DOWN: (TEXT, "−"), MASKED: (LINE, "")}

GAP = 10
HEAD = 16
LARGEST = (54.0, 24.0)
"""Pixels of a cell at most: wide, high."""

FIT = 36
"""Pixels of a cell in which a number can be written."""

MOST_TEXTS = 300


@dataclass(frozen=True)
class Grid:
    """Panels in a grid: how many side by side, and the size of their cells in pixels."""

    across: int
    width: float
    height: float
    head: float

    @classmethod
    def fit(
        cls, shape: tuple[int, int, int], width: float, height: float, square: bool,
        head: float = HEAD,
    ) -> Grid:
        """The grid with the largest cells.  shape: panels, rows, columns."""
        panels, rows, columns = shape
        head = head if panels > 1 else 0
        best = cls(1, 0.0, 0.0, head)
        for across in range(1, panels + 1):
            down = math.ceil(panels / across)
            w = (width - GAP * (across - 1)) / (across * columns)
            h = (height - (GAP + head) * down) / (down * rows)
            w, h = min(w, LARGEST[0]), min(h, LARGEST[1])
            if square:
                w = h = min(w, h)
            elif rows > 1:
                w, h = min(w, 3 * h), min(h, 3 * w)
            if w * h >= best.width * best.height * 0.999:
                best = cls(across, w, h, head)
        return best

    def place(self, panel: int, rows: int, columns: int) -> tuple[float, float]:
        """The left upper corner of a panel's cells."""
        x = (panel % self.across) * (columns * self.width + GAP)
        y = (panel // self.across) * (rows * self.height + GAP + self.head) + self.head
        return x, y


def colours(record: TensorRecord) -> np.ndarray:
    """(panels, rows, columns, 3) uint8."""
    if record.mode == "image":
        pixels = np.array(record.image)
    else:
        span = record.high - record.low
        with np.errstate(over="ignore", invalid="ignore"):
            shares = (record.cells / 2 - record.low / 2) / (span / 2 if math.isfinite(span) else
                      record.high / 2 - record.low / 2)  # fmt: skip
        pixels = diverging(shares) if record.palette == "diverging" else viridis(shares)
    if record.marks.size:
        for mark, (colour, _) in SIGNS.items():
            pixels[record.marks == mark] = tuple(bytes.fromhex(colour[1:]))
    return pixels


def panels(
    record: TensorRecord, width: float, height: float, head: float = HEAD
) -> tuple[str, float]:
    """The picture's markup at (0, 0), and how high it is; head: pixels for a panel's name."""
    pixels = colours(record)
    shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
    grid = Grid.fit(shape, width, height, record.square, head)
    count, rows, columns = shape
    marks = []
    names = panel_names(record)
    for panel in range(count):
        x, y = grid.place(panel, rows, columns)
        size = {"width": columns * grid.width, "height": rows * grid.height}
        if grid.head:
            marks.append(text(x, y - 4, names[panel], 10, fill=MUTED))
        marks.append(
            element("image", x=x, y=y, **size, preserveAspectRatio="none",
                    image_rendering="optimizeSpeed", style="image-rendering:pixelated",
                    href=data_url(pixels[panel]))
        )  # fmt: skip
        marks.append(rectangle(x, y, **size, fill="none", stroke=LINE))
    if record.mode != "image" and count * rows * columns <= MOST_TEXTS:
        marks += _words(record, pixels, grid)
    _, y = grid.place(count - 1, rows, columns)
    return "".join(marks), y + rows * grid.height


def panel_names(record: TensorRecord) -> list[str]:
    """What stands above each panel: 'head 0'."""
    axis = axis_of(record, "panels")
    if axis is None:
        return [""]
    return [f"{axis.name} {place}" for place in range(axis.start, axis.stop)]


def axis_of(record: TensorRecord, role: str) -> TensorAxis | None:
    """The axis that has this role in the picture."""
    return next((axis for axis in record.axes if axis.role == role), None)


def _words(record: TensorRecord, pixels: np.ndarray, grid: Grid) -> list[str]:
    """The numbers themselves, where cells are large enough, and signs on what is none."""
    _, rows, columns = record.cells.shape
    written = grid.width >= FIT and grid.height >= 12
    digits = 3 if grid.width > 46 else 2
    marks = []
    for (panel, row, column), value in np.ndenumerate(record.cells):
        mark = int(record.marks[panel, row, column]) if record.marks.size else NUMBER
        said = SIGNS[mark][1] if mark != NUMBER else formats.value(float(value), digits)
        if not said or (mark == NUMBER and not written) or grid.width < 8:
            continue
        left, top = grid.place(panel, rows, columns)
        x = left + (column + 0.5) * grid.width
        y = top + (row + 0.5) * grid.height + 3.6
        dark = pixels[panel, row, column] @ (0.299, 0.587, 0.114) < 140
        marks.append(
            text(x, y, said, 10, text_anchor="middle", fill="#ffffff" if dark else TEXT)
        )
    return marks


def scatter(record: TensorRecord, width: float, height: float) -> str:
    """The points of a projection, their corner at (0, 0)."""
    points = record.points.astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    scale = min((width - 16) / span[0], (height - 16) / span[1])
    centre = (low + high) / 2
    marks = [rectangle(0, 0, width, height, rx=4, fill="none", stroke=LINE)]
    codes = record.codes if record.classes else np.zeros(len(points), int)
    for (x, y), code in zip((points - centre) * scale, codes.tolist(), strict=True):
        marks.append(_dot(round(width / 2 + x, 1), round(height / 2 - y, 1), code))
    return "".join(marks)


def _dot(x: float, y: float, code: int) -> str:
    """A point: six colours, as discs, rings and squares; grey without a class of its own."""
    if not 0 <= code < COLOURED:
        return element("circle", cx=x, cy=y, r=1.8, fill=FAINT)
    colour, shape = LINES[code % len(LINES)], code // len(LINES)
    if shape == 1:
        return element("circle", cx=x, cy=y, r=2.2, fill="none", stroke=colour, stroke_width=1.2)
    if shape == 2:
        return rectangle(x - 2.2, y - 2.2, 4.4, 4.4, fill=colour, fill_opacity=0.7)
    return element("circle", cx=x, cy=y, r=2.2, fill=colour, fill_opacity=0.55)


def classes_key(record: TensorRecord, width: float) -> tuple[str, float]:
    """Which class looks how, in lines from (0, 0), and how tall they are."""
    named = [(code, shorten(name, 24)) for code, name in enumerate(record.classes[:COLOURED])]
    others = len(record.classes) - len(named)
    if others > 0:
        named.append((COLOURED, f"{others:,} others"))
    if (record.codes < 0).any():
        named.append((-1, "without a label"))
    marks, x, y = [], 0.0, 8.0
    for code, words in named:
        wide = 24 + text_width(words, 11)
        if x > 0 and x + wide > width:
            x, y = 0.0, y + 16
        marks += [_dot(x + 4, y - 4, code), text(x + 12, y, words, 11)]
        x += wide
    return "".join(marks), (y + 8 if named else 0.0)


def histogram(record: TensorRecord, width: float, height: float) -> str:
    """Counts as bars in the colours of the picture, with the ends of the range below."""
    stats = record.stats
    if stats is None or not stats.histogram.size or not stats.histogram.max() > 0:
        return ""
    counts = stats.histogram.astype(np.float64)
    centres = stats.low + (np.arange(len(counts)) + 0.5) / len(counts) * (stats.high - stats.low)
    fills = _fills(record, centres)
    step = width / len(counts)
    marks = []
    for place, count in enumerate(counts):
        tall = max(1.0, height * count / counts.max()) if count else 0
        fill = "#" + bytes(fills[place]).hex()
        x, y, wide = round(place * step, 1), round(height - tall, 1), round(step - 0.6, 1)
        marks.append(rectangle(x, y, wide, round(tall, 1), fill=fill))
    marks.append(element("line", x1=0, x2=width, y1=height + 0.5, y2=height + 0.5, stroke=FAINT))
    marks.append(text(0, height + 13, formats.value(stats.low, 3), 10, fill=MUTED))
    marks.append(text(width, height + 13, formats.value(stats.high, 3), 10, fill=MUTED,
                      text_anchor="end"))  # fmt: skip
    return "".join(marks)


def _fills(record: TensorRecord, values: np.ndarray) -> np.ndarray:
    if record.palette == "image" or record.mode not in ("values",):
        return np.broadcast_to(np.array([0x1F, 0x66, 0xD1], np.uint8), (len(values), 3))
    shares = (values - record.low) / ((record.high - record.low) or 1.0)
    found = diverging(shares) if record.palette == "diverging" else viridis(shares)
    # Bars near zero would be as white as the paper.
    pale = found.min(axis=-1) > 205
    found[pale] = (205, 205, 208)
    return found
