"""What convolutions and pooling share: sizes of windows and Keras's kinds of padding."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.keras.layers.base import Layer
from nbdl.nn import functional as F
from nbdl.ops.movement import permute_dims


def sizes(layer: Layer, name: str, given: Any, n: int) -> tuple[int, ...]:
    """One whole number for each axis, from one or several."""
    values = (given,) * n if isinstance(given, int) else tuple(given)
    if len(values) != n or any(isinstance(v, bool) or not isinstance(v, int) or v < 1
                               for v in values):  # fmt: skip
        raise ArgumentError(
            f"{type(layer).__name__}: {name} must be a whole number of at least 1"
            + (f", or {n} of them" if n > 1 else "") + f", got {given!r}"
        )  # fmt: skip
    return values


def check_padding(layer: Layer, given: Any, known: tuple[str, ...] = ("valid", "same")) -> str:
    """``"valid"``, ``"same"``, ..., in any case."""
    plain = str(given).lower()
    if plain not in known:
        raise ArgumentError(
            f"{type(layer).__name__}: padding must be one of {', '.join(known)}, got {given!r}"
        )
    return plain


def channels_first(x: Tensor) -> Tensor:
    """(batch, ..., channels) -> (batch, channels, ...)."""
    return permute_dims(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def channels_last(x: Tensor) -> Tensor:
    """(batch, channels, ...) -> (batch, ..., channels)."""
    return permute_dims(x, (0, *range(2, x.ndim), 1))


def same_padding(
    shape: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, ...],
    dilation: tuple[int, ...],
) -> list[int]:  # fmt: skip
    """What ``F.pad`` adds for ceil(size / stride) outputs: the odd one goes to the end."""
    pads: list[int] = []
    for n, k, s, d in zip(shape, window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        total = max((-(-n // s) - 1) * s + reach - n, 0)
        pads = [total // 2, total - total // 2, *pads]  # F.pad begins with the last axis
    return pads


def padded(x: Tensor, pads: list[int], value: float = 0.0) -> Tensor:
    """``x`` with ``pads`` around, or itself where there are none."""
    return F.pad(x, pads, value=value) if any(pads) else x
