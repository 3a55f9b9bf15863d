"""Labels of the rows of a table: the classes that colour a projection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.inspection.arrays import numbers_of

COLOURED = 18
"""Classes with a look of their own: six colours by three shapes; the largest have them."""

LONGEST = 80
"""Letters of a label that are kept."""


@dataclass(frozen=True)
class Labels:
    """names: of the classes in their order, of many the largest first; codes: (rows,) int32 which
    of them each row has, -1 for none."""

    names: tuple[str, ...]
    codes: np.ndarray


def labels_of(given: Any, shape: tuple[int, ...]) -> Labels:
    """Labels that were given for the rows of a table of ``shape``.

    Args:
        given: one a row: texts, whole numbers or truth values, in a list, an array, a Tensor or a
            column of a table. None, NaN and empty texts are rows without a label.

    Raises:
        ArgumentError: the thing is no table, or there is something else than labels.
        ShapeError: another number of labels than of rows.
    """
    if len(shape) != 2:
        raise ArgumentError(
            f"labels are for the rows of a table; this has the shape {shape}",
            hint="x.reshape(len(x), -1), one row for each label",
        )
    words = [_word(label) for label in _listed(given)]
    if len(words) != shape[0]:
        raise ShapeError(
            f"{len(words):,} labels for the {shape[0]:,} rows of {shape}", hint="one label a row"
        )
    counts = Counter(word for word in words if word)
    names = sorted(counts, key=lambda word: (-counts[word], _number(word), word))
    if len(names) <= COLOURED:
        names.sort(key=lambda word: (_number(word), word))
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places.get(word, -1) for word in words], np.int32)
    return Labels(tuple(names), codes)


def _listed(given: Any) -> list[Any]:
    if isinstance(given, Tensor):
        given = numbers_of(given).value
        given = given.get() if hasattr(given, "get") else given
    if isinstance(given, (str, bytes, dict)) or not hasattr(given, "__iter__"):
        raise ArgumentError(
            f"labels are one a row, in a list or an array; got {type(given).__name__}"
        )
    if isinstance(given, np.ma.MaskedArray):
        return [None if label is np.ma.masked else label for label in given]
    shape = getattr(given, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ShapeError(f"labels are one a row; got an array of shape {tuple(shape)}")
    return list(given)


def _word(label: Any) -> str:
    """The label as text; "" for none."""
    if isinstance(label, Tensor) or (isinstance(label, np.ndarray) and label.ndim == 0):
        label = label.item()
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(label, (float, np.floating)):
        if np.isnan(label):
            return ""
        if not float(label).is_integer():
            raise ArgumentError(
                f"labels are names or whole numbers; got {label!r}",
                hint="np.digitize makes classes of measurements",
            )
        label = int(label)
    if not isinstance(label, (str, bool, np.bool_, int, np.integer)):
        raise ArgumentError(f"labels are names or whole numbers; got {type(label).__name__}")
    word = " ".join(str(label).split())
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"


def _number(word: str) -> tuple[int, int]:
    digits = word.removeprefix("-")
    return (0, int(word)) if digits.isascii() and digits.isdigit() else (1, 0)
