"""What went on in a run's layers, step by step, on the nodes of its model's graph."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from nbdl.inspection.gradient_flow import MEASURES, gradient_flow_record, measured
from nbdl.inspection.records import FlowFrames, GraphRecord

MOST = 48
"""So many steps of a run are shown, evenly."""

NONE = -1.0


def with_frames(record: GraphRecord, run: Any) -> GraphRecord:
    """The graph of a run's model with the measures of the gradient flow at some of its steps.

    Args:
        record: the graph of the run's only model.
        run: a ``Run``, or a record of one with a history.
    """
    return dataclasses.replace(record, frames=frames_of(record, run))


def frames_of(record: GraphRecord, run: Any) -> FlowFrames | None:
    """The same measures alone; None where the run has no samples yet."""
    flow = gradient_flow_record(run)
    every = np.union1d(flow.gradients.steps, measured(flow, "mean").steps)
    if not len(every):
        return None
    steps = every[np.unique(np.linspace(0, len(every) - 1, MOST).astype(int))]
    ids = [node.id for node in record.nodes]
    values = np.full((len(MEASURES), len(steps), len(ids)), NONE, np.float32)
    for number, name in enumerate(MEASURES):
        shown = measured(flow, name)
        if not len(shown.steps):
            continue
        # At each step the newest sample there is.
        rows = np.maximum(np.searchsorted(shown.steps, steps, side="right") - 1, 0)
        of_parameters = name in ("gradient", "weight", "ratio")
        for column, node in enumerate(ids):
            mine = _of(node, shown.layers, of_parameters)
            if mine:
                values[number, :, column] = shown.values[rows][:, mine].max(axis=1)
    return FlowFrames(tuple(MEASURES), tuple(MEASURES.values()), steps, values)


def _of(node: str, layers: tuple[str, ...], of_parameters: bool) -> list[int]:
    """The places of what belongs to a node: its own parameters or output; of a group of layers
    those of all in it."""
    found = []
    for place, layer in enumerate(layers):
        path = layer.rpartition(".")[0] if of_parameters else layer
        if path == node or path.startswith(f"{node}."):
            found.append(place)
    return found
