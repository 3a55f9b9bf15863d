"""CuPy, loaded when the first CUDA device is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

import numpy as np

from nbdl.errors import DeviceError, MissingError


class Nowhere:
    """A context manager that does nothing: the CPU's counterpart of ``on(device)``."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def load(index: int) -> ModuleType:
    """CuPy, once GPU number ``index`` is known to be there.

    Raises:
        MissingError: CuPy is not installed.
        DeviceError: no GPU was found, or fewer than ``index + 1``.
    """
    if importlib.util.find_spec("cupy") is None:
        raise MissingError(
            f"device 'cuda:{index}' needs CuPy, which is not installed",
            hint="pip install 'nbdl[cuda12]' (or 'nbdl[cuda13]' for CUDA 13), or use device='cpu'",
        )
    cupy = importlib.import_module("cupy")
    count = cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0
    if index >= count:
        raise DeviceError(
            f"device 'cuda:{index}' was asked for, but "
            + (f"only {count} GPU(s) were found" if count else "no NVIDIA GPU was found"),
            hint="device='cpu', or check that nvidia-smi lists the GPU",
        )
    return cupy


def count() -> int:
    """How many GPUs can be used: 0 without CuPy, or without a GPU. Never raises."""
    if importlib.util.find_spec("cupy") is None:
        return 0
    cupy = importlib.import_module("cupy")
    return int(cupy.cuda.runtime.getDeviceCount()) if cupy.cuda.is_available() else 0


def synchronize() -> None:
    """Wait until the current GPU has done all its work; nothing to wait for without one."""
    if count():
        importlib.import_module("cupy").cuda.Device().synchronize()


def release_cached() -> None:
    """Give back the GPU memory that CuPy keeps for later."""
    if count():
        importlib.import_module("cupy").get_default_memory_pool().free_all_blocks()


def on(index: int) -> Any:
    """A context in which GPU number ``index`` is the current one."""
    return load(index).cuda.Device(index)


def to_gpu(cupy: ModuleType, value: Any, index: int) -> Any:
    """A copy of ``value`` (NumPy or CuPy) on GPU number ``index``."""
    with cupy.cuda.Device(index):
        return cupy.asarray(value)


def to_host(value: Any) -> np.ndarray:
    """A NumPy copy of a CuPy array."""
    return value.get()


def scatter_add(total: Any, index: Any, values: Any) -> None:
    """``total[index] += values`` on the GPU, where an index that repeats adds every time."""
    importlib.import_module("cupyx").scatter_add(total, index, values)


def strict_linalg() -> Any:
    """A context in which CuPy raises LinAlgError for a matrix that has no result."""
    return importlib.import_module("cupyx").errstate(linalg="raise")


def combine_at(ufunc: str, total: Any, index: Any, values: Any) -> None:
    """``total[index] = ufunc(total[index], values)``: products on the host, which CuPy lacks."""
    cupyx = importlib.import_module("cupyx")
    if ufunc == "multiply":
        host = total.get()
        np.multiply.at(host, index.get(), values.get())
        total[...] = to_gpu(load(total.device.id), host, total.device.id)
    else:
        scatter = cupyx.scatter_max if ufunc == "maximum" else cupyx.scatter_min
        scatter(total, index, values)
