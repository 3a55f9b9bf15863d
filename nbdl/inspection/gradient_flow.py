"""Gradient flow: what goes on in each layer over the steps of a run.

Training samples it (``history.gradients``, ``activations`` and ``histograms``); here samples become
records, and one of the measures that the heat map can show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.errors import unknown
from nbdl.inspection.flow_findings import findings
from nbdl.inspection.records import (
    ActivationPart,
    GradientFlowRecord,
    GradientPart,
    HistogramPart,
)
from nbdl.training.statistics.histograms import unpack

MAX_ROWS = 512
"""Samples sent at once; more are joined, keeping of each group the greatest norm and any NaN."""

MEASURES = {
    "gradient": "gradient norm",
    "weight": "weight norm",
    "ratio": "update / weight",
    "mean": "activation mean",
    "std": "activation std",
    "zeros": "fraction of zeros",
}
"""What the heat map can show, in words. The same table is in js/lib/measures.ts."""


@dataclass(frozen=True)
class Measured:
    """One measure of all layers at all samples.

    Attributes:
        name: among MEASURES.
        layers, steps: what the columns and the rows of ``values`` are of.
        values: (samples, layers) float64, magnitudes; NaN where one became NaN, -1 where there
            is none.
    """

    name: str
    layers: tuple[str, ...]
    steps: np.ndarray
    values: np.ndarray

    @property
    def label(self) -> str:
        """The measure in words."""
        return MEASURES[self.name]

    @property
    def is_share(self) -> bool:
        """Whether it lies between 0 and 1, and is not shown by its logarithm."""
        return self.name == "zeros"


def check_measure(name: str) -> str:
    """``name`` if it is one of MEASURES. Raises ArgumentError with what there is."""
    if name not in MEASURES:
        raise unknown("measure", name, list(MEASURES))
    return name


def measured(record: GradientFlowRecord, name: str | None = None) -> Measured:
    """One measure of a whole record: the one that it shows first unless named."""
    name = check_measure(name or record.measure)
    g, a = record.gradients, record.activations
    if name in ("gradient", "weight", "ratio"):
        with np.errstate(divide="ignore", invalid="ignore"):
            tables = {
                "gradient": lambda: g.norms,
                "weight": lambda: g.weights,
                "ratio": lambda: np.where(g.weights == 0, -1, g.updates / g.weights),
            }
            return Measured(name, g.layers, g.steps, tables[name]().astype(np.float64))
    if a is None:
        return Measured(name, (), np.empty(0), np.empty((0, 0)))
    table = {"mean": np.abs(a.means), "std": a.stds, "zeros": a.zeros}[name].astype(np.float64)
    return Measured(name, a.layers, a.steps, np.where(np.isnan(a.zeros), -1, table))


def gradient_part(gradients: Any, start: int = 0, limit: int = MAX_ROWS) -> GradientPart:
    """The samples from number ``start`` on as a record, at most ``limit`` rows.

    Args:
        gradients: ``history.gradients`` of a run.
        start: how many samples the receiver already has.
        limit: more rows than this are joined in groups.
    """
    table = np.asarray(gradients.table(start))
    layers = tuple(gradients.layers)
    rows, width = len(table), len(layers)
    if rows > limit:
        # maximum keeps NaN: a bad sample is never hidden in a group.
        edges = np.arange(limit) * rows // limit
        table = np.maximum.reduceat(table, edges, axis=0)
    parts = [table[:, 1 + number * width : 1 + (number + 1) * width] for number in range(3)]
    with np.errstate(over="ignore"):
        norms, weights, updates = (part.astype(np.float32) for part in parts)
    return GradientPart(
        layers, start, start + rows, table[:, 0].astype(np.float64), norms, weights, updates
    )


def activation_part(activations: Any, start: int = 0, limit: int = MAX_ROWS) -> ActivationPart:
    """The same of ``history.activations``; of more rows some are left out, none with a NaN."""
    table = np.asarray(activations.table(start))
    layers = tuple(activations.layers)
    rows, n = len(table), len(layers)
    if rows > limit:
        bad = (~np.isfinite(table[:, 1 : 1 + n]) & np.isfinite(table[:, 1 + 2 * n : 1 + 3 * n]))
        edges = np.arange(limit) * rows // limit
        groups = np.split(bad.any(axis=1), edges[1:])
        table = table[[at + int(group.argmax()) for at, group in zip(edges, groups, strict=True)]]
    with np.errstate(over="ignore"):
        parts = [table[:, 1 + k * n : 1 + (k + 1) * n].astype(np.float32) for k in range(5)]
    return ActivationPart(layers, start, start + rows, table[:, 0].astype(np.float64), *parts)


def histogram_part(histograms: Any, start: int = 0) -> HistogramPart:
    """Histograms from number ``start`` on; for a receiver that has none, some of the whole run."""
    end = len(histograms)
    table = histograms.table(start) if start else histograms.shown()
    return HistogramPart(start, end, table[:, :4].astype(np.int32), unpack(table))


def gradient_flow_record(
    run: Any, start: int = 0, activations: int = 0, histograms: int = 0, measure: str = "gradient"
) -> GradientFlowRecord:
    """What the gradient-flow view shows of a run (anything with name, status and history).

    Args:
        start, activations, histograms: how many of each the receiver already has.
        measure: the one that is shown first.
    """
    history = run.history
    return GradientFlowRecord(
        title=run.name,
        status=run.status,
        gradients=gradient_part(history.gradients, start),
        findings=findings(history.gradients, history.activations),
        activations=activation_part(history.activations, activations),
        histograms=histogram_part(history.histograms, histograms),
        measure=check_measure(measure),
    )
