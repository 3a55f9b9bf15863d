"""Gradient flow: how strongly each layer is told to change over a run, and what is wrong with it.

Norms are sampled by training (``history.gradients``); here they become records, and what is
plainly wrong becomes a finding in words that names the layer and says what to try.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from nbdl.inspection.records import Finding, GradientFlowRecord, GradientPart

MAX_ROWS = 512
"""Samples sent at once; more are joined, keeping of each group the greatest norm and any NaN."""

RECENT = 16
"""Samples at the end of a run that findings about 'now' are made from."""

# Findings speak only where the case is plain; between lie all healthy networks.
VANISHED = 1e-7
VANISHED_BESIDE = 1e-5  # against the layer with the greatest norm
EXPLODED = 1e3
GROWN = 1e3  # now against the start
UPDATE_LARGE = 0.1
UPDATE_SMALL = 1e-6


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


def gradient_flow_record(run: Any, start: int = 0) -> GradientFlowRecord:
    """What the gradient-flow view shows of a run (anything with name, status and history)."""
    part = gradient_part(run.history.gradients, start)
    return GradientFlowRecord(
        title=run.name,
        status=run.status,
        gradients=part,
        findings=findings(run.history.gradients),
    )


def findings(gradients: Any) -> tuple[Finding, ...]:
    """What is plainly right or wrong in the gradients of a run, the worst first.

    Args:
        gradients: ``history.gradients`` of a run; nothing is found in an empty one.
    """
    part = _trained(gradient_part(gradients), getattr(gradients, "frozen", ()))
    if not len(part.steps) or not part.layers:
        return ()
    broken = _not_finite(part)
    if broken:
        return (broken,)
    found = [*_sizes(part), *_updates(part)]
    if found:
        return tuple(found[:4])
    low, high = _recent(part.norms).min(), _recent(part.norms).max()
    text = f"Norms lie between {low:.2g} and {high:.2g}."
    return (Finding("good", "Gradients reach every layer.", text),)


def _trained(part: GradientPart, frozen: Collection[str]) -> GradientPart:
    """Without the layers that get no gradient because the run leaves them as they are."""
    kept = [i for i, layer in enumerate(part.layers) if layer not in frozen]
    if len(kept) == len(part.layers):
        return part
    tables = [table[:, kept] for table in (part.norms, part.weights, part.updates)]
    layers = tuple(part.layers[i] for i in kept)
    return GradientPart(layers, part.start, part.end, part.steps, *tables)


def _recent(values: np.ndarray) -> np.ndarray:
    """The median of each layer over the last samples."""
    return np.median(values[-RECENT:], axis=0)


def _not_finite(part: GradientPart) -> Finding | None:
    bad = ~np.isfinite(part.norms)
    if not bad.any():
        return None
    row = int(bad.any(axis=1).argmax())
    # Backward runs from the last layer to the first: the last bad one is where it began.
    column = int(np.flatnonzero(bad[row])[-1])
    layer, step = part.layers[column], int(part.steps[row])
    kind = "NaN" if np.isnan(part.norms[row, column]) else "infinite"
    others = int(bad[row].sum()) - 1
    also = f" {others} other layers are hit in the same step." if others else ""
    return Finding(
        "bad",
        f"The gradient of {layer} became {kind} at step {step}.",
        f"It is the bad layer nearest to the loss.{also} Train the step again within "
        "nbdl.detect_anomaly() to see the operation, or try a lower learning rate.",
        layer,
    )


def _sizes(part: GradientPart) -> list[Finding]:
    now = _recent(part.norms)
    zero = np.flatnonzero(now == 0)
    exploding = _exploding(part, now)
    # Beside an exploding layer all others look small; only the absolute limit means something.
    limit = VANISHED if exploding else max(VANISHED, VANISHED_BESIDE * float(now.max()))
    small = (now > 0) & (now < limit)
    vanishing = _vanishing(part, now, int(np.where(small, now, np.inf).argmin()))
    return [
        *([exploding] if exploding else []),
        *([_zero(part, zero)] if len(zero) else []),
        *([vanishing] if small.any() else []),
    ]


def _exploding(part: GradientPart, now: np.ndarray) -> Finding | None:
    column = int(now.argmax())
    high = float(now[column])
    start = max(float(np.median(part.norms[:RECENT, column])), 1e-12)
    if high <= EXPLODED and (high <= 1 or high <= GROWN * start):
        return None
    return Finding(
        "warning",
        f"Exploding gradient at {part.layers[column]}.",
        f"Its norm is {high:.2g}; it began at {start:.2g}. Try gradient clipping, a lower "
        "learning rate, or normalised inputs.",
        part.layers[column],
    )


def _vanishing(part: GradientPart, now: np.ndarray, column: int) -> Finding:
    greatest = int(now.argmax())
    return Finding(
        "warning",
        f"Vanishing gradient at {part.layers[column]}.",
        f"Its norm is {now[column]:.2g}, while that of {part.layers[greatest]} is "
        f"{now[greatest]:.2g}. Try ReLU or GELU in place of sigmoid or tanh, a normalisation "
        "layer, a residual connection, or another initialisation.",
        part.layers[column],
    )


def _zero(part: GradientPart, columns: np.ndarray) -> Finding:
    layer = part.layers[int(columns[0])]
    others = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
    return Finding(
        "warning",
        f"{layer}{others} gets no gradient at all.",
        "It does not learn: its units may be dead (a ReLU that is never positive), or nothing "
        "in the loss depends on it.",
        layer,
    )


def _updates(part: GradientPart) -> list[Finding]:
    weights, updates = _recent(part.weights), _recent(part.updates)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(weights > 0, updates / weights, np.nan)
    if not np.isfinite(ratio).any():
        return []
    # A few layers (a bias that began at zero) may move fast for good reasons: judge the middle one.
    middle = float(np.nanmedian(ratio))
    if middle > UPDATE_LARGE:
        text = "A step changes the typical layer by more than a tenth: try a lower learning rate."
        return [Finding("warning", f"Large steps: update / weight is {middle:.2g}.", text)]
    if 0 < middle < UPDATE_SMALL:
        text = "Learning is very slow: try a higher learning rate."
        return [Finding("note", f"Tiny steps: update / weight is {middle:.2g}.", text)]
    return []
