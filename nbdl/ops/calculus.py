"""Sampled functions: slopes and areas by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor, floats
from nbdl.ops.cumulative import cumsum
from nbdl.ops.movement import reshape
from nbdl.ops.placing import narrow
from nbdl.shapes import normalize_axis

__all__ = ["cumulative_trapezoid", "gradient", "trapezoid", "trapz"]


def _areas(name: str, y: Any, x: Any, dx: Any, axis: int) -> tuple[Tensor, int]:
    """Areas of the strips between neighbouring samples, and the axis they lie along."""
    y = floats(y)
    if y.ndim == 0:
        raise ShapeError(f"{name} needs at least one axis, got shape ()")
    place = normalize_axis(axis, y.ndim)
    n = y.shape[place]
    left, right = narrow(y, place, 0, max(n - 1, 0)), narrow(y, place, min(n, 1), max(n - 1, 0))
    if x is None:
        return (left + right) * (dx / 2 if isinstance(dx, (int, float)) else floats(dx) / 2), place
    x = floats(x)
    if x.ndim == 1:
        x = reshape(x, (x.size, *(1,) * (y.ndim - 1 - place)))
    along = normalize_axis(place - y.ndim, x.ndim)
    if x.shape[along] != n:
        raise ShapeError(f"{name}: {n} samples along axis {place} of y, but x has shape {x.shape}")
    steps = narrow(x, along, min(n, 1), max(n - 1, 0)) - narrow(x, along, 0, max(n - 1, 0))
    return (left + right) * steps / 2, place


def trapezoid(y: Any, /, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The area under samples by the trapezoidal rule.

    y: (..., n, ...), x: places of the samples, (n,) or broadcasting to y; without x they are
    ``dx`` apart -> the shape of y without the axis.
    """
    areas, place = _areas("trapezoid", y, x, dx, axis)
    return total(areas, place)


def trapz(y: Any, /, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The older name of ``trapezoid``."""
    return trapezoid(y, x, dx=dx, axis=axis)


def cumulative_trapezoid(y: Any, /, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The area up to each sample but the first: see ``trapezoid``.  (n,) -> (n - 1,)."""
    areas, place = _areas("cumulative_trapezoid", y, x, dx, axis)
    return cumsum(areas, place)


def gradient(
    y: Any, /, *, spacing: Any = None, axis: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes of samples along axes: central differences inside, one-sided ones at the ends.

    Args:
        y: (..., n, ...), with at least edge_order + 1 samples along each axis.
        spacing: a number for all axes, or a sequence with a number or a vector of places each.
        axis: one or several; None: all.
        edge_order: 1 or 2, the accuracy at the ends.

    Returns:
        One tensor of y's shape for each axis. Second-order differences for uneven spacing:
        Quarteroni, Sacco, Saleri, "Numerical Mathematics", 2007.
    """
    y = floats(y)
    axes = range(y.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    places = [normalize_axis(a, y.ndim) for a in axes]
    if len(set(places)) != len(places):
        raise ArgumentError(f"gradient: axis={tuple(axes)} names the same axis twice")
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order={edge_order} must be 1 or 2")
    steps = spacing if isinstance(spacing, (tuple, list)) else [spacing] * len(places)
    if len(steps) != len(places):
        raise ArgumentError(f"gradient: {len(steps)} spacings for {len(places)} axes")
    return tuple(_slope(y, a, h, edge_order) for a, h in zip(places, steps, strict=True))


def _slope(y: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    n = y.shape[axis]
    if n <= edge_order:
        raise ShapeError(
            f"gradient: {n} samples along axis {axis} of shape {y.shape}, at least "
            f"{edge_order + 1} are needed"
        )

    def at(start: int, length: int = 1) -> Tensor:
        return narrow(y, axis, start, length)

    h = astensor(1.0 if spacing is None else spacing, like=y)
    if h.ndim and h.shape != (n,):
        raise ShapeError(f"gradient: spacing of shape {h.shape} for {n} samples")
    d = h[1:] - h[:-1] if h.ndim else broadcast_to(h, (n - 1,))  # from each sample to the next
    d = reshape(d, (n - 1, *(1,) * (y.ndim - 1 - axis)))
    before, after = d[: n - 2], d[1:]
    inside = (
        at(0, n - 2) * (-after / (before * (before + after)))
        + at(1, n - 2) * ((after - before) / (before * after))
        + at(2, n - 2) * (before / (after * (before + after)))
    ) if n > 2 else at(0, 0)  # fmt: skip
    third = edge_order == 2
    left = _end(at(0), at(1), at(2) if third else None, d[:1], d[1:2])
    right = _end(at(n - 1), at(n - 2), at(n - 3) if third else None, d[-1:], d[-2:-1])
    return concat([left, inside, -right], axis=axis)


def _end(a: Tensor, b: Tensor, c: Tensor | None, h: Any, k: Any) -> Tensor:
    """The slope at ``a`` towards ``b`` at distance h (and ``c``, k further)."""
    if c is None:
        return (b - a) / h
    return a * (-(2 * h + k) / (h * (h + k))) + b * ((h + k) / (h * k)) - c * (h / (k * (h + k)))
