"""What the axes of an array are, and which of them a picture shows: guesses a person may change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.inspection.arrays import Numbers

IMAGES = {1, 3}
"""Channels of what is a picture."""

SMALLEST = 4
"""Pixels of a picture's side at least."""

LARGEST_FILTER = 11
MOST_ROW_SUMS = 4096

BATCHED = {
    3: ("N", "C", "L"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}
FILTERS = {
    3: ("out", "in", "width"),
    4: ("out", "in", "height", "width"),
    5: ("out", "in", "depth", "height", "width"),
}
CONVOLVED = ("conv", "pool", "batch_norm", "instance_norm", "group_norm")


@dataclass(frozen=True)
class Layout:
    """What a picture shows of an array.

    Attributes:
        names: of the axes.
        rows, columns, panels: the axes that are seen; -1: there is none.
        mode: values or image.
        kind: in a word what it was taken for: 'images', 'attention', 'filters', or ''.
        channel: of images, the axis of the colours.
    """

    names: tuple[str, ...]
    rows: int
    columns: int
    panels: int
    mode: str = "values"
    kind: str = ""
    channel: int = -1


def layout_of(thing: Any, numbers: Numbers, names: Sequence[str] | None = None) -> Layout:
    """The layout that a person would most likely want.

    Args:
        thing: where the numbers come from.
        numbers: the same as numbers.
        names: of the axes, where they are known.

    Raises ArgumentError when there are not as many names as axes.
    """
    shape = numbers.shape
    if names is not None and len(names) != len(shape):
        raise ArgumentError(
            f"{len(names)} names ({', '.join(names)}) for the {len(shape)} axes of {shape}",
            hint="one name for each axis, such as N,C,H,W",
        )
    if not shape or math.prod(shape) == 0:
        return Layout(_numbered(len(shape)), -1, -1, -1)
    found = _guess(thing, numbers)
    return found if names is None else replace(found, names=tuple(names))


def _guess(thing: Any, numbers: Numbers) -> Layout:
    shape, ndim = numbers.shape, len(numbers.shape)
    last = Layout(_numbered(ndim), ndim - 2, ndim - 1, ndim - 3 if ndim > 2 else -1)
    if ndim == 1:
        return replace(last, rows=-1)
    if numbers.parameter and ndim in (4, 5) and max(shape[2:]) <= LARGEST_FILTER:
        return replace(last, names=FILTERS[ndim], panels=0, kind="filters")
    if numbers.parameter and ndim == 2:
        return replace(last, names=("out", "in"))
    if _is_attention(numbers):
        names = ("N", "head", "query", "key")[-ndim:]
        return replace(last, names=names, kind="attention")
    convolved = _made_by(thing).startswith(CONVOLVED)
    image = None if convolved else _image(numbers)
    if image is not None:
        return image
    if ndim in BATCHED and convolved:
        return replace(last, names=BATCHED[ndim], panels=1)
    return last


def _numbered(ndim: int) -> tuple[str, ...]:
    return tuple(f"axis {axis}" for axis in range(ndim))


def _made_by(thing: Any) -> str:
    """The operation that made a tensor, in small letters; '' where that is not known."""
    op = getattr(getattr(thing, "node", None), "op", None) if isinstance(thing, Tensor) else None
    return getattr(op, "name", "") if op is not None else ""


def _image(numbers: Numbers) -> Layout | None:
    """Where the shape says image: (N, 1 or 3, H, W), (N, H, W, 3), or (H, W, 3)."""
    shape, dtype = numbers.shape, numbers.value.dtype
    if dtype.kind not in "iufV" or numbers.parameter:
        return None
    pixels = dtype == np.uint8 or dtype in dtypes.FLOATS
    if len(shape) == 4 and shape[1] in IMAGES and min(shape[2:]) >= SMALLEST:
        return Layout(("N", "C", "H", "W"), 2, 3, 0, "image", "images", 1)
    last = len(shape) - 1
    if len(shape) in (3, 4) and shape[-1] == 3 and min(shape[-3:-1]) >= 2 * SMALLEST and pixels:
        names = ("N", "H", "W", "C")[3 - last :]
        panels = 0 if last == 3 else -1
        return Layout(names, last - 2, last - 1, panels, "image", "images", last)
    return None


def _is_attention(numbers: Numbers) -> bool:
    """(heads, L, L) of shares, whose rows sum to 1."""
    shape = numbers.shape
    if len(shape) not in (3, 4) or shape[-1] != shape[-2] or shape[-1] < 2:
        return False
    if numbers.value.dtype not in dtypes.FLOATS:
        return False
    some = (0,) * (len(shape) - 3) + (slice(0, max(1, MOST_ROW_SUMS // shape[-2] ** 2)),)
    few = (*some, slice(0, 64), slice(None))
    values = np.asarray(backends.to_numpy(numbers.value[few])).astype(np.float64)
    coarse = 2e-2 if numbers.value.dtype in dtypes.HALVES else 1e-3
    return bool(values.min() >= 0 and np.allclose(values.sum(axis=-1), 1, atol=coarse))

