"""From what people have (lists, frames, tensors) to arrays that can be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.data.mapped import is_mapped
from nbdl.errors import DataError


def as_array(value: Any, name: str) -> np.ndarray:
    """``value`` as a NumPy array of numbers or bools, without a copy where possible.

    Takes arrays, nested lists, scalars, tensors, pandas frames and series, and anything else
    that NumPy reads. Raises DataError for rows of different lengths, text, dates and object
    arrays, with ``name`` in the message.
    """
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, (str, bytes)):
        raise DataError(f"{name} is text, not an array: {value[:40]!r}")
    masked = int(np.ma.count_masked(value)) if isinstance(value, np.ma.MaskedArray) else 0
    if masked:
        raise DataError(
            f"{name} has {masked} masked values, which an array without a mask cannot hold",
            hint="fill them in with x.filled(0), or leave those samples out",
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{name} cannot be made an array: {_ragged(value) or error}") from None
    native = array.dtype.newbyteorder("=")
    if native in dtypes.ALL:
        # What lies in a file is turned as it is read (to_dtype), not all at once.
        return array if array.dtype.isnative or is_mapped(array) else array.astype(native)
    columns = getattr(value, "dtypes", None)
    if columns is not None and getattr(value, "ndim", 0) == 2:
        raise _frame_error(value, name)
    raise _dtype_error(array, name)


def _ragged(value: Any) -> str | None:
    """Where the rows of a nested list first differ in length, in words."""
    if not isinstance(value, Sequence) or len(value) < 2:
        return None
    sizes = [np.shape(row) if not isinstance(row, (list, tuple)) else (len(row),) for row in value]
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            return f"sample 0 has shape {sizes[0]}, sample {i} has shape {size}"
    return None


def _frame_error(frame: Any, name: str) -> DataError:
    wrong = [
        f"{column!r} ({dtype})"
        for column, dtype in frame.dtypes.items()
        if getattr(dtype, "kind", "O") not in "biuf"
    ]
    return DataError(
        f"{name} has columns that are not numbers: {', '.join(wrong[:8])}"
        + (f" and {len(wrong) - 8} more" if len(wrong) > 8 else ""),
        hint="data.from_pandas(frame, target=..., categorical='onehot'), or drop them",
    )


def _dtype_error(array: np.ndarray, name: str) -> DataError:
    if array.dtype.kind in "US":
        return DataError(
            f"{name} is text (dtype {array.dtype}), for example {array.flat[0]!r}"
            if array.size
            else f"{name} is text (dtype {array.dtype})",
            hint="for class names: indices, names = data.encode_labels(y); for sentences: "
            "data.WordTokenizer",
        )
    if array.dtype != object:
        return DataError(f"{name} has dtype {array.dtype}, not numbers")
    for i, item in enumerate(array.flat):
        if isinstance(item, (bool, int, float, np.number)):
            continue
        what = f"item {i} is {item!r:.60}, a {type(item).__name__}"
        if isinstance(item, (np.ndarray, list, tuple)):
            what = f"its items have different shapes (item {i}: {np.shape(item)})"
        return DataError(
            f"{name} has dtype object: {what}",
            hint="make it an array of numbers first; strings are classes? data.encode_labels(y)",
        )
    return DataError(
        f"{name} has dtype object although all its items are numbers",
        hint=f"{name}.astype('float32')",
    )


def encode_labels(labels: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class names as indices.

    labels: (N,) strings or numbers  ->  (N,) int64, and the sorted names.

    >>> encode_labels(["cat", "dog", "cat"])
    (array([0, 1, 0]), ('cat', 'dog'))

    Encode all data at once, before splitting: a part that lacks a class would be numbered
    differently.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise DataError(f"labels must have one dimension, got shape {array.shape}")
    if array.dtype == object:
        missing = [i for i, item in enumerate(array) if item is None or item != item]
        if missing:
            raise DataError(f"labels has {len(missing)} missing values; the first is {missing[0]}")
        array = array.astype(str)
    names, indices = np.unique(array, return_inverse=True)
    return indices.astype(np.int64), tuple(str(name) for name in names)


def check_finite(array: np.ndarray, name: str, columns: Sequence[str] | None = None) -> None:
    """Raise DataError if a float array has NaN or Inf, saying how many and where the first is.

    array: (N, ...), N samples. ``columns`` names the positions of the second axis.
    """
    if not dtypes.is_float(array.dtype) or not array.size:
        return
    with np.errstate(all="ignore"):
        # Any NaN or Inf makes the sum NaN or Inf: one quick pass settles the usual case.
        if np.isfinite(array.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(array)
    count = int(bad.sum())
    if not count:  # the sum itself overflowed
        return
    where = np.unravel_index(int(bad.argmax()), array.shape)
    nans = int(np.isnan(array).sum())
    kinds = [f"{n} {kind}" for n, kind in ((nans, "NaN"), (count - nans, "Inf")) if n]
    place = f"sample {where[0]}" if where else "the value"
    if len(where) > 1:
        column = int(where[1])
        place += (
            f", column {columns[column]!r}"
            if columns and array.ndim == 2
            else (f", position {tuple(int(i) for i in where[1:])}")
        )
    raise DataError(
        f"{name} has {' and '.join(kinds)} among {array.size} values; the first is {place}",
        hint="leave those samples out (x = x[np.isfinite(x).all(1)]), or fill them in",
    )


def same_length(arrays: dict[str, np.ndarray]) -> int:
    """The number of samples all arrays agree on, or DataError naming those that differ."""
    for name, array in arrays.items():
        if array.ndim == 0:
            raise DataError(f"{name} is a single number ({array}), not an array of samples")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(
            f"{name} has {n} (shape {arrays[name].shape})" for name, n in lengths.items()
        )
        raise DataError(f"the arrays have different numbers of samples: {told}")
    return next(iter(lengths.values()), 0)


def to_dtype(array: np.ndarray, dtype: np.dtype | None) -> np.ndarray:
    """Floats as ``dtype``; other kinds, and everything when ``dtype`` is None, unchanged, but in
    the machine's byte order."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype is None or array.dtype == dtype or not dtypes.is_float(array.dtype):
        return array
    return array.astype(dtype)
