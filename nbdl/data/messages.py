"""What a loader and its processes say to each other: objects, with large arrays beside them."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Sequence
from types import CodeType
from typing import IO, Any

import numpy as np

from nbdl.data.mapped import Origin, mapped_origin
from nbdl.data.optional import require
from nbdl.data.segments import LEAST

Places = list[tuple[int, int]]
"""Where buffers lie in a segment: (offset, size)."""

_HEAD = struct.Struct("<Q")
_ALIGNED = 64
_UNNAMED = "<dynamic-code>"


def write(stream: IO[bytes], message: bytes) -> None:
    """Send one message."""
    stream.write(_HEAD.pack(len(message)))
    stream.write(message)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message, or None where the other side has ended."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    message = stream.read(size)
    return message if len(message) == size else None


def pack(value: Any) -> tuple[bytes, list[memoryview]]:
    """A value as bytes, and the large buffers that belong beside them.

    Objects defined in a notebook travel with their code; mapped arrays as the name of their
    file. Raises whatever pickling raises.
    """
    beside: list[memoryview] = []

    def aside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < LEAST:
            return True
        beside.append(raw)
        return False

    cloudpickle = require("cloudpickle", "DataLoader(processes=True)", extra=None)
    stream = io.BytesIO()
    _pickler(cloudpickle)(stream, protocol=5, buffer_callback=aside).dump(value)
    return stream.getvalue(), beside


def _pickler(cloudpickle: Any) -> Callable[..., Any]:
    class Pickler(cloudpickle.Pickler):
        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, np.ndarray):
                origin = mapped_origin(thing)
                return NotImplemented if origin is None else (Origin.open, (origin,))
            if isinstance(thing, CodeType) and thing.co_filename != _UNNAMED:
                # cloudpickle leaves out the file, which tracebacks and errors name.
                return _in_file, (thing.replace(co_filename=_UNNAMED), thing.co_filename)
            return super().reducer_override(thing)

    return Pickler


def _in_file(code: CodeType, file: str) -> CodeType:
    return code.replace(co_filename=file)


def unpack(message: bytes, buffers: Sequence[Any]) -> Any:
    """The value that ``pack`` was given. Only for messages of our own processes."""
    return pickle.loads(message, buffers=buffers)


def places(buffers: Sequence[memoryview]) -> tuple[Places, int]:
    """Where each buffer goes in a segment, and how large that has to be."""
    found, end = [], 0
    for buffer in buffers:
        found.append((end, buffer.nbytes))
        end += -(-buffer.nbytes // _ALIGNED) * _ALIGNED
    return found, end


def put(memory: np.ndarray, where: Places, buffers: Sequence[memoryview]) -> None:
    """Copy buffers into a segment's memory."""
    for (start, size), buffer in zip(where, buffers, strict=True):
        memory[start : start + size] = np.frombuffer(buffer, np.uint8)


def pieces(memory: np.ndarray, where: Places) -> list[np.ndarray]:
    """The buffers in a segment's memory."""
    return [memory[start : start + size] for start, size in where]
