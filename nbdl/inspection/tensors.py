"""A tensor as a record: its numbers in words, and the part of it that is looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.inspection import projection
from nbdl.inspection.arrays import EXACT, MASKED, NUMBER, PARTS, WORK, Numbers, blocks, numbers_of
from nbdl.inspection.axes import Layout, layout_of
from nbdl.inspection.labels import labels_of
from nbdl.inspection.records import TensorStats
from nbdl.inspection.static import formats
from nbdl.inspection.statistics import numbers_stats
from nbdl.inspection.tensor_records import TensorAxis, TensorRecord

CELLS = 24_000
"""Cells of a picture at most: about 200 kB a message."""

LONGEST = 400
"""Cells of a picture's side at most."""

PANELS = 32
INSIDE = 6
"""Of a block in a large part so many rows and columns are read."""


@dataclass(frozen=True)
class Look:
    """Which part of a tensor is looked at, and how; fields that are None are chosen for you.

    Attributes:
        mode: values, image, pca, tsne or umap.
        part: of complex numbers abs, angle, real or imag.
        rows, columns, panels: axes; -1 for none.
        index: for each axis the place that is shown of it, where it is not seen as a whole; of
            the panels the first.
        window: the rows and columns that are seen, (row, end, column, end).
    """

    mode: str | None = None
    part: str | None = None
    rows: int | None = None
    columns: int | None = None
    panels: int | None = None
    index: tuple[int, ...] = ()
    window: tuple[int, int, int, int] | None = None

    @classmethod
    def said(cls, said: Any) -> Look:
        """What a page asks for; what makes no sense in it is left out."""
        said = said if isinstance(said, dict) else {}
        words = {name: said[name] for name in ("mode", "part") if isinstance(said.get(name), str)}
        roles = ("rows", "columns", "panels")
        axes = {name: said[name] for name in roles if _whole(said.get(name))}
        window = said.get("window")
        fits = isinstance(window, list) and len(window) == 4 and all(map(_whole, window))
        index = said.get("index")
        places = index if isinstance(index, list) and all(map(_whole, index)) else []
        return cls(**words, **axes, index=tuple(places), window=tuple(window) if fits else None)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


