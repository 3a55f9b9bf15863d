"""Positions for attention as layers, and the memory of what was attended to."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn.module import Module
from nbdl.ops.conversion import astensor


class RotaryEmbedding(Module):
    """Queries or keys turned by angles that grow with the position: J. Su and others, 2021.

    x: (..., length, size) -> y: the same shape.

    Args:
        base: the slowest pair turns about once in 2π · base positions.
        interleaved: pairs are neighbours; default: element i and i + size / 2.
    """

    def __init__(self, base: float = 10000.0, interleaved: bool = False) -> None:
        super().__init__()
        self.base = base
        self.interleaved = interleaved

    def forward(self, input: Tensor, positions: Any = None, offset: int = 0) -> Tensor:
        """input: (..., length, size), positions: (length,) -> y: the same shape."""
        return F.rotary_embedding(input, positions, self.base, self.interleaved, offset)

    def extra_repr(self) -> str:
        """Settings."""
        return f"base={self.base}, interleaved={self.interleaved}"


class SinusoidalPositions(Module):
    """Sines and cosines of positions added to embeddings: A. Vaswani and others, NIPS 2017.

    x: (..., length, size) -> y: the same shape.
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = base

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        """input: (..., length, size) -> y: the same shape; ``offset`` is the first position."""
        if input.ndim < 2:
            raise ShapeError(f"SinusoidalPositions needs (..., length, size), got {input.shape}")
        length, size = input.shape[-2:]
        table = F.sinusoidal_positions(length, size, self.base, offset=offset, dtype=input.dtype)
        return input + (table if input.device == "meta" else table.to(input.device))

    def extra_repr(self) -> str:
        """Settings."""
        return f"base={self.base}"


class KeyValueCache:
    """Keys and values of all steps so far, for attention that writes one step after another.

    Room for twice as many is made when it is full, so a step costs what it adds. What it gives
    out stays as it is: later steps are written behind it. No gradient flows through it.

    Example:
        >>> import nbdl
        >>> from nbdl import nn
        >>> cache = nn.KeyValueCache()
        >>> for _ in range(3):
        ...     k, v = cache.append(nbdl.randn(1, 2, 1, 4), nbdl.randn(1, 2, 1, 4))
        >>> k.shape, len(cache)
        ((1, 2, 3, 4), 3)
    """

    def __init__(self) -> None:
        self._room: tuple[Any, Any] | None = None
        self._length = 0

    def __len__(self) -> int:
        """How many steps it holds: the ``offset`` of what comes next."""
        return self._length

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add steps.  key: (..., new, size), value: (..., new, size') -> all, (..., steps, size).

        Raises ShapeError for other sizes than before, or key and value of different lengths.
        """
        if key.ndim < 2 or key.shape[:-1] != value.shape[:-1]:
            raise ShapeError(
                f"KeyValueCache.append got key {key.shape} and value {value.shape}, which must "
                "be (..., steps, size) with the same axes before the size"
            )
        new = (key.value, value.value)
        end = self._length + key.shape[-2]
        self._room = room = self._grown(new, end)
        for array, part in zip(room, new, strict=True):
            array[..., self._length : end, :] = part
        self._length = end
        k, v = (Tensor._wrap(array[..., :end, :]) for array in room)
        return k, v

    def _grown(self, new: tuple[Any, Any], end: int) -> tuple[Any, Any]:
        """The arrays, with room for ``end`` steps."""
        if not all(backends.has_data(x) for x in new):
            raise ArgumentError(
                "KeyValueCache keeps values; while only shapes are computed there are none"
            )
        if self._room is not None:
            for array, part in zip(self._room, new, strict=True):
                if (*array.shape[:-2], array.shape[-1]) != (*part.shape[:-2], part.shape[-1]):
                    raise ShapeError(
                        f"KeyValueCache holds steps of shape {array.shape}, got {part.shape}",
                        hint="reset() before another batch",
                    )
            if end <= self._room[0].shape[-2]:
                return self._room
        larger = []
        for i, part in enumerate(new):
            shape = (*part.shape[:-2], max(2 * end, 16), part.shape[-1])
            array = backends.namespace(part).empty(shape, part.dtype)
            if self._room is not None:
                array[..., : self._length, :] = self._room[i][..., : self._length, :]
            larger.append(array)
        return larger[0], larger[1]

    def mask(self, queries: int) -> Tensor:
        """Where the last ``queries`` steps may look: at themselves and before.

        -> (queries, steps) bool, an ``attn_mask`` for scaled_dot_product_attention.
        """
        if not 0 <= queries <= self._length:
            raise ArgumentError(
                f"KeyValueCache.mask: queries={queries} must be 0 to its {self._length} steps"
            )
        return astensor(np.tri(queries, self._length, self._length - queries, dtype=bool))

    def reset(self) -> None:
        """Forget everything."""
        self._room, self._length = None, 0

    def __repr__(self) -> str:
        """How many steps."""
        return f"KeyValueCache({self._length} steps)"
