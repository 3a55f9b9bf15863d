"""What a run began with: fingerprints of its data and weights, and where chance stood."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nbdl.backends import to_numpy
from nbdl.core.tensor import Tensor
from nbdl.data import DataLoader
from nbdl.data.arrow import ArrowStream
from nbdl.data.dataset import Mapped, Subset, TensorDataset
from nbdl.data.streams import MappedStream, ShuffledStream
from nbdl.training.models import definitions

WHOLE = 1 << 24
"""Arrays of at most so many bytes are hashed whole; of larger ones BLOCKS parts, a quarter of that
together."""

BLOCKS = 64

WEIGHTS_WHOLE = 1 << 20
"""The same for each parameter and buffer: a training should not wait for it."""


def origin(
    models: list[Any], data: Any, val: Any, random: Mapping[str, int], objects: list[str],
    line: str | None = None, by: str = "train",
) -> dict[str, Any]:  # fmt: skip
    """What is taken down of a run's beginning, as JSON holds it.

    Args:
        models: what is trained, with the weights of now.
        data, val: as they were given.
        random: the state of the random numbers in use when the call began.
        objects: the arguments whose values were functions or objects rather than names.
        line: the line of ``%train``, if it was that.
        by: what began it: ``"train"``, ``"track"`` or ``"fit"``.
    """
    begun: dict[str, Any] = {
        "by": by, "data": fingerprint(data), "weights": weights_hash(models),
        "random": dict(random), "objects": objects,
    }  # fmt: skip
    defined = [definitions[model].random for model in models if model in definitions]
    if defined:
        begun["definition"] = defined[0]
    if line is not None:
        begun["line"] = line
    if val is not None:
        begun["val"] = {"fraction": val} if isinstance(val, float) else fingerprint(val)
    return begun


def fingerprint(data: Any, *, hashed: bool = True) -> dict[str, Any]:
    """What tells data apart: kind, shapes, dtypes, and a hash of the bytes where they are in
    memory. Nothing is read through a transform or a generator.

    Args:
        data: anything that ``train`` takes.
        hashed: with hashes; without them it costs nothing, and tells most data apart already.
    """
    found: dict[str, Any] = {"kind": _kind(data)}
    with contextlib.suppress(TypeError):  # a loader of a stream has no length
        found["length"] = len(data)
    if isinstance(data, DataLoader):
        found |= {"batch_size": data.batch_size, "shuffle": data.shuffle, "seed": data.seed,
                  "of": fingerprint(data.dataset, hashed=hashed)}  # fmt: skip
    elif isinstance(data, Subset):
        found |= {"indices": _array(data.indices, hashed),
                  "of": fingerprint(data.dataset, hashed=hashed)}  # fmt: skip
    elif isinstance(data, (Mapped, MappedStream)):
        found |= {"transform": _kind(data.transform),
                  "of": fingerprint(data.dataset, hashed=hashed)}  # fmt: skip
    elif isinstance(data, ShuffledStream):
        found |= {"buffer_size": data.buffer_size,
                  "of": fingerprint(data.dataset, hashed=hashed)}  # fmt: skip
    elif isinstance(data, ArrowStream):
        found |= {"buffer_size": data.buffer_size, "pieces": data.pieces_hash()}
    else:
        arrays = [_array(array, hashed) for array in _arrays(data)]
        if arrays:
            found["arrays"] = arrays
    return found


def difference(then: Any, now: Any, path: str = "") -> str:
    """Where two fingerprints differ; empty if they do not."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in then:
            wrong = difference(then[key], now.get(key), f"{path} {key}".strip())
            if wrong:
                return wrong
        return ""
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = zip(then, now, strict=True)
        found = (difference(a, b, f"{path} {i + 1}") for i, (a, b) in enumerate(pairs))
        return next((wrong for wrong in found if wrong), "")
    if then == now:
        return ""
    if path.endswith("hash"):
        return f"{path.removesuffix(' hash')} has other values"
    return f"{path} is {now}, it was {then}"


def _kind(thing: Any) -> str:
    name = getattr(thing, "__name__", None) if callable(thing) else None
    return str(name or type(thing).__name__)


def _arrays(data: Any) -> Iterator[Any]:
    """The arrays that data in memory is made of."""
    if isinstance(data, TensorDataset):
        yield from data.arrays
    elif isinstance(data, (np.ndarray, Tensor)):
        yield data
    elif isinstance(data, Mapping):
        yield from (part for part in data.values() if isinstance(part, (np.ndarray, Tensor)))
    elif isinstance(data, tuple):
        yield from (part for part in data if isinstance(part, (np.ndarray, Tensor)))


def _array(array: Any, hashed: bool) -> dict[str, Any]:
    value = array.value if isinstance(array, Tensor) else array
    found: dict[str, Any] = {"shape": list(value.shape), "dtype": str(value.dtype)}
    if hashed and not value.dtype.hasobject:
        found["hash"] = array_hash(value)
        if value.nbytes > WHOLE:
            found["sampled"] = f"{BLOCKS} blocks"
    return found


def array_hash(value: Any, whole: int = WHOLE) -> str:
    """BLAKE2b of an array's shape, dtype and bytes; of one that is larger than ``whole`` bytes
    parts only."""
    digest = hashlib.blake2b(f"{value.shape} {value.dtype}".encode(), digest_size=16)
    for block in _blocks(value, whole):
        digest.update(np.ascontiguousarray(to_numpy(block)).view(np.uint8).data)
    return digest.hexdigest()


def _blocks(value: Any, whole: int) -> Iterator[Any]:
    if value.size == 0:
        return
    rows = value.reshape(1, -1) if value.ndim < 2 or len(value) == 1 else value
    if value.nbytes <= whole:
        yield rows
        return
    if len(rows) == 1:
        rows = rows.reshape(-1)
    count = max(1, whole // (4 * BLOCKS) // (value.nbytes // len(rows) or 1))
    for start in np.linspace(0, max(0, len(rows) - count), BLOCKS).astype(int):
        yield rows[start : start + count]


def weights_hash(models: list[Any]) -> str:
    """One hash of all parameters and buffers, by their paths."""
    digest = hashlib.blake2b(digest_size=16)
    for number, model in enumerate(models):
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            digest.update(f"{number} {name} {array_hash(tensor.value, WEIGHTS_WHOLE)}".encode())
    return digest.hexdigest()
