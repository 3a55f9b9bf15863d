"""``keras.utils``: one-hot targets and seeds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from nbdl.core.random import manual_seed
from nbdl.errors import ArgumentError, IndexRangeError
from nbdl.keras.naming import forget_names


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows.  x: (...) or (..., 1) -> (..., num_classes) float32.

    Raises IndexRangeError for a number that is not below ``num_classes``.
    """
    numbers = np.asarray(x)
    if numbers.dtype.kind not in "iub" and not (numbers == np.floor(numbers)).all():
        raise ArgumentError(f"to_categorical needs class numbers, got {numbers.dtype} fractions")
    numbers = numbers.astype(np.int64)
    if numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    count = int(numbers.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise IndexRangeError(
            f"to_categorical: class numbers go from {numbers.min()} to {numbers.max()}, with "
            f"num_classes={count} they must be 0 to {count - 1}"
        )
    return np.eye(count, dtype=np.float32)[numbers]


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and nbdl's random numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    manual_seed(seed)


def clear_session() -> None:
    """Number layers' names from the beginning again."""
    forget_names()
