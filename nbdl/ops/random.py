"""Random tensors: pure functions of a generator's seed and draw number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.backends import philox
from nbdl.core import modes
from nbdl.core.lifted import Batched
from nbdl.core.random import Generator, default_generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.concatenation import concat, unbind
from nbdl.ops.conversion import cast
from nbdl.ops.exponential import log1p
from nbdl.ops.families import Random
from nbdl.ops.movement import reshape
from nbdl.ops.powers import sqrt
from nbdl.ops.rounding import floor
from nbdl.ops.sorting import argsort
from nbdl.ops.trigonometry import cos, sin
from nbdl.shapes import Shape, Spec, as_int, as_shape

__all__ = ["rand", "randn", "randint", "randperm"]


@dataclass(frozen=True)
class RandomBits(Random):
    """Words of 32 random bits; the input is (seed, draw) as uint64[2]."""

    shape: Shape

    def forward(self, xp: Any, key: Any) -> Any:
        count = math.prod(self.shape)
        return philox.random_bits(xp, key[0], key[1], count).reshape(self.shape)

    def infer(self, key: Spec) -> Spec:
        return Spec(self.shape, dtypes.uint32)


@dataclass(frozen=True)
class RandomUniform(Random):
    """Uniform numbers in [0, 1) from 24 (float64: 53) random bits each."""

    shape: Shape
    dtype: Any

    def forward(self, xp: Any, key: Any) -> Any:
        count = math.prod(self.shape)
        if self.dtype == dtypes.float64:
            bits = philox.random_bits(xp, key[0], key[1], 2 * count).reshape(count, 2)
            high = bits[:, 0].astype(xp.float64) * 2.0**21  # 32 bits above the low 21
            low = (bits[:, 1] >> np.uint32(11)).astype(xp.float64)
            return ((high + low) * 2.0**-53).reshape(self.shape)
        bits = philox.random_bits(xp, key[0], key[1], count)
        unit = (bits >> np.uint32(8)).astype(xp.float32) * np.float32(2.0**-24)
        if self.dtype in dtypes.HALVES:  # fewer bits, so that rounding never reaches 1
            kept = 11 if self.dtype == dtypes.float16 else 8
            unit = xp.floor(unit * np.float32(2.0**kept)) * np.float32(2.0**-kept)
        return unit.astype(self.dtype, copy=False).reshape(self.shape)

    def infer(self, key: Spec) -> Spec:
        return Spec(self.shape, self.dtype)


@dataclass(frozen=True)
class RandomNormal(Random):
    """Standard normal numbers: Box and Muller, Annals of Mathematical Statistics, 1958."""

    shape: Shape
    dtype: Any

    def forward(self, xp: Any, key: Any) -> Any:
        count = math.prod(self.shape)
        pairs = (count + 1) // 2
        kind = dtypes.float64 if self.dtype == dtypes.float64 else dtypes.float32
        unit = RandomUniform((2, pairs), kind).forward(xp, key)
        radius = xp.sqrt(-2 * xp.log1p(-unit[0]))  # 1 - u is in (0, 1]
        angle = kind.type(2 * math.pi) * unit[1]
        both = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
        return both[:count].reshape(self.shape).astype(self.dtype, copy=False)

    def decompose(self, key: Tensor) -> Tensor:
        count = math.prod(self.shape)
        kind = dtypes.float64 if self.dtype == dtypes.float64 else dtypes.float32
        first, second = unbind(RandomUniform((2, (count + 1) // 2), kind)(key))
        radius, angle = sqrt(-2 * log1p(-first)), second * (2 * math.pi)
        both = concat([radius * cos(angle), radius * sin(angle)])
        return cast(reshape(both[:count], self.shape), self.dtype)

    def infer(self, key: Spec) -> Spec:
        return Spec(self.shape, self.dtype)


def _key(generator: Generator | None, device: str | None) -> Tensor:
    """(seed, number) of the next draw; inside vmap one for each example, if they are to differ."""
    source = generator or default_generator()
    target = backends.default_device() if device is None else backends.Device(device)
    worlds = modes.local.state.worlds
    if worlds and worlds[-1].traces:
        return worlds[-1].key(source)
    if not worlds:
        return Tensor._wrap(backends.to_device(np.array(source.next(), np.uint64), target))
    if any(world.randomness == "error" for world in worlds):
        raise ArgumentError(
            "random numbers were drawn inside vmap",
            hint="vmap(..., randomness='different') draws for each example, 'same' once for all",
        )
    several = [world for world in worlds if world.randomness == "different"]
    counts = [world.count for world in several]
    draws = np.array([source.next() for _ in range(math.prod(counts))], np.uint64)
    key = Tensor._wrap(backends.to_device(draws.reshape(*counts, 2), target))
    for world in several:
        key = Tensor._wrap(Batched(world, key))
    return key


def _shape(shape: tuple[Any, ...]) -> Shape:
    """``rand(2, 3)`` and ``rand((2, 3))`` mean the same."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return as_shape(shape[0])
    return as_shape(shape)


def _float(dtype: Any) -> np.dtype:
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    if found not in dtypes.FLOATS:
        raise ArgumentError(f"random floats cannot have dtype {found}")
    return found


def rand(
    *shape: Any,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers in [0, 1).  -> y: ``shape``, the default float."""
    y = RandomUniform(_shape(shape), _float(dtype))(_key(generator, device))
    return y.requires_grad_() if requires_grad else y


def randn(
    *shape: Any,
    dtype: Any = None,
    device: str | None = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Standard normal numbers.  -> y: ``shape``, the default float."""
    y = RandomNormal(_shape(shape), _float(dtype))(_key(generator, device))
    return y.requires_grad_() if requires_grad else y


def randint(
    low: int,
    high: int | None = None,
    size: Sequence[int] = (),
    *,
    dtype: Any = None,
    device: str | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Integers in [low, high), or [0, low) when ``high`` is left out.  -> y: ``size``, int64."""
    low, high = (0, low) if high is None else (low, high)
    if high <= low:
        raise ArgumentError(f"randint needs low < high, got low={low}, high={high}")
    shape = as_shape(size)
    unit = RandomUniform(shape, dtypes.float64)(_key(generator, device))
    found = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return cast(floor(unit * (high - low)) + low, found)


def randperm(
    n: int, *, device: str | None = None, generator: Generator | None = None
) -> Tensor:
    """The integers 0..n-1 in random order.  -> y: (n,), int64."""
    n = as_int(n, "n", least=0)
    bits = RandomUniform((n,), dtypes.float64)(_key(generator, device))
    return argsort(bits)
