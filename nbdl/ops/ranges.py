"""Ranges, grids, identities and other tensors made from a rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.backends import dlpack
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor, promote_all, tensor
from nbdl.ops.creation import full_like, zeros
from nbdl.ops.movement import reshape
from nbdl.shapes import Spec, as_int, as_shape, broadcast_shapes

__all__ = [
    "arange",
    "linspace",
    "logspace",
    "eye",
    "empty",
    "empty_like",
    "empty_spec",
    "from_numpy",
    "from_dlpack",
    "meshgrid",
    "tril_indices",
    "triu_indices",
    "broadcast_tensors",
    "broadcast_arrays",
]


def _made(array: np.ndarray, device: str | None, requires_grad: bool = False) -> Tensor:
    y = Tensor._wrap(backends.to_device(array, device))
    return y.requires_grad_() if requires_grad else y


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from ``start`` (0 when one is given) up to but without ``stop``, by ``step``.

    -> y: (ceil((stop - start) / step),), int64 for integers, else the default float.
    """
    start, stop = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ArgumentError(f"arange({start}, {stop}, {step}): step must not be 0")
    if not math.isfinite((stop - start) / step):
        raise ArgumentError(f"arange({start}, {stop}, {step}): the bounds must be finite")
    whole = all(isinstance(v, (int, np.integer)) for v in (start, stop, step))
    found = (
        dtypes.as_dtype(dtype)
        if dtype is not None
        else dtypes.int64 if whole else dtypes.default_float()
    )
    if whole:
        array = np.arange(start, stop, step)
    else:
        count = max(math.ceil((stop - start) / step), 0)
        array = start + np.arange(count) * step
    return _made(array.astype(found), device, requires_grad)


def _count(start: Any, stop: Any, num: Any) -> int:
    """``num`` as an integer, after a look at the bounds."""
    for name, bound in (("start", start), ("stop", stop)):
        if np.ndim(bound):
            raise ShapeError(f"{name} must be a number, got a tensor of shape {np.shape(bound)}")
    return as_int(num, "num", least=0)


def linspace(
    start: float,
    stop: float,
    /,
    num: int = 100,
    *,
    dtype: Any = None,
    device: str | None = None,
    endpoint: bool = True,
    requires_grad: bool = False,
) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``.  -> y: (num,), a float."""
    num = _count(start, stop, num)
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    wide = np.complex128 if isinstance(start, complex) or isinstance(stop, complex) else np.float64
    if wide is np.complex128 and dtype is None:
        found = dtypes.complex_of(found)
    array = np.linspace(start, stop, num, endpoint=endpoint, dtype=wide)
    return _made(array.astype(found), device, requires_grad)


def logspace(
    start: float,
    stop: float,
    /,
    num: int = 100,
    *,
    base: float = 10.0,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """``base`` to the powers ``linspace(start, stop, num)``.  -> y: (num,), a float dtype."""
    num = _count(start, stop, num)
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    return _made(np.logspace(start, stop, num, base=base).astype(found), device)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on diagonal ``k``, zeros elsewhere.  -> y: (n_rows, n_cols), the default float."""
    columns = n_rows if n_cols is None else n_cols
    n_rows, columns = as_int(n_rows, "n_rows", least=0), as_int(columns, "n_cols", least=0)
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    return _made(np.eye(n_rows, columns, k, dtype=found), device, requires_grad)


def empty(
    shape: int | Sequence[int],
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor whose values nobody promised (they are 0 here).  -> y: ``shape``."""
    return zeros(shape, dtype=dtype, device=device, requires_grad=requires_grad)


def empty_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """A tensor of x's shape, dtype and device, whose values nobody promised."""
    return full_like(x, 0, dtype=dtype, device=device)


def empty_spec(shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """A tensor without data: only shape and dtype, which operations carry on.

    Calling a model on it checks its shapes without computing anything.
    """
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor._wrap(Spec(as_shape(shape), found))


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares an array's memory; the array must not be changed afterwards."""
    return astensor(array)


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """A tensor of any object with ``__dlpack__`` (array API), sharing memory where possible.

    It stays on its device unless ``device`` is another. Raises DtypeError for elements that
    DLPack or nbdl cannot hold, ArgumentError where ``copy=False`` and a copy is needed.
    """
    value = dlpack.take(x)
    here = backends.device_of(value)
    target = here if device is None else backends.Device(device)
    if copy is False and target != here:
        raise ArgumentError(f"from_dlpack: from {here} to {target} needs a copy")
    y = tensor(value, device=target) if copy else astensor(value)
    return y if y.device == target else y.to(target)


def meshgrid(*xs: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid from its axes.

    xs: (n,), (m,), … -> one tensor for each, of shape (m, n, …) for indexing="xy", the array
    API's default, or (n, m, …) for "ij", PyTorch's.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing={indexing!r} must be 'xy' or 'ij'")
    if len(xs) == 1 and isinstance(xs[0], (list, tuple)):
        xs = tuple(xs[0])
    axes = promote_all(*xs) if xs else ()
    for i, x in enumerate(axes):
        if x.ndim > 1:
            raise ShapeError(f"meshgrid: argument {i} must be a vector, got shape {x.shape}")
    order = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        order[0], order[1] = 1, 0
    shape = [0] * len(axes)
    for i, x in enumerate(axes):
        shape[order[i]] = x.size
    return [
        broadcast_to(
            reshape(x, tuple(x.size if place == order[i] else 1 for place in range(len(axes)))),
            shape,
        )
        for i, x in enumerate(axes)
    ]


def _triangle(n_rows: Any, k: int, n_cols: Any) -> tuple[int, int, int]:
    rows = as_int(n_rows, "n_rows", least=0)
    return rows, k, rows if n_cols is None else as_int(n_cols, "n_cols", least=0)


def tril_indices(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, device: str | None = None
) -> tuple[Tensor, Tensor]:
    """Rows and columns of the elements on and below diagonal ``k``.  -> two int64 vectors."""
    rows, columns = np.tril_indices(*_triangle(n_rows, k, n_cols))
    return _made(rows, device), _made(columns, device)


def triu_indices(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, device: str | None = None
) -> tuple[Tensor, Tensor]:
    """Rows and columns of the elements on and above diagonal ``k``.  -> two int64 vectors."""
    rows, columns = np.triu_indices(*_triangle(n_rows, k, n_cols))
    return _made(rows, device), _made(columns, device)


def broadcast_tensors(*xs: Any) -> tuple[Tensor, ...]:
    """All tensors broadcast to their common shape; dtypes stay.  -> one for each."""
    tensors = [astensor(x) for x in xs]
    shape = broadcast_shapes(*(x.shape for x in tensors), what="broadcast_tensors: the tensors")
    return tuple(broadcast_to(x, shape) for x in tensors)


def broadcast_arrays(*xs: Any) -> list[Tensor]:
    """All tensors broadcast to their common shape (array API's name)."""
    return list(broadcast_tensors(*xs))
