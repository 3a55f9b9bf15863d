"""New tensors: filled with one number, ranges, identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import astensor
from nbdl.shapes import Spec, as_shape

__all__ = ["zeros", "ones", "full", "zeros_like", "ones_like", "full_like"]


def _filled(shape: Any, number: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    y = Tensor._wrap(backends.full(as_shape(shape), number, found, device))
    return y.requires_grad_() if requires_grad else y


def zeros(
    shape: int | Sequence[int],
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros.  -> y: ``shape``, the default float."""
    return _filled(shape, 0, dtype, device, requires_grad)


def ones(
    shape: int | Sequence[int],
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones.  -> y: ``shape``, the default float."""
    return _filled(shape, 1, dtype, device, requires_grad)


def full(
    shape: int | Sequence[int],
    fill_value: Any,
    *,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """``fill_value`` everywhere.  -> y: ``shape``; the number's own kind unless ``dtype``."""
    found = astensor(fill_value).dtype if dtype is None else dtype
    return _filled(shape, fill_value, found, device, requires_grad)


def zeros_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Zeros of the shape, dtype and device of ``x``."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Any, /, *, dtype: Any = None, device: str | None = None) -> Tensor:
    """Ones of the shape, dtype and device of ``x``."""
    return full_like(x, 1, dtype=dtype, device=device)


def full_like(
    x: Any, /, fill_value: Any, *, dtype: Any = None, device: str | None = None
) -> Tensor:
    """``fill_value`` everywhere, of the shape, dtype and device of ``x``."""
    x = astensor(x)
    found = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    where = x.device if device is None else device
    return Tensor._wrap(backends.full(x.shape, fill_value, found, where))


def zeros_of(spec: Spec) -> Tensor:
    """Zeros of a Spec's shape and dtype."""
    return zeros(spec.shape, dtype=spec.dtype)
