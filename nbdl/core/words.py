"""A tensor's elements as text."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nbdl import dtypes

_SHOWN = 200  # more elements than this are shown by the first and last three of each axis


def digits(array: np.ndarray) -> str:
    """Four decimals, whole floats as ``1.``, long arrays shortened."""
    if array.dtype in dtypes.HALVES:
        array = array.astype(np.float32)
    text = _text(array, "maxprec")
    if array.dtype.kind == "f" and not (_whole(array) and "e" not in text):
        text = _text(array, "fixed")
    return text


def _text(array: np.ndarray, mode: Literal["maxprec", "fixed"]) -> str:
    return np.array2string(
        array, separator=", ", precision=4, threshold=_SHOWN, prefix="tensor(", floatmode=mode
    )


def _whole(array: np.ndarray) -> bool:
    finite = array[np.isfinite(array)]
    return bool((finite == np.trunc(finite)).all())