@dataclass
class Seen:
    """A tensor that is looked at: what stays the same from one look to the next.

    Args:
        thing: a Tensor or a NumPy array.
        title: what it is called.
        names: of its axes, where they are known.
        labels: of the rows of a table: see ``labels_of``. It is shown as a projection then.
        notes: said of it besides.
        most: elements that statistics are made of at most.
        cells, panels: how many of them a picture has at most.

    Raises ArgumentError for what holds no numbers, and for names that do not fit.
    """

    thing: Any
    title: str = ""
    names: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    most: int = EXACT
    cells: int = CELLS
    panels: int = PANELS
    labels: Any = None
    _stats: dict[str, tuple[TensorStats | None, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = numbers_of(self.thing)
        self.layout = layout_of(self.thing, self.numbers, self.names)
        self._labels = None if self.labels is None else labels_of(self.labels, self.numbers.shape)
        self._last: tuple[Look, TensorRecord] | None = None

    def record(self, look: Look | None = None) -> TensorRecord:
        """What is seen at a look."""
        look = look or Look()
        if self._last is None or self._last[0] != look:
            self._last = look, self._record(look)
        return self._last[1]

    def _record(self, look: Look) -> TensorRecord:
        numbers = self.numbers
        part = (look.part if look.part in PARTS else "abs") if numbers.is_complex else ""
        assert part is not None
        if part not in self._stats:
            self._stats[part] = numbers.stats(part, self.most)
        stats, counted = self._stats[part]
        notes = self.notes
        if stats is not None and counted < numbers.size:
            notes += (f"statistics of an even sample of {counted:,} of {numbers.size:,} elements",)
        if stats is None:
            notes += ("no elements",)
        whole = TensorRecord(
            self.title, numbers.kind, numbers.dtype, numbers.device, numbers.shape, numbers.size,
            numbers.nbytes, stats, self._facts(), notes, part=part, modes=self.modes(),
        )  # fmt: skip
        usual = "pca" if self._labels and "pca" in whole.modes else self.layout.mode
        mode = look.mode if look.mode in whole.modes else usual
        if numbers.size == 0:
            return whole
        if mode in projection.METHODS:
            return self._projected(whole, mode)
        seen = self._seen(look, mode)
        axes = self._axes(seen, look)
        picture = self._image if mode == "image" else self._values
        return picture(whole, seen, axes)

    def modes(self) -> tuple[str, ...]:
        """The ways in which it can be seen."""
        image = ("image",) if self.layout.mode == "image" else ()
        plots = projection.methods() if projection.fits(self.numbers) else ()
        return (*image, "values", *plots)

    def _facts(self) -> tuple[tuple[str, str], ...]:
        numbers = self.numbers
        facts: list[tuple[str, str]] = []
        if self.layout.kind:
            facts.append(("looks like", self.layout.kind))
        if numbers.requires_grad:
            history = isinstance(self.thing, Tensor) and not self.thing.is_leaf
            facts.append(("gradient", "recorded" if history else "required"))
        if not numbers.value.flags.c_contiguous and numbers.size > 1:
            facts.append(("memory", "a view" if numbers.value.strides else "not contiguous"))
        return tuple(facts)

    # ----- which part ---------------------------------------------------------------------

    def _seen(self, look: Look, mode: str) -> Layout:
        """The layout with the axes that were asked for, where they fit."""
        layout, ndim = self.layout, len(self.numbers.shape)
        if mode == "image":
            return layout
        layout = replace(layout, channel=-1)
        if layout.mode == "image":  # the same array as numbers: its colours are panels
            layout = replace(layout, panels=self.layout.channel)
        asked = [layout.rows if look.rows is None else look.rows,
                 layout.columns if look.columns is None else look.columns,
                 layout.panels if look.panels is None else look.panels]  # fmt: skip
        real = [axis for axis in asked if axis != -1]
        if len(set(real)) < len(real) or not all(0 <= axis < ndim for axis in real):
            return layout
        return replace(layout, rows=asked[0], columns=asked[1], panels=asked[2])

    def _projected(self, whole: TensorRecord, mode: str) -> TensorRecord:
        try:
            found = projection.project(self.numbers, mode, whole.part)
        except ArgumentError as error:
            return replace(whole, notes=(*whole.notes, error.message))
        if self._labels is not None:
            codes = self._labels.codes[found.rows]
            whole = replace(whole, classes=self._labels.names, codes=codes)
        return replace(
            whole, mode=mode, points=found.points, rows=found.rows,
            notes=(*whole.notes, found.note), axes=_still(self.layout, self.numbers),
        )  # fmt: skip

    def _image(
        self, whole: TensorRecord, layout: Layout, axes: tuple[TensorAxis, ...]
    ) -> TensorRecord:
        colours = self.numbers.shape[layout.channel]
        planes, marks = zip(*(
            blocks(self.numbers, *_cut(axes, layout, at), whole.part) for at in range(colours)
        ), strict=True)  # fmt: skip
        pixels, low, high = _pixels(np.stack(planes, axis=-1), self.numbers, whole.stats)
        return replace(
            whole, mode="image", axes=axes, image=pixels, cells=planes[0] if colours == 1 else
            np.stack(planes, -1).mean(-1), marks=_marks(np.maximum.reduce(marks)),
            low=low, high=high, square=True, palette="image",
        )  # fmt: skip

    def _values(
        self, whole: TensorRecord, layout: Layout, axes: tuple[TensorAxis, ...]
    ) -> TensorRecord:
        cells, marks = blocks(self.numbers, *_cut(axes, layout), whole.part)
        shared = any(axis.every > 1 for axis in axes)
        # Means of blocks lie closer to each other than the numbers: colours are theirs then.
        stats = numbers_stats(cells.reshape(-1)) if shared else whole.stats
        palette, low, high = colour_range(stats)
        return replace(
            whole, axes=axes, cells=cells, marks=_marks(marks), palette=palette, low=low,
            high=high, square=layout.kind in ("filters", "attention"),
        )  # fmt: skip

    def _axes(self, layout: Layout, look: Look) -> tuple[TensorAxis, ...]:
        """For each axis its part in the picture, small enough for one message."""
        window = look.window or (0, 2**53, 0, 2**53)
        found = []
        for axis, size in enumerate(self.numbers.shape):
            at = look.index[axis] if axis < len(look.index) else 0
            at = min(max(at, 0), size - 1)
            role, start, stop = "index", at, at + 1
            if axis == layout.rows:
                role, (start, stop) = "rows", _within(window[0], window[1], size)
            elif axis == layout.columns:
                role, (start, stop) = "columns", _within(window[2], window[3], size)
            elif axis == layout.panels:
                at = min(at, max(0, size - self.panels))
                role, start, stop = "panels", at, min(size, at + self.panels)
            elif axis == layout.channel:
                role, start, stop = "colour", 0, size
            found.append(TensorAxis(layout.names[axis], size, role, start, stop))
        return _coarse(tuple(found), self.cells)


def _marks(marks: np.ndarray) -> np.ndarray:
    """Nothing where all are numbers: most messages are then a ninth smaller."""
    return marks if (marks != NUMBER).any() else np.zeros((0,), np.uint8)


def colour_range(stats: TensorStats | None) -> tuple[str, float, float]:
    """The palette and its ends: around 0 as soon as there are numbers on both sides."""
    if stats is None or not math.isfinite(stats.low):
        return "diverging", -1.0, 1.0
    if stats.low < 0:
        end = max(abs(stats.low), abs(stats.high)) or 1.0
        return "diverging", -end, end
    low = 0.0 if stats.low <= stats.high / 2 else stats.low
    wide = stats.high - low > 1e-6 * stats.high  # differences by rounding are no picture
    return "sequential", low, stats.high if wide else low + 1.0


def _pixels(
    planes: np.ndarray, numbers: Numbers, stats: TensorStats | None
) -> tuple[np.ndarray, float, float]:
    """Colours as bytes; whole numbers and 0..1 are taken as they are, others from end to end."""
    low, high = (0.0, 1.0) if stats is None else (stats.low, stats.high)
    if numbers.value.dtype.kind in "iu" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    if not math.isfinite(low) or not high > low:
        low, high = 0.0, 1.0
    shares = np.clip((planes - low) / (high - low), 0, 1)
    pixels = np.round(255 * shares).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3)), low, high


