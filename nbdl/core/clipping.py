"""Clipping of gradients. ``nbdl.optim`` and ``nbdl.nn.utils`` both offer it, PyTorch's names."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core import modes
from nbdl.core.lifted import Lifted
from nbdl.core.rows import Rows, elements, on_values
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients of the parameters that have one."""
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in listed if p.grad is not None]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """The norm of all tensors as one long vector.  -> a number, float32 or wider."""
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not order > 0:
        raise ArgumentError(f"norm_type={norm_type!r} must be positive", hint='2, or float("inf")')
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        norms = [_norm(elements(x.value), order) for x in listed]
    if math.isinf(order):
        total = math.nan if any(map(math.isnan, norms)) else max(norms, default=0.0)
    elif len(norms) == 1:
        total = norms[0]
    else:
        total = sum(n**order for n in norms) ** (1 / order)
    if error_if_nonfinite and not math.isfinite(total):
        raise GradientError(
            f"the gradients' norm is {total}, so they cannot be clipped",
            hint="nbdl.detect_anomaly() finds the operation that made the first NaN or Inf",
        )
    wide = any(x.dtype == dtypes.float64 for x in listed)
    return Tensor._wrap(np.asarray(total, dtypes.float64 if wide else dtypes.float32))


def _norm(value: Any, order: float) -> float:
    """The norm of one array's elements, in float64 where float32 would overflow."""
    flat = value.reshape(-1)
    if order == 2 and flat.dtype in (dtypes.float32, dtypes.float64):
        square = float(flat.dot(flat))
        # An underflow to 0 or an overflow to Inf is seen and done again in float64.
        if 1e-30 < square < math.inf:
            return math.sqrt(square)
    size = abs(flat)
    if size.dtype != dtypes.float64:
        size = size.astype(dtypes.float64)
    largest = float(size.max()) if size.size else 0.0
    if math.isinf(order) or not 0 < largest < math.inf:
        return largest
    return largest * float(((size / largest) ** order).sum()) ** (1 / order)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together so that their norm is at most ``max_norm``.

    R. Pascanu and others, ICML 2013. Puts new values into ``p.grad``; returns the norm before.

    Args:
        parameters: those whose gradients are clipped.
        max_norm: the largest norm allowed.
        norm_type: the p of the norm; ``float("inf")`` is the largest element.
        error_if_nonfinite: raise GradientError if the norm is NaN or infinite.
        foreach: accepted for PyTorch's sake; there is one implementation.
    """
    _check_limit("clip_grad_norm_", max_norm)
    gradients = _gradients(parameters)
    if any(isinstance(g.value, Lifted) and type(g.value) is not Rows for g in gradients):
        return _clip_without_values(gradients, max_norm, float(norm_type))
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    _shorten(gradients, max_norm, total)
    return total


def _clip_without_values(gradients: list[Tensor], max_norm: float, order: float) -> Tensor:
    """The same by operations alone, for gradients that are being traced."""
    with modes.no_grad():
        if math.isinf(order):
            norms = [g.abs().max() for g in gradients]
            total = norms[0]
            for norm in norms[1:]:
                total = total.maximum(norm)
        else:
            total = sum((_powers(g, order) for g in gradients), start=0.0)  # type: ignore[assignment]
            total = total.sqrt() if order == 2 else total ** (1 / order)
        factor = (max_norm / (total + 1e-6)).minimum(1.0)  # of NaN it is NaN
        for g in gradients:
            g.value = (g * factor).value
    return total


def _powers(g: Tensor, order: float) -> Tensor:
    powers = g * g if order == 2 else g.abs() ** order
    if g.ndim > 1:  # by rows first, so that several threads can do it
        powers = powers.sum(tuple(range(1, g.ndim)))
    return powers.sum()


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Any,
    foreach: bool | None = None,
) -> None:  # fmt: skip
    """Scale all gradients so that a norm of ``total_norm``, which is known, becomes ``max_norm``.

    Where it is smaller already nothing changes. With ``get_total_norm`` this is
    ``clip_grad_norm_`` in two halves, for norms over more gradients than are clipped here.
    """
    _check_limit("clip_grads_with_norm_", max_norm)
    _shorten(_gradients(parameters), max_norm, total_norm)


def _check_limit(who: str, max_norm: float) -> None:
    if not max_norm >= 0:
        raise ArgumentError(f"{who}: max_norm={max_norm!r} must not be negative")


def _shorten(gradients: list[Tensor], max_norm: float, total: Any) -> None:
    factor = max_norm / (float(total) + 1e-6)
    if not factor >= 1.0:  # a norm of NaN makes NaN of all gradients, as it should
        for g in gradients:
            g.value = on_values(g.value, functools.partial(_scaled, factor=factor))


def _scaled(value: Any, factor: float) -> Any:
    xp = backends.namespace(value)
    out = xp.empty(value.shape, value.dtype)
    with np.errstate(invalid="ignore"):  # an infinite gradient times 0: a GradScaler has seen it
        return xp.multiply(value, value.dtype.type(factor), out=out)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to -clip_value..clip_value."""
    if not clip_value >= 0:
        raise ArgumentError(f"clip_grad_value_: clip_value={clip_value!r} must not be negative")
    for g in _gradients(parameters):
        g.value = on_values(g.value, functools.partial(_limited, limit=clip_value))


def _limited(value: Any, limit: float) -> Any:
    xp = backends.namespace(value)
    low, high = (value.dtype.type(x) for x in (-limit, limit))
    return xp.asarray(xp.clip(value, low, high))
