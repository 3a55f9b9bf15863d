"""A run's weights at an earlier step, beside those of now."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.inspection.records import Past, PastTensor
from nbdl.training.checkpointing.state import State

MOST = 200
"""So many tensors are looked at."""


def past_of(run: Any, step: int) -> Past | None:
    """The weights at the nearest snapshot at or before ``step``; None where there is none."""
    kept = [at for at in getattr(run, "steps_kept", ()) if at <= step]
    if not kept:
        return None
    state: State = run.state_at(kept[-1])
    tensors: list[PastTensor] = []
    for number, model in enumerate(run.models):
        prefix = f"{model._name or number}." if len(run.models) > 1 else ""
        with run.frozen():
            now = {name: t.value for name, t in (*model.named_parameters(), *model.named_buffers())}
        for name, array in state.weights(number).items():
            if array.size and dtypes.is_float(array.dtype) and len(tensors) < MOST:
                tensors.append(_tensor(prefix + name, array, now.get(name)))
    return Past(state.step, tuple(tensors))


def _tensor(name: str, then: np.ndarray, now: Any) -> PastTensor:
    x = then.astype(np.float64)
    moved = np.nan
    if now is not None and now.shape == then.shape:
        today = backends.to_numpy(now).astype(np.float64)
        moved = float(np.linalg.norm(today - x) / (np.linalg.norm(today) or 1.0))
    shape = " × ".join(map(str, then.shape)) or "1"
    return PastTensor(name, shape, x.mean(), x.std(), x.min(), x.max(), moved)
