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
    return numbers_stats(values, flat.size / values.size)


def numbers_stats(values: np.ndarray, share: float = 1.0) -> TensorStats | None:
    """The same of numbers at hand.

    Args:
        values: (n,) float64.
        share: how many elements each of them stands for: norm and counts are scaled up by it.
    """
    if not values.size:
        return None
    nans = int(np.isnan(values).sum())
    infinities = int(np.isinf(values).sum())
    good = values[np.isfinite(values)] if nans or infinities else values
    if not good.size:
        nothing = float("nan")
        return TensorStats(
            nothing, nothing, nothing, nothing, nothing, 0.0,
            round(nans * share), round(infinities * share),
        )  # fmt: skip
    low, high = float(good.min()), float(good.max())
    scale = max(abs(low), abs(high)) or 1.0
    sized = good / scale  # squares and differences of the largest numbers would overflow
    return TensorStats(
        mean=float(sized.mean()) * scale, std=float(sized.std()) * scale, low=low, high=high,
        norm=float(np.sqrt(np.square(sized).sum() * share)) * scale,
        zeros=float((good == 0).mean()),
        nans=round(nans * share), infinities=round(infinities * share),
        histogram=_histogram(sized, low / scale, high / scale),
    )  # fmt: skip


def _histogram(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Counts in even bins between the ends; in the middle one where the ends are the same."""
    if high - low <= BINS * np.spacing(max(abs(low), abs(high))):
        low, high = low - 0.5, low + 0.5
    counts, _ = np.histogram(values, BINS, (low, high))
    return counts.astype(np.float32)
