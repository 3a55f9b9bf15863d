"""Records as messages: a JSON object and binary buffers, which js/lib/wire.ts turns back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from nbdl.inspection.records import DTYPES, Record


def clean(text: str) -> str:
    """The text without what no channel carries: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pack(record: Record) -> tuple[dict[str, Any], list[memoryview]]:
    """A record as (JSON object, binary buffers).

    An array becomes ``{"$array": index, "dtype": ..., "shape": [...]}``, a number that JSON cannot
    say (NaN, infinities) ``{"$number": "nan"}``; all else is itself.
    """
    buffers: list[memoryview] = []
    return _pack_record(record, buffers), buffers


def _pack_record(record: Record, buffers: list[memoryview]) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    for item in dataclasses.fields(record):
        value = getattr(record, item.name)
        dtype = DTYPES.get(str(item.type))
        packed[item.name] = (
            _pack_array(value, dtype, buffers) if dtype else _pack_value(value, buffers)
        )
    return packed


def _pack_array(value: Any, dtype: str, buffers: list[memoryview]) -> dict[str, Any]:
    with np.errstate(over="ignore", invalid="ignore"):  # a float64 beyond float32 becomes inf
        array = np.ascontiguousarray(value, dtype)
    # A 0-size array has no bytes to view; the browser makes an empty one from the shape.
    buffers.append(array.reshape(-1).view(np.uint8).data if array.size else memoryview(b""))
    return {"$array": len(buffers) - 1, "dtype": dtype, "shape": list(array.shape)}


def _pack_value(value: Any, buffers: list[memoryview]) -> Any:
    if isinstance(value, Record):
        return _pack_record(value, buffers)
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else {"$number": str(number)}
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (tuple, list)):
        return [_pack_value(entry, buffers) for entry in value]
    if isinstance(value, dict):
        return {clean(str(key)): _pack_value(entry, buffers) for key, entry in value.items()}
    raise TypeError(f"a record cannot carry {type(value).__name__}: {value!r}")
