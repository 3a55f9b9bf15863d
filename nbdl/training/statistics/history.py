"""What a run has measured: columns that only grow, safe to read while training goes on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from nbdl.training.statistics.by_layer import Activations, Gradients
from nbdl.training.statistics.histograms import Histograms
from nbdl.training.statistics.rows import Rows

MARKED = frozenset(("edit", "branch"))
"""Kinds of events that are marked on the curves."""


def marked(kind: str, step: int, text: str) -> tuple[str, str]:
    """(kind, text) of an event that is marked on the curves at a step."""
    return kind, f"step {step}: {text}"


def marked_step(kind: str, text: str) -> int | None:
    """The step at which an event is marked on the curves, as ``marked`` says it;
    None for other events."""
    found = re.match(r"step (\d+): ", text) if kind in MARKED else None
    return int(found[1]) if found else None


class History:
    """Named series of numbers over steps, norms by layer, and what happened when.

    Names are ``"loss"``, ``"accuracy"``, ``"val_loss"``, ``"lr"``, ``"throughput"`` and whatever
    is logged. Every method may be called from any thread.

    Attributes:
        gradients: norms by layer; activations: what layers put out; histograms: of both.
        events: (unix time, kind, text), in order; kinds are 'note', 'warning', 'status',
            'control' and 'error'.
    """

    def __init__(self) -> None:
        self.gradients, self.activations = Gradients(), Activations()
        self.histograms = Histograms()
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
        for table in self.tables().values():
            table.truncate(step)

    def tables(self) -> dict[str, Gradients | Activations | Histograms]:
        """What was sampled of the layers, by the names that the run store has for it."""
        return {
            "gradients": self.gradients,
            "activations by layer": self.activations,
            "histograms by layer": self.histograms,
        }

    def note(self, kind: str, text: str) -> None:
        """Add an event, now."""
        self.events.append((time.time(), kind, text))

    def mark(self, kind: str, step: int, text: str) -> None:
        """Add an event that is marked on the curves at a step: kind 'edit' or 'branch'."""
        self.note(*marked(kind, step, text))

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
        tables = {name: len(table) for name, table in self.tables().items()}
        return {"series": series, **tables, "events": len(self.events)}

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
