"""From a list of samples to one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DataError


def collate(samples: Sequence[Any], where: str = "sample") -> Any:
    """Samples of one structure as one batch of arrays.

    Arrays and tensors are stacked along a new first axis; numbers become arrays (bool, int64,
    or the default float); strings stay a list; tuples, named tuples, lists and dicts are
    collated part by part.

    Raises DataError when samples differ in shape, length, keys or kind, naming the first two
    that do not fit, and for None or values nobody can stack.
    """
    first = samples[0]
    if isinstance(first, (np.ndarray, Tensor)) or _is_number(first):
        return _stack(samples, where)
    if isinstance(first, (str, bytes)):
        return list(samples)
    if isinstance(first, Mapping):
        _check_alike(samples, where, lambda s: sorted(map(str, s)), Mapping, "keys")
        return {key: collate([s[key] for s in samples], f"{where}[{key!r}]") for key in first}
    if isinstance(first, (tuple, list)):
        _check_alike(samples, where, len, (tuple, list), "parts")
        parts = [
            collate(column, f"{where}[{i}]") for i, column in enumerate(zip(*samples, strict=True))
        ]
        if hasattr(first, "_fields"):
            return type(first)(*parts)
        return tuple(parts)
    raise _cannot(first, where)


def _is_number(value: Any) -> bool:
    return isinstance(value, (Number, np.generic))


def _stack(samples: Sequence[Any], where: str) -> np.ndarray:
    if all(isinstance(s, (bool, int, float)) for s in samples):
        kind = max((type(s) for s in samples), key=(bool, int, float).index)
        dtype = {bool: np.dtype(bool), int: np.dtype(np.int64)}.get(kind, dtypes.default_float())
        return np.array(samples, dtype)
    arrays = [s.numpy() if isinstance(s, Tensor) else np.asarray(s) for s in samples]
    shape = np.shape(arrays[0])
    for i, array in enumerate(arrays):
        if array.dtype not in dtypes.ALL:
            raise _cannot(samples[i], where)
        if array.shape != shape:
            raise DataError(
                f"samples of one batch differ in shape: {where} 0 has {shape}, {where} {i} has "
                f"{array.shape}",
                hint="resize, crop or pad them alike (data.Resize, data.pad_sequences), or pass "
                "collate_fn=",
            )
    return np.stack(arrays)


def _check_alike(
    samples: Sequence[Any], where: str, of: Callable[[Any], Any], kind: Any, what: str
) -> None:
    expected = of(samples[0])
    for i, sample in enumerate(samples):
        if not isinstance(sample, kind):
            raise DataError(
                f"samples of one batch differ in kind: {where} 0 is a "
                f"{type(samples[0]).__name__}, {where} {i} a {type(sample).__name__}"
            )
        if of(sample) != expected:
            raise DataError(
                f"samples of one batch differ in their {what}: {where} 0 has {expected}, "
                f"{where} {i} has {of(sample)}"
            )


def _cannot(value: Any, where: str) -> DataError:
    if value is None:
        return DataError(f"{where} is None", hint="does the data set's __getitem__ return it?")
    hint = "return arrays, numbers, strings, or tuples and dicts of them; or pass collate_fn="
    if type(value).__module__.startswith("PIL"):
        hint = "data.ToTensor() turns a picture into an array"
    return DataError(f"{where} is a {type(value).__name__}, which cannot be batched", hint=hint)


def pad_sequences(
    sequences: Sequence[Any], value: float = 0, length: int | None = None
) -> np.ndarray:
    """Sequences of different lengths as one array, filled up at the end with ``value``.

    sequences: N arrays (length_i, ...)  ->  (N, length, ...), the longest if ``length`` is None;
    longer ones are cut.
    """
    arrays = [s.numpy() if isinstance(s, Tensor) else np.asarray(s) for s in sequences]
    if not arrays:
        raise DataError("pad_sequences got no sequences")
    size = max(len(a) for a in arrays) if length is None else length
    out = np.full((len(arrays), size, *arrays[0].shape[1:]), value, np.result_type(*arrays))
    for row, array in zip(out, arrays, strict=True):
        row[: min(len(array), size)] = array[:size]
    return out


def _is_ours(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor))


def map_arrays(batch: Any, fn: Callable[[Any], Any], of: Callable[[Any], bool] = _is_ours) -> Any:
    """``fn`` of every array or tensor in a batch, with its structure kept; the rest as it is."""
    if of(batch):
        return fn(batch)
    if isinstance(batch, Mapping):
        return {key: map_arrays(value, fn, of) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [map_arrays(part, fn, of) for part in batch]
        if hasattr(batch, "_fields"):
            return type(batch)(*parts)
        # A list of strings stays a list, so that a batch reads as it was collated.
        return parts if isinstance(batch, list) else tuple(parts)
    return batch


def to_tensors(batch: Any) -> Any:
    """Every array in a batch as a Tensor (no copy); tensors and strings as they are.

    Arrays of other libraries that NumPy can read count as arrays.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, np.ndarray):
        return Tensor(batch)
    if isinstance(batch, (tuple, list, Mapping)):
        return map_arrays(batch, to_tensors, of=_is_array)
    return Tensor(np.asarray(batch)) if _is_array(batch) else batch


def default_collate(samples: Sequence[Any]) -> Any:
    """``collate`` with tensors: what a DataLoader does unless told otherwise."""
    return to_tensors(collate(samples))


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor)) or (
        hasattr(value, "__array__") and not isinstance(value, np.generic)
    )


def batch_length(batch: Any) -> int:
    """How many samples a batch holds: the length of its first array, or 0 if it has none."""
    if isinstance(batch, (np.ndarray, Tensor)):
        return int(batch.shape[0]) if len(batch.shape) else 1
    if isinstance(batch, list) and batch and isinstance(batch[0], (str, bytes)):
        return len(batch)
    parts = batch.values() if isinstance(batch, Mapping) else batch
    if not isinstance(batch, (Mapping, tuple, list)):
        return 0
    return next((n for n in map(batch_length, parts) if n), 0)
