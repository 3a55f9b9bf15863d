"""Primitives run on NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbdl.backends import onednn
from nbdl.backends.onednn import Call, Layout, Opaque, Primitive

needs_onednn = pytest.mark.skipif(not onednn.available(), reason="oneDNN is not installed here")

LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
"""Axes of channels-last tensors, slowest first."""


def layout(array: np.ndarray) -> Layout:
    """How an array lies in memory."""
    strides = tuple(s // array.itemsize for s in array.strides)
    return Layout(array.shape, strides, array.dtype.name)


def channels_last(array: np.ndarray) -> np.ndarray:
    """The same array with its channels beside each other."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)).transpose(
        0, array.ndim - 1, *range(1, array.ndim - 1)
    )


_GUARD = 64


def memory(of: Layout | Opaque) -> np.ndarray:
    """Bytes for a layout, on a boundary of 64, full of NaN, with as many behind as a guard."""
    room = np.full(of.nbytes + 64 + _GUARD, 255, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + of.nbytes + _GUARD]


def view(of: Layout, bytes_: np.ndarray) -> np.ndarray:
    """The tensor that lies in ``bytes_``."""
    flat = bytes_.view(of.dtype)
    strides = [s * flat.itemsize for s in of.strides]
    return np.lib.stride_tricks.as_strided(flat, of.shape, strides)


class Run:
    """A primitive bound to arrays and run; what is not given gets memory of its own.

    Attributes:
        arrays: by role, what lies there; opaque ones as bytes.
    """

    def __init__(self, primitive: Primitive, **given: np.ndarray) -> None:
        self.arrays = dict(given)
        guards = []
        for role in primitive.roles:
            wanted = primitive.layouts[role]
            if role not in given:
                room = memory(wanted)
                guards.append(room[wanted.nbytes :])
                strided = isinstance(wanted, Layout) and role not in ("scratchpad", "workspace")
                room = room[: wanted.nbytes]
                self.arrays[role] = view(wanted, room) if strided else room
        self.call: Call = primitive.bind({r: a.ctypes.data for r, a in self.arrays.items()})
        self.call()
        assert all((guard == 255).all() for guard in guards), "written behind the end"

    def __getitem__(self, role: str) -> np.ndarray:
        return self.arrays[role]


def reordered(array: np.ndarray, to: Any) -> np.ndarray:
    """An array brought into a layout: itself if it lies so already, else new bytes."""
    if to == layout(array):
        return array
    return Run(onednn.reorder(layout(array), to), src=array)["dst"]


def plain(bytes_: np.ndarray, of: Layout | Opaque, shape: tuple[int, ...]) -> np.ndarray:
    """What lies in ``bytes_`` as a C array of ``shape``."""
    if isinstance(of, Layout):
        return bytes_ if bytes_.shape == shape else view(of, bytes_)
    return Run(onednn.reorder(of, Layout.dense(shape, of.dtype)), src=bytes_)["dst"]


def assert_sums_close(
    got: np.ndarray, exact: np.ndarray, size: np.ndarray, terms: int, eps: float = 2.0**-24
) -> None:
    """float32 sums of ``terms`` products differ from exact ones by rounding only.

    ``size`` is the same sum of absolute values: with any order of additions the error is at most
    about ``terms * eps * size`` (N. Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
    """
    assert got.shape == exact.shape
    bound = (terms + 4) * eps * size + 1e-37
    worst = np.max(np.abs(got.astype(np.float64) - exact) / bound)
    assert worst <= 1, f"{worst:.3g} times the bound"
