"""Arrays to and from other libraries without a copy: the DLPack protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import backends
from nbdl.errors import ArgumentError, DtypeError

_CPU, _CUDA, _PINNED = 1, 2, 3
"""DLPack's numbers of the kinds of device that nbdl knows."""


def export(
    value: Any,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[Any, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A DLPack capsule of an array; the other library shares its memory unless ``copy``.

    NumPy gives away memory that must not be written to only to those who understand a capsule
    that says so (version 1.0): others get a copy.
    """
    if type(value) is not np.ndarray:
        options = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        return value.__dlpack__(
            stream=stream, **{k: v for k, v in options.items() if v is not None}
        )
    if stream is not None:
        raise ArgumentError(f"__dlpack__: stream={stream!r} on the CPU", hint="stream=None")
    if dl_device is not None and int(dl_device[0]) not in (_CPU, _PINNED):
        raise BufferError(f"a tensor on the CPU cannot be shared with device {dl_device}")
    told = max_version is not None and max_version[0] >= 1
    if copy or not (value.flags.writeable or told):
        if copy is False:
            raise BufferError("this tensor's memory is read-only: it can be shared as a copy only")
        value = value.copy()
    try:
        return value.__dlpack__(max_version=max_version) if told else value.__dlpack__()
    except (BufferError, TypeError) as error:
        raise _refused(value.dtype, error) from error


def take(x: Any) -> Any:
    """A NumPy or CuPy array that shares the memory of an object with ``__dlpack__``.

    Raises ArgumentError for an object without it or on a device of another kind, DtypeError for
    elements that cannot be exchanged.
    """
    if not hasattr(x, "__dlpack_device__"):
        raise ArgumentError(
            f"from_dlpack needs an object with __dlpack__, got {type(x).__name__}",
            hint="nbdl.asarray takes lists and NumPy arrays",
        )
    kind, index = x.__dlpack_device__()
    if int(kind) not in (_CPU, _CUDA, _PINNED):
        raise ArgumentError(f"from_dlpack: nbdl knows no device of DLPack's kind {int(kind)}")
    device = backends.Device("cuda", index) if int(kind) == _CUDA else backends.CPU
    try:
        return backends.library(device).from_dlpack(x)
    except (BufferError, RuntimeError, TypeError) as error:
        raise _refused(getattr(x, "dtype", "unknown"), error) from error


def _refused(dtype: Any, error: Exception) -> DtypeError:
    return DtypeError(
        f"elements of dtype {dtype} cannot be exchanged through DLPack: {error}",
        hint="exchange them as float32",
    )
