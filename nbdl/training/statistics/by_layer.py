"""Numbers by layer over the steps at which they were sampled: tables that only grow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nbdl.training.statistics.rows import Rows


class ByLayer:
    """Some measures of each layer, one row a sampled step. Safe to read while training goes on.

    Attributes:
        measures: names of what is measured.
        layers: names of what was measured, in the model's order.
    """

    measures: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.layers: list[str] = []
        self._lock = threading.Lock()
        self._rows: Rows | None = None

    def append(self, layers: Sequence[str], step: int, *values: Sequence[float]) -> None:
        """Add one sample: of each measure the numbers of all layers."""
        with self._lock:
            self._begin(layers)
            assert self._rows is not None
            self._rows.append(np.concatenate(([step], *values)))

    def extend(self, layers: Sequence[str], table: np.ndarray) -> None:
        """Add samples as ``table()`` gives them: (samples, 1 + measures × layers)."""
        with self._lock:
            self._begin(layers)
            assert self._rows is not None
            self._rows.extend(table)

    def _begin(self, layers: Sequence[str]) -> None:
        if self._rows is None:
            self.layers = list(layers)
            self._rows = Rows(1 + len(self.measures) * len(self.layers))

    def truncate(self, step: float) -> None:
        """Forget the samples taken after ``step``."""
        with self._lock:
            if self._rows is not None:
                self._rows.truncate(step)

    def __len__(self) -> int:
        return 0 if self._rows is None else self._rows.count

    def table(self, start: int = 0) -> np.ndarray:
        """(samples, 1 + measures × layers) float64: the step, then each measure of all layers."""
        with self._lock:
            if self._rows is None:
                return np.empty((0, 1))
            return self._rows.view(start)

    def columns(self) -> list[str]:
        """What stands in the columns of ``table()``, such as ``"grad/fc.weight"``."""
        names = (f"{measure}/{layer}" for measure in self.measures for layer in self.layers)
        return ["step", *names]

    def read(self, columns: Sequence[str], table: np.ndarray) -> None:
        """Take in what ``columns()`` and ``table()`` once gave."""
        count = (len(columns) - 1) // len(self.measures)
        start = f"{self.measures[0]}/"
        self.extend([column.removeprefix(start) for column in columns[1 : 1 + count]], table)

    @property
    def steps(self) -> np.ndarray:
        """Steps at which the samples were taken: (samples,) float64."""
        return self.table()[:, 0]

    def part(self, measure: str) -> np.ndarray:
        """One measure: (samples, layers) float32."""
        number, n = self.measures.index(measure), len(self.layers)
        with np.errstate(over="ignore"):
            return self.table()[:, 1 + number * n : 1 + (number + 1) * n].astype(np.float32)


class Gradients(ByLayer):
    """Norms by parameter over the steps at which they were sampled.

    Attributes:
        frozen: those that are not trained now, because the run was told so.
    """

    measures = ("grad", "weight", "update")

    def __init__(self) -> None:
        super().__init__()
        self.frozen: set[str] = set()

    @property
    def norms(self) -> np.ndarray:
        """Norm of each layer's gradient: (samples, layers) float32."""
        return self.part("grad")

    @property
    def weights(self) -> np.ndarray:
        """Norm of each layer's weights: (samples, layers) float32."""
        return self.part("weight")

    @property
    def updates(self) -> np.ndarray:
        """Norm of each layer's change in that step: (samples, layers) float32."""
        return self.part("update")


class Activations(ByLayer):
    """What layers have put out, over the steps at which they were looked at.

    ``mean``, ``std`` and ``zeros`` (the share of elements that are 0) are of every output; all
    are NaN where a layer was not called in that step. ``dead`` is the share of a ReLU's units
    that are 0 for the whole batch, ``saturated`` the share of a bounded function's outputs near
    their limits; they are NaN for other layers.
    """

    measures = ("mean", "std", "zeros", "dead", "saturated")
