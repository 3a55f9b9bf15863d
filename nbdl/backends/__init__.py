"""Devices: where arrays live and which library computes on them.

The only floor that knows CuPy. Above it an operation receives ``xp``, which is NumPy or CuPy,
and arrays of that library.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from nbdl.backends import cuda, memory, ordered
from nbdl.errors import DeviceError, TraceError
from nbdl.shapes import Spec

Array = Any
"""A ``numpy.ndarray`` or ``cupy.ndarray``; their types are not common enough to say more."""

NAMESPACES: dict[type, ModuleType] = {np.ndarray: np}
"""The library of each array type; CuPy's is added when the first CUDA device is asked for."""


class Device(str):
    """A device's name: ``"cpu"``, ``"cuda:0"``, or ``"meta"`` for values without data.

    It is a string, so ``x.device == "cpu"`` reads as one expects; ``"cuda"`` means
    ``"cuda:0"``.
    """

    __slots__ = ()

    def __new__(cls, name: str, index: int | None = None) -> Device:
        text = str(name) if index is None else f"{name}:{index}"
        kind, _, number = text.partition(":")
        if kind == "cuda" and (number or "0").isdigit():
            return super().__new__(cls, f"cuda:{int(number or 0)}")
        if text in ("cpu", "meta"):
            return super().__new__(cls, text)
        raise DeviceError(f"unknown device {text!r}", hint="'cpu', 'cuda' or 'cuda:1'")

    @property
    def type(self) -> str:
        """``"cpu"``, ``"cuda"`` or ``"meta"``."""
        return self.partition(":")[0]

    @property
    def index(self) -> int:  # type: ignore[override]
        """The device's number, 0 for the CPU."""
        return int(self.partition(":")[2] or 0)


CPU = Device("cpu")
META = Device("meta")
_default = CPU


class _Here(threading.local):
    """What this thread has in place of the default; None: nothing."""

    device: Device | None = None


_here = _Here()


def default_device() -> Device:
    """Where new tensors are made: the CPU unless set otherwise."""
    return _default if _here.device is None else _here.device


def own_device() -> Device | None:
    """What this thread has in place of the default; None: nothing."""
    return _here.device


def take_device(device: str | None) -> None:
    """Let this thread have ``device`` in place of the default; None: the default again. Raises
    DeviceError, or MissingError, when it is not there."""
    _here.device = None if device is None else _found(device)


def set_default_device(device: str) -> None:
    """Make new tensors on ``device``; raises DeviceError at once when it is not there."""
    global _default
    _default = _found(device)


def _found(device: str) -> Device:
    found = Device(device)
    if found.type == "cuda":
        _load_cuda(found)
    return found


def _load_cuda(device: Device) -> ModuleType:
    cupy = cuda.load(device.index)
    NAMESPACES[cupy.ndarray] = cupy
    return cupy


def namespace(value: Array) -> ModuleType:
    """NumPy or CuPy, whichever made ``value``; raises TraceError for one without an array."""
    found = NAMESPACES.get(type(value))
    if found is None and hasattr(type(value), "__array_namespace__"):
        return value.__array_namespace__()  # an array of another kind brings its own
    if found is None:
        raise TraceError(
            f"this operation reads the values of a tensor {value.dtype}{list(value.shape)}, "
            "which has none here",
            hint="shape checking, vmap and jvp run a function on more than one array: keep "
            "operations whose result's shape depends on values out of it",
        )
    return found


def device_of(value: Array) -> Device:
    """The device that holds ``value``."""
    kind = type(value)
    if kind is np.ndarray:
        return CPU
    if kind is Spec:
        return META
    where = value.device
    return where if type(where) is Device else Device("cuda", where.id)


def to_device(value: Array, device: str | None) -> Array:
    """``value`` on ``device``: the same object when it is there already."""
    target = default_device() if device is None else Device(device)
    if target == device_of(value):
        return value
    if target == META:
        return Spec(value.shape, value.dtype)
    if type(value) is Spec:
        raise DeviceError(f"a tensor without data cannot be moved to {target}")
    if target == CPU:
        return cuda.to_host(value)
    return cuda.to_gpu(_load_cuda(target), value, target.index)


