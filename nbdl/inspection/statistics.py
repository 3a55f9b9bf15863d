"""The numbers that describe a tensor's values."""

from __future__ import annotations

import numpy as np

from nbdl import backends
from nbdl.core.rows import elements
from nbdl.core.tensor import Tensor
from nbdl.inspection.records import TensorStats

BINS = 32

MOST = 1_000_000
"""Of larger tensors an even sample of so many elements is looked at."""


def tensor_stats(x: Tensor | None) -> TensorStats | None:
    """Mean, spread, range, norm, zeros, NaN and infinities, and a histogram.

    Args:
        x: a tensor of numbers; of one with more than a million elements an even sample is
            taken (the norm is scaled up to the whole); of a sparse gradient its rows.

    Returns:
        None for no tensor, a tensor without data, without elements, or of bools or text.
    """
    if x is None:
        return None
    value = elements(x.value)
    if not backends.has_data(value) or value.size == 0 or value.dtype.kind not in "iufV":
        return None
    flat = backends.to_numpy(value).reshape(-1)
    values = flat[:: -(-flat.size // MOST)].astype(np.float64)
    nans = int(np.isnan(values).sum())
    infinities = int(np.isinf(values).sum())
    good = values[np.isfinite(values)] if nans or infinities else values
    share = flat.size / values.size
    if not good.size:
        nothing = float("nan")
        return TensorStats(
            nothing, nothing, nothing, nothing, nothing, 0.0,
            round(nans * share), round(infinities * share),
        )  # fmt: skip
    low, high = float(good.min()), float(good.max())
    counts, _ = np.histogram(good, BINS, (low, high) if high > low else (low - 0.5, low + 0.5))
    return TensorStats(
        mean=float(good.mean()), std=float(good.std()), low=low, high=high,
        norm=float(np.sqrt(np.square(good).sum() * share)),
        zeros=float((good == 0).mean()),
        nans=round(nans * share), infinities=round(infinities * share),
        histogram=counts.astype(np.float32),
    )  # fmt: skip
