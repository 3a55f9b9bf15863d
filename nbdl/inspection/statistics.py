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

GLANCE = 20_000
"""The same where many tensors are looked at for a histogram each, as all parameters of a model."""


def tensor_stats(x: Tensor | None, most: int = MOST) -> TensorStats | None:
    """Mean, spread, range, norm, zeros, NaN and infinities, and a histogram.

    Args:
        x: a tensor of numbers; of a sparse gradient its rows.
        most: of a tensor with more elements an even sample of about so many is taken (the norm
            is scaled up to the whole).

    Returns:
        None for no tensor, a tensor without data, without elements, or of bools or text.
    """
    if x is None:
        return None
    value = elements(x.value)
    if not backends.has_data(value) or value.size == 0 or value.dtype.kind not in "iufV":
        return None
    # Of a transposed array reshape(-1) is a copy, and only what is looked at leaves the device.
    flat = value.reshape(-1)
    values = backends.to_numpy(flat[:: -(-flat.size // most)]).astype(np.float64)
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
