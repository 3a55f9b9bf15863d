"""What a run has measured: columns that only grow, safe to read while training goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

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


MARKED = frozenset(("edit", "branch"))
"""Kinds of events that are marked on the curves."""


def marked_step(kind: str, text: str) -> int | None:
    """The step at which an event is marked on the curves, as ``History.mark`` has taken it down;
    None for other events."""
    found = re.match(r"step (\d+): ", text) if kind in MARKED else None
    return int(found[1]) if found else None


class Gradients:
    """Norms by layer over the steps at which they were sampled.

    Attributes:
        layers: names of the parameters, in the model's order.
        frozen: those that are not trained now, because the run was told so.
    """

    def __init__(self) -> None:
        self.layers: list[str] = []
        self.frozen: set[str] = set()
        self._lock = threading.Lock()
        self._rows: Rows | None = None

    def append(
        self,
        layers: Sequence[str],
        step: int,
        norms: Sequence[float],
        weights: Sequence[float],
        updates: Sequence[float],
    ) -> None:
        """Add one sample: for each layer the norm of its gradient, its weights, its update."""
        with self._lock:
            if self._rows is None:
                self.layers = list(layers)
                self._rows = Rows(1 + 3 * len(self.layers))
            self._rows.append(np.concatenate(([step], norms, weights, updates)))

    def extend(self, layers: Sequence[str], table: np.ndarray) -> None:
        """Add samples as ``table()`` gives them: (samples, 1 + 3 layers)."""
        with self._lock:
            self.layers = list(layers)
            if self._rows is None:
                self._rows = Rows(1 + 3 * len(self.layers))
            self._rows.extend(table)

    def truncate(self, step: float) -> None:
        """Forget the samples taken after ``step``."""
        with self._lock:
            if self._rows is not None:
                self._rows.truncate(step)

    def __len__(self) -> int:
        return 0 if self._rows is None else self._rows.count

    def table(self, start: int = 0) -> np.ndarray:
        """(samples, 1 + 3 layers) float64: step, gradient norms, weight norms, update norms."""
        with self._lock:
            if self._rows is None:
                return np.empty((0, 1))
            return self._rows.view(start)

    @property
    def steps(self) -> np.ndarray:
        """Steps at which the norms were taken: (samples,) float64."""
        return self.table()[:, 0]

    def _part(self, number: int) -> np.ndarray:
        n = len(self.layers)
        return self.table()[:, 1 + number * n : 1 + (number + 1) * n].astype(np.float32)

    @property
    def norms(self) -> np.ndarray:
        """Norm of each layer's gradient: (samples, layers) float32."""
        return self._part(0)

    @property
    def weights(self) -> np.ndarray:
        """Norm of each layer's weights: (samples, layers) float32."""
        return self._part(1)

    @property
    def updates(self) -> np.ndarray:
        """Norm of each layer's change in that step: (samples, layers) float32."""
        return self._part(2)


class History:
    """Named series of numbers over steps, norms by layer, and what happened when.

    Names are ``"loss"``, ``"accuracy"``, ``"val_loss"``, ``"lr"``, ``"throughput"`` and whatever
    is logged. Every method may be called from any thread.

    Attributes:
        gradients: norms by layer.
        events: (unix time, kind, text), in order; kinds are 'note', 'warning', 'status',
            'control' and 'error'.
    """

    def __init__(self) -> None:
        self.gradients = Gradients()
        self.events: list[tuple[float, str, str]] = []
        self._lock = threading.Lock()
        self._series: dict[str, Rows] = {}

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point at ``step`` to each series named in ``values``."""
        with self._lock:
            for name, value in values.items():
                rows = self._series.get(name)
                if rows is None:
                    rows = self._series[name] = Rows(2)
                rows.append((step, value))

    def extend(self, name: str, rows: np.ndarray) -> None:
        """Add points (n, 2), steps and values, to a series."""
        with self._lock:
            self._series.setdefault(name, Rows(2)).extend(rows)

    def truncate(self, step: float) -> None:
        """Forget all points after ``step``, and the series that have no others."""
        with self._lock:
            for rows in self._series.values():
                rows.truncate(step)
            self._series = {name: rows for name, rows in self._series.items() if rows.count}
        self.gradients.truncate(step)

    def note(self, kind: str, text: str) -> None:
        """Add an event, now."""
        self.events.append((time.time(), kind, text))

    def mark(self, kind: str, step: int, text: str) -> None:
        """Add an event that is marked on the curves at a step: kind 'edit' or 'branch'."""
        self.note(kind, f"step {step}: {text}")

    def names(self) -> list[str]:
        """The series, in the order in which they began."""
        with self._lock:
            return list(self._series)

    def since(self, name: str, start: int) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of a series from its point number ``start`` on: float64, read-only."""
        with self._lock:
            rows = self._series.get(name)
            view = np.empty((0, 2)) if rows is None else rows.view(start)
        return view[:, 0], view[:, 1]

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of a series; empty if nothing has that name."""
        return self.since(name, 0)

    def count(self, name: str) -> int:
        """Points of a series."""
        rows = self._series.get(name)
        return 0 if rows is None else rows.count

    def counts(self) -> dict[str, Any]:
        """How many points each series has, and how many samples of norms and events there are."""
        with self._lock:
            series = {name: rows.count for name, rows in self._series.items()}
        return {"series": series, "gradients": len(self.gradients), "events": len(self.events)}

    def last(self, name: str, default: float | None = None) -> float | None:
        """The newest value of a series, or ``default``."""
        with self._lock:
            rows = self._series.get(name)
            return float(rows.view(rows.count - 1)[0, 1]) if rows else default

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of a series: (n,) float64. Raises KeyError for an unknown name."""
        if name not in self._series:
            raise KeyError(f"{name!r}: this history has {', '.join(self.names()) or 'no series'}")
        return self.series(name)[1]

    def __contains__(self, name: object) -> bool:
        return name in self._series

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} ({self.count(name)})" for name in self.names())
        return f"History({parts})"
