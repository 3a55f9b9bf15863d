"""Repeating, rolling and padding."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor
from nbdl.ops.families import Movement
from nbdl.ops.gathering import take
from nbdl.ops.movement import flatten, flip, reshape, swapaxes
from nbdl.ops.padding import Pad
from nbdl.shapes import Shape, Spec, normalize_axis

__all__ = [
    "tile",
    "repeat",
    "repeat_interleave",
    "roll",
    "rot90",
    "pad",
    "expand",
]


@dataclass(frozen=True)
class Roll(Movement):
    """Elements moved on along axes; those that leave come in at the other end."""

    shift: tuple[int, ...]
    axis: tuple[int, ...]
    axis_fields = ("axis",)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.roll(x, self.shift, self.axis)

    def decompose(self, x: Tensor) -> Tensor:
        for shift, axis in zip(self.shift, self.axis, strict=True):
            n = x.shape[axis]
            at = -shift % n if n else 0
            if at:
                every = (slice(None),) * axis
                x = concat([x[(*every, slice(at, n))], x[(*every, slice(0, at))]], axis=axis)
        return x

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Roll(tuple(-s for s in self.shift), self.axis)(dy)


# ----- repeating ------------------------------------------------------------------------------


def tile(x: Any, repetitions: int | Sequence[int], /) -> Tensor:
    """The whole tensor repeated along each axis.  x: (A, B), (2, 3) -> y: (2*A, 3*B).

    Missing entries count as 1; more entries than axes add axes in front.
    """
    x = astensor(x)
    times = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    rank = builtins.max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + tuple(int(t) for t in times)
    if any(t < 0 for t in times):
        raise ArgumentError(f"tile: repetitions={repetitions} must not be negative")
    sizes = (1,) * (rank - x.ndim) + x.shape
    paired = [n for t, s in zip(times, sizes, strict=True) for n in (t, s)]
    apart = reshape(x, tuple(n for s in sizes for n in (1, s)))
    repeated = broadcast_to(apart, paired)
    return reshape(repeated, tuple(t * s for t, s in zip(times, sizes, strict=True)))


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element repeated (array API's and NumPy's; PyTorch's repeat is ``tile``).

    ``repeats`` is a number or one for each element along ``axis``; without ``axis`` the
    flattened elements are taken.  x: (A, B), 2, axis=1 -> y: (A, 2*B).
    """
    x = astensor(x)
    if axis is None:
        x, axis = flatten(x), 0
    place = normalize_axis(axis, x.ndim)
    counts = np.asarray(repeats.numpy() if isinstance(repeats, Tensor) else repeats)
    if counts.dtype.kind not in "iu" or (counts.size and counts.min() < 0):
        raise ArgumentError(f"repeat: repeats={repeats} must be integers that are not negative")
    if counts.ndim == 0 or counts.size == 1:
        n = int(counts.reshape(()))
        shape = (*x.shape[: place + 1], n, *x.shape[place + 1 :])
        apart = reshape(x, (*x.shape[: place + 1], 1, *x.shape[place + 1 :]))
        return flatten(broadcast_to(apart, shape), place, place + 1)
    if counts.shape != (x.shape[place],):
        raise ShapeError(
            f"repeat: repeats of shape {counts.shape} must have one entry for each of the "
            f"{x.shape[place]} elements along axis {place} of shape {x.shape}"
        )
    return take(x, np.repeat(np.arange(counts.size), counts), axis=place)


