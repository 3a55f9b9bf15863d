"""A table in memory that only grows, and of which readers may hold a part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Rows:
    """A growing array of rows: (n, width). Not locked: its owner does that."""

    __slots__ = ("_data", "count")

    def __init__(self, width: int, dtype: np.dtype | type = np.float64) -> None:
        self._data = np.empty((64, width), dtype)
        self.count = 0

    def append(self, row: Sequence[float] | np.ndarray) -> None:
        """Add one row; now and then this copies all rows to twice the room."""
        if self.count == len(self._data):
            data = np.empty((2 * self.count, self._data.shape[1]), self._data.dtype)
            data[: self.count] = self._data
            self._data = data  # views of the old array stay as they are
        self._data[self.count] = row
        self.count += 1

    def extend(self, rows: np.ndarray) -> None:
        """Add many rows (n, width) at once."""
        data = np.concatenate((self._data[: self.count], rows))
        self.count = len(data)
        self._data = data if len(data) >= 64 else np.resize(data, (64, data.shape[1]))

    def truncate(self, step: float) -> None:
        """Forget the rows whose first number, the step, is greater; views stay as they are."""
        kept = self._data[: self.count]
        kept = kept[kept[:, 0] <= step]
        self._data, self.count = np.empty((64, kept.shape[1]), kept.dtype), 0
        self.extend(kept)

    def view(self, start: int = 0) -> np.ndarray:
        """Rows from ``start`` on, without a copy, read-only; later rows do not change it."""
        rows = self._data[start : self.count]
        rows.flags.writeable = False
        return rows