def to_numpy(value: Array) -> np.ndarray:
    """``value`` as a NumPy array on the host; raises TraceError for one without an array."""
    return value if namespace(value) is np else cuda.to_host(value)


def has_data(value: Array) -> bool:
    """Whether there are elements to look at: an array, and no Spec or lifted value."""
    return type(value) in NAMESPACES


def library(device: Device) -> ModuleType:
    """The array library that makes arrays on ``device``."""
    return _load_cuda(device) if device.type == "cuda" else np


def special(xp: ModuleType) -> ModuleType:
    """Special functions for arrays of ``xp``: SciPy's, or CuPy's twin of them."""
    return importlib.import_module("scipy.special" if xp is np else "cupyx.scipy.special")


def lapack() -> ModuleType:
    """LAPACK's routines for single matrices on the CPU, as SciPy gives them."""
    return importlib.import_module("scipy.linalg.lapack")


def strict_linalg(xp: ModuleType) -> Any:
    """A context in which CuPy, too, raises LinAlgError for a matrix that has no result."""
    return _NOWHERE if xp is np else cuda.strict_linalg()


def add_at(xp: ModuleType, total: Array, index: Any, values: Array) -> None:
    """``total[index] += values`` in place, where an index that repeats adds every time.

    ``values`` has the shape of ``total[index]``.
    """
    if xp is not np:
        if ordered.are_deterministic_algorithms_enabled():
            ordered.add_at(xp, total, index, values)
        else:
            cuda.scatter_add(total, index, values)
    elif values.size > 1000 and total.flags.c_contiguous:
        _add_flat(total, index, values)
    else:
        np.add.at(total, index, values)


def put_at(xp: ModuleType, total: Array, index: Any, values: Any) -> None:
    """``total[index] = values`` in place. Of several values for one place the last counts; on GPUs
    any one does, unless algorithms are to be deterministic."""
    if xp is np or not ordered.are_deterministic_algorithms_enabled():
        total[index] = values
    else:
        ordered.put_at(xp, total, index, values)


def combine_at(xp: ModuleType, ufunc: str, total: Array, index: Any, values: Array) -> None:
    """``total[index] = ufunc(total[index], values)`` in place; repeated places combine all."""
    if xp is np:
        getattr(np, ufunc).at(total, index, values)
    else:
        cuda.combine_at(ufunc, total, index, values)


LARGE = 8192
"""Elements from which compiled code reads and adds by index faster than NumPy."""

_BLOCK = 32_768
"""Places worked on at a time, so that they stay in the cache."""


def indexed() -> ModuleType:
    """The compiled code that does so, and LLVM with it, loaded when it is first needed."""
    return importlib.import_module("nbdl.backends.kernels.indexed")


def _add_flat(total: Array, index: Any, values: Array) -> None:
    """``add_at`` along the single axis of the flattened array: there NumPy is five times as fast.
    """
    flat = total.reshape(-1)
    heads, width = ordered.places(np, total.shape, index)
    rows = values.reshape(-1, width)
    if values.size >= LARGE and indexed().add_rows(total.reshape(-1, width), heads, rows):
        return
    heads, columns = heads * width, np.arange(width)
    step = max(1, _BLOCK // max(1, width))
    for i in range(0, heads.size, step):
        places = np.add.outer(heads[i : i + step], columns)
        np.add.at(flat, places.reshape(-1), rows[i : i + step].reshape(-1))


def full(shape: Sequence[int], value: Any, dtype: np.dtype, device: str | None = None) -> Array:
    """A new array filled with ``value``; on ``"meta"`` only its Spec."""
    target = default_device() if device is None else Device(device)
    if target == META:
        return Spec(tuple(shape), dtype)
    with cuda.on(target.index) if target.type == "cuda" else _NOWHERE:
        return library(target).full(tuple(shape), value, dtype)


_NOWHERE = cuda.Nowhere()

memory.keep_freed()
