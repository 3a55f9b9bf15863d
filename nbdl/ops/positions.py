"""Positions for attention: rotary, linear biases, sinusoids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.concatenation import concat, stack
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.movement import reshape
from nbdl.ops.trigonometry import cos, sin

__all__ = ["alibi_bias", "rotary_embedding", "sinusoidal_positions"]


def _check_base(name: str, base: float) -> None:
    if not base > 0:
        raise ArgumentError(f"{name}: base={base} must be above 0")


def _frequencies(size: int, base: float) -> np.ndarray:
    """How fast each pair turns, from 1 down to about 1 / base."""
    return base ** (-np.arange(0, size, 2) / size)


def rotary_embedding(
    input: Any,
    positions: Any = None,
    base: float = 10000.0,
    interleaved: bool = False,
    offset: int = 0,
) -> Tensor:
    """Pairs of elements turned by angles that grow with the position.

    Su et al.: "RoFormer: enhanced transformer with rotary position embedding", 2021. The product
    of two turned vectors depends on how far apart they are, not on where. input: (..., length,
    size), queries or keys -> y: the same shape.

    Args:
        positions: (length,), or more axes that broadcast before it; default offset, offset + 1, …
        base: the slowest pair turns about once in 2π · base positions.
        interleaved: pairs are neighbours, as in the paper; default: element i and i + size / 2,
            as in Llama.
        offset: the first position, for keys and queries that follow a cache.

    Raises:
        ShapeError: an odd size, or positions that do not fit.
    """
    x = floats(input)
    _check_base("rotary_embedding", base)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ShapeError(
            f"rotary_embedding needs (..., length, size) with an even size, got {x.shape}"
        )
    length, size = x.shape[-2:]
    if positions is None:
        at = astensor(np.arange(offset, offset + length, dtype=np.float64), like=x)
    else:
        at = cast(astensor(positions, like=x), dtypes.float64)
    if not at.ndim or at.shape[-1] != length:
        raise ShapeError(
            f"rotary_embedding got positions of shape {at.shape} for input {x.shape}, expected "
            f"(..., {length})"
        )
    # float64, for a position of thousands has few digits left in float32
    angles = reshape(at, (*at.shape, 1)) * astensor(_frequencies(size, base), like=x)
    c, s = cast(cos(angles), x.dtype), cast(sin(angles), x.dtype)
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
        return reshape(stack([a * c - b * s, b * c + a * s], axis=-1), x.shape)
    a, b = x[..., : size // 2], x[..., size // 2 :]
    return concat([a * c - b * s, b * c + a * s], axis=-1)


def alibi_bias(
    num_heads: int, queries: int, keys: int | None = None, *, dtype: Any = None
) -> Tensor:
    """What to add to attention's scores so that far keys count less: -slope · distance.

    Press et al.: "Train short, test long: attention with linear biases enables input length
    extrapolation", ICLR 2022. -> (num_heads, queries, keys), an ``attn_mask``; add -inf where
    attention is not allowed.

    Args:
        num_heads: heads, each with a slope of its own, from 2^(-8 / heads) down to 2^-8.
        queries: how many; they are the last of the keys.
        keys: how many, default ``queries``.
        dtype: default float.
    """
    keys = queries if keys is None else keys
    if num_heads < 1 or queries < 0 or keys < queries:
        raise ArgumentError(
            f"alibi_bias: num_heads={num_heads} must be positive, and keys={keys} at least "
            f"queries={queries}"
        )
    distance = np.abs(np.arange(keys - queries, keys)[:, None] - np.arange(keys))
    bias = -_slopes(num_heads)[:, None, None] * distance
    return astensor(bias.astype(dtypes.as_dtype(dtype or dtypes.default_float())))


def _slopes(heads: int) -> np.ndarray:
    """A geometric row; for a number that is no power of 2 filled up from twice as many."""
    whole = 2 ** math.floor(math.log2(heads))
    slopes = 2.0 ** (-8 / whole * np.arange(1, whole + 1))
    between = 2.0 ** (-4 / whole * np.arange(1, 2 * whole + 1, 2))
    return np.concatenate([slopes, between[: heads - whole]])


def sinusoidal_positions(
    length: int, size: int, base: float = 10000.0, *, offset: int = 0, dtype: Any = None
) -> Tensor:
    """Sines and cosines of positions, to be added to embeddings.

    Vaswani et al.: "Attention is all you need", NeurIPS 2017. -> (length, size): element 2i is
    sin(position / base^(2i / size)), element 2i + 1 its cosine. ``offset`` is the first position.
    """
    _check_base("sinusoidal_positions", base)
    if length < 0 or size < 1:
        raise ArgumentError(
            f"sinusoidal_positions: length={length} cannot be negative, size={size} is 1 or more"
        )
    angles = np.arange(offset, offset + length)[:, None] * _frequencies(size, base)
    table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(length, -1)[:, :size]
    return astensor(table.astype(dtypes.as_dtype(dtype or dtypes.default_float())))
