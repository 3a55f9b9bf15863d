"""Sums along axes, quicker and at least as exact as NumPy's own.

NumPy adds short rows one by one, and along a first axis it adds row after row in float32, which
loses digits. Here the axes are put together to runs that are kept and runs that are summed; what
is left are rows of one matrix, which SIMD loops and BLAS take at the speed of memory.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from nbdl.shapes import Shape

_SMALL = 8192
"""Elements up to which NumPy's own sum is the quickest; eight times as many for one number."""
_ROW = 4096
"""The longest row that is added in one go; longer ones in pieces, for the sake of digits."""


def sum_of(
    xp: ModuleType, x: Any, axis: Shape, keepdims: bool = False, times: Any = None
) -> Any:
    """The sum of x, or of x · ``times`` (of x's shape), along axes, in x's dtype.

    Axes are non-negative. Arrays of other libraries, other dtypes than float32 and float64, small
    ones and those with gaps in memory are summed by their own ``sum``.
    """
    least = 8 * _SMALL if len(axis) == x.ndim and times is None else _SMALL
    plain = xp is not np or x.size < least or x.dtype.char not in "fd"
    if plain or (times is not None and times.strides != x.strides):
        return _plain(x, axis, keepdims, times)
    order = list(range(x.ndim))
    if not x.flags.c_contiguous:
        order.sort(key=lambda a: -x.strides[a])
        x = x.transpose(order)
        times = None if times is None else times.transpose(order)
        if not x.flags.c_contiguous:
            back = tuple(order.index(a) for a in range(x.ndim))
            x, times = x.transpose(back), None if times is None else times.transpose(back)
            return _plain(x, axis, keepdims, times)
    sizes, summed = _runs(x.shape, [a in axis for a in order])
    y = _summed(x.reshape(sizes), summed, None if times is None else times.reshape(sizes))
    y = y.reshape([1 if a in axis else n for a, n in zip(order, x.shape, strict=True)])
    if order != list(range(x.ndim)):
        y = y.transpose([order.index(a) for a in range(x.ndim)])
    return y if keepdims else y.squeeze(axis)


def _plain(x: Any, axis: Shape, keepdims: bool, times: Any) -> Any:
    return (x if times is None else x * times).sum(axis=axis, keepdims=keepdims)


def _runs(shape: Shape, flags: list[bool]) -> tuple[list[int], list[bool]]:
    """Neighbouring axes of one kind as one."""
    sizes: list[int] = []
    kinds: list[bool] = []
    for n, flag in zip(shape, flags, strict=True):
        if kinds and kinds[-1] == flag:
            sizes[-1] *= n
        else:
            sizes.append(n)
            kinds.append(flag)
    return sizes, kinds


def _summed(x: Any, summed: list[bool], times: Any) -> Any:
    """x without its summed axes, which alternate with kept ones."""
    for i in reversed(range(x.ndim)):
        if not summed[i]:
            continue
        if i == len(summed) - 1:
            x = _rows(x, times)
        else:  # what follows is kept: one axis
            x = x.reshape(*x.shape[: i + 1], -1)
            if times is None:
                x = np.matmul(np.ones(x.shape[i], x.dtype), x)
            else:
                x = np.einsum("...ij,...ij->...j", x, times.reshape(x.shape))
        times = None
    return x if times is None else x * times


def _rows(x: Any, times: Any) -> Any:
    """x, or x · times, without its last axis."""
    n = x.shape[-1]
    if n <= _ROW:
        return np.einsum("...i->...", x) if times is None else np.vecdot(x, times)
    whole = n - n % _ROW
    pieces = (*x.shape[:-1], whole // _ROW, _ROW)
    first, rest = x[..., :whole].reshape(pieces), x[..., whole:]
    if times is None:
        return _rows(first, None).sum(axis=-1) + _rows(rest, None)
    more, last = times[..., :whole].reshape(pieces), times[..., whole:]
    return _rows(first, more).sum(axis=-1) + _rows(rest, last)