def repeat_interleave(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """PyTorch's name of ``repeat``: each element repeated along ``axis``."""
    return repeat(x, repeats, axis=axis)


def expand(x: Any, *sizes: Any) -> Tensor:
    """``x.expand(3, -1)``: axes of size 1 repeated; -1 keeps a size (PyTorch's).

    x: (1, A) -> y: (3, A).
    """
    x = astensor(x)
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    new = len(given) - x.ndim
    if new < 0 or any(n == -1 for n in given[:new]):
        raise ShapeError(f"expand: sizes {tuple(given)} do not fit a tensor of shape {x.shape}")
    return broadcast_to(
        x, tuple(x.shape[i - new] if n == -1 else int(n) for i, n in enumerate(given))
    )


# ----- moving ---------------------------------------------------------------------------------


def roll(
    x: Any, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None
) -> Tensor:
    """Elements moved on by ``shift`` along ``axis``, coming in again at the other end.

    x: (...) -> y: (...); without ``axis`` the flattened elements move.
    """
    x = astensor(x)
    if axis is None:
        if not isinstance(shift, int):
            raise ArgumentError(f"roll: shift={shift} has several entries and axis is None")
        return reshape(Roll((shift,), (0,))(flatten(x)), x.shape)
    axes: tuple[Any, ...] = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    shifts: tuple[Any, ...] = (shift,) * len(axes)
    if isinstance(shift, (tuple, list)):
        shifts = tuple(shift)
    if len(shifts) != len(axes):
        raise ArgumentError(f"roll: shift={shift} and axis={axis} must have equally many entries")
    if x.ndim == 0:
        return x
    return Roll(
        tuple(int(s) for s in shifts), tuple(normalize_axis(a, x.ndim) for a in axes)
    )(x)


def rot90(x: Any, /, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of two axes, from the first towards the second."""
    x = astensor(x)
    places = [normalize_axis(i, x.ndim, "axes") for i in axes]
    if len(places) != 2 or places[0] == places[1]:
        raise ArgumentError(f"rot90: axes={tuple(axes)} must be two different axes")
    a, b = places
    quarter = k % 4
    if quarter == 0:
        return x
    if quarter == 2:
        return flip(x, (a, b))
    turned = swapaxes(x, a, b)
    return flip(turned, a if quarter == 1 else b)


PAD_MODES = ("constant", "reflect", "replicate", "circular")


def pad(
    x: Any, /, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """A border around the last axes (PyTorch's ``pad``).

    Args:
        x: (...).
        pad: two widths for each axis from the last one backwards: (left, right, top, bottom,
            …). Negative widths cut off (mode "constant").
        mode: "constant" (of ``value``, default 0), "reflect" (mirrored without the edge),
            "replicate" (the edge repeated) or "circular" (the other end).
        value: for mode "constant".

    Raises:
        ArgumentError: an unknown mode, an odd number of widths.
        ShapeError: more widths than axes, or a border wider than the mode can fill.
    """
    x = astensor(x)
    if mode not in PAD_MODES:
        raise unknown("pad mode", mode, PAD_MODES)
    widths = [int(n) for n in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ArgumentError(
            f"pad={tuple(pad)} must have two entries for each padded axis, at most "
            f"{2 * x.ndim} for shape {x.shape}"
        )
    pairs = [(widths[i], widths[i + 1]) for i in range(0, len(widths), 2)][::-1]
    per_axis = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    if mode == "constant":
        op = Pad(tuple(per_axis), 0 if value is None else value)
        op.infer(x.spec)
        return op(x)
    for axis, (before, after) in enumerate(per_axis):
        if before or after:
            x = take(x, _border(mode, x.shape, axis, before, after), axis=axis)
    return x


def _border(mode: str, shape: Shape, axis: int, before: int, after: int) -> np.ndarray:
    """Where each place of a padded axis takes its value from."""
    n = shape[axis]
    places = np.arange(-before, n + after)
    limit = {"reflect": n - 1, "circular": n, "replicate": math.inf if n else 0}[mode]
    if builtins.max(before, after) > limit:
        raise ShapeError(
            f"pad: a border of {builtins.max(before, after)} along axis {axis} of size {n} "
            f"(shape {shape}) is too wide for mode {mode!r}",
            hint=f"at most {limit}, or mode='constant'",
        )
    if mode == "circular":
        return places % n
    if mode == "replicate":
        return places.clip(0, n - 1)
    places = np.abs(places)
    return np.where(places >= n, 2 * (n - 1) - places, places)


METHODS = {
    "tile": tile,
    "repeat": repeat,
    "repeat_interleave": repeat_interleave,
    "roll": roll,
    "expand": expand,
}