def _still(layout: Layout, numbers: Numbers) -> tuple[TensorAxis, ...]:
    return tuple(
        TensorAxis(name, size, "index", 0, size)
        for name, size in zip(layout.names, numbers.shape, strict=True)
    )


def _within(start: int, stop: int, size: int) -> tuple[int, int]:
    start = min(max(start, 0), size - 1)
    return start, min(max(stop, start + 1), size)


def _coarse(axes: tuple[TensorAxis, ...], cells: int) -> tuple[TensorAxis, ...]:
    """With as many neighbours to a cell as it takes to stay within the limits."""
    lengths = {axis.role: axis.stop - axis.start for axis in axes}
    room = cells / lengths.get("panels", 1) / lengths.get("colour", 1)
    rows, columns = lengths.get("rows", 1), lengths.get("columns", 1)
    side = math.sqrt(room)
    tall = max(1, min(LONGEST, rows, max(side, room / columns)))
    wide = max(1, min(LONGEST, columns, room / tall))
    every = {"rows": math.ceil(rows / int(tall)), "columns": math.ceil(columns / int(wide))}
    return tuple(replace(axis, every=every.get(axis.role, 1)) for axis in axes)


def _skips(axes: tuple[TensorAxis, ...]) -> dict[str, int]:
    """Of rows and columns: the distance between the elements that are read."""
    read = math.prod(axis.stop - axis.start for axis in axes if axis.role != "colour")
    if read <= WORK:
        return {}
    return {
        axis.role: max(skip for skip in range(1, max(1, axis.every // INSIDE) + 1)
                       if axis.every % skip == 0)
        for axis in axes
    }  # fmt: skip


def _cut(
    axes: tuple[TensorAxis, ...], layout: Layout, channel: int = 0
) -> tuple[tuple[Any, ...], tuple[int, ...], tuple[int, int]]:
    """The index of what is read, the axes that it leaves, and how many share a cell."""
    skips = _skips(axes)
    index: list[Any] = []
    for axis in axes:
        if axis.role == "index":
            index.append(axis.start)
        elif axis.role == "colour":
            index.append(channel)
        else:
            index.append(slice(axis.start, axis.stop, skips.get(axis.role, 1)))
    every = {axis.role: axis.every // skips.get(axis.role, 1) for axis in axes}
    order = tuple(axis for axis in (layout.panels, layout.rows, layout.columns) if axis >= 0)
    return tuple(index), order, (every.get("rows", 1), every.get("columns", 1))


def is_sampled(record: TensorRecord) -> bool:
    """Whether the picture's cells are means of samples, not of all their elements."""
    return bool(_skips(record.axes))


def shape_text(shape: Sequence[int]) -> str:
    """Sizes as a person writes them: '64×3×32×32', 'scalar'."""
    return "×".join(map(str, shape)) or "scalar"


def facts_of(record: TensorRecord) -> list[tuple[str, str]]:
    """The statistics in words, in the order in which every view says them."""
    stats = record.stats
    facts: list[tuple[str, str]] = []
    if stats is not None:
        facts = [(name, formats.value(value)) for name, value in (
            ("min", stats.low), ("max", stats.high), ("mean", stats.mean), ("std", stats.std),
        )]  # fmt: skip
        facts.append(("zeros", f"{formats.value(100 * stats.zeros, 3)} %"))
        facts.append(("NaN", f"{stats.nans:,}"))
        facts.append(("Inf", f"{stats.infinities:,}"))
        masked = int((record.marks == MASKED).sum())
        facts += [("masked", f"{masked:,} seen")] if masked else []
    return facts
