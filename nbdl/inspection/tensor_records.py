"""What the tensor viewer is told: the numbers of one tensor, and the part that is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nbdl.inspection.records import Float32s, Float64s, Int32s, Record, TensorStats, Uint8s

_table32 = partial(np.zeros, (0, 0), "float32")
_cube64 = partial(np.zeros, (0, 0, 0), "float64")
_row32i = partial(np.zeros, (0,), "int32")
_bytes = partial(np.zeros, (0,), "uint8")


@dataclass(frozen=True)
class TensorAxis(Record):
    """One axis of a tensor, and its place in the picture."""

    name: str  # 'N', 'height', 'axis 0'
    size: int
    role: str  # rows, columns, panels; index: one place of it is shown
    start: int  # the first place shown
    stop: int  # the end of what is shown
    every: int = 1  # so many neighbours share a cell


@dataclass(frozen=True)
class TensorRecord(Record):
    """A tensor's numbers in words, and the part of it that is looked at as a picture."""

    title: str
    kind: str  # Tensor, Parameter, ndarray
    dtype: str
    device: str
    shape: tuple[int, ...]
    size: int
    nbytes: int
    stats: TensorStats | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    mode: str = "values"  # values, image, or a projection: pca, tsne, umap
    modes: tuple[str, ...] = ("values",)
    part: str = ""  # of complex numbers: abs, angle, real, imag
    axes: tuple[TensorAxis, ...] = ()
    palette: str = "diverging"  # diverging: low = -high; sequential
    low: float = 0.0  # the ends of the colours
    high: float = 0.0
    square: bool = False  # cells are squares: pixels, filters
    cells: Float64s = field(default_factory=_cube64)  # (panels, rows, columns), means of blocks
    marks: Uint8s = field(default_factory=_bytes)  # as cells: 0 number, 1 NaN, 2 ∞, 3 −∞, 4 masked
    image: Uint8s = field(default_factory=_bytes)  # (panels, rows, columns, 3)
    points: Float32s = field(default_factory=_table32)  # (points, 2) of a projection
    rows: Int32s = field(default_factory=_row32i)  # (points,) which row each point is
    classes: tuple[str, ...] = ()  # labels of rows; of many the largest first
    codes: Int32s = field(default_factory=_row32i)  # (points,) which of them each has; -1: none
