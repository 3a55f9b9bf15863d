"""The way back from max pooling: each value at the place it came from, zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_of
from nbdl.ops.gathering import Scatter
from nbdl.ops.movement import reshape
from nbdl.ops.windows import Size
from nbdl.shapes import Shape, Spec, as_tuple

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _unpool(
    n: int, input: Any, indices: Any, kernel: Size, stride: Any, padding: Size, output_size: Any
) -> Tensor:
    name = f"max_unpool{n}d"
    x, index = astensor(input), astensor(indices)
    if x.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name} got input of shape {x.shape}, expected (batch, channels, ...)")
    if index.dtype.kind not in "iu":
        raise DtypeError(f"{name} needs integer indices, got {index.dtype}",
                         hint=f"max_pool{n}d(..., return_indices=True) gives them")  # fmt: skip
    if index.shape != x.shape:
        raise ShapeError(f"{name} got input of shape {x.shape} and indices of {index.shape}")
    sizes = _output_sizes(name, n, x.shape, kernel, stride, padding, output_size)
    lead, room = x.shape[:-n], math.prod(sizes)
    _check_range(name, index, room, sizes)
    empty = zeros_of(Spec((*lead, room), x.dtype))
    empty = empty if x.device == "meta" else empty.to(x.device)
    flat = (*lead, math.prod(x.shape[-n:]))
    y = Scatter(len(lead))(empty, reshape(index, flat), reshape(x, flat))
    return reshape(y, (*lead, *sizes))


def _output_sizes(
    name: str, n: int, shape: Shape, kernel: Size, stride: Any, padding: Size, output_size: Any
) -> Shape:
    """The pooled input's sizes: the smallest that fit, or those given, if they can be."""
    k = as_tuple(kernel, n, "kernel_size")
    s = k if stride is None or stride == () or stride == [] else as_tuple(stride, n, "stride")
    p = as_tuple(padding, n, "padding")
    usual = tuple(
        (m - 1) * b + a - 2 * c for m, a, b, c in zip(shape[-n:], k, s, p, strict=True)
    )
    if output_size is None:
        return usual
    given = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,)
    given = given[-n:] if len(given) in (n + 1, n + 2) else given
    if len(given) != n:
        raise ArgumentError(f"{name}: output_size={output_size} must have {n} sizes")
    for size, around, step in zip(given, usual, s, strict=True):
        if not around - step < size < around + step:
            raise ArgumentError(
                f"{name}: output_size={tuple(given)} is not what was pooled: each size is less "
                f"than the stride {s} away from {usual}"
            )
    return given


def _check_range(name: str, index: Tensor, room: int, sizes: Shape) -> None:
    if backends.has_data(index.value) and index.size:
        low, high = int(index.value.min()), int(index.value.max())
        if low < 0 or high >= room:
            raise IndexRangeError(
                f"{name}: index {low if low < 0 else high} is outside of the output's "
                f"{' × '.join(map(str, sizes))} = {room} places",
                hint="output_size= says what was pooled",
            )


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """The way back from max_pool1d.  input, indices: (N, C, L') -> y: (N, C, L)."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """The way back from max_pool2d: each value at its place, zeros elsewhere.

    input, indices: (N, C, H', W') as ``max_pool2d(..., return_indices=True)`` gives them
    -> y: (N, C, H, W).

    Args:
        kernel_size, stride, padding: those of the pooling.
        output_size: what was pooled, where several sizes give the same; default the smallest.

    Raises:
        ShapeError, DtypeError: input and indices that do not fit; ArgumentError: an output_size
        that cannot have been pooled; IndexRangeError: an index outside of it.
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """The way back from max_pool3d.  input, indices: (N, C, D', H', W') -> y: (N, C, D, H, W)."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
