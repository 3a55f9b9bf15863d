"""Random bits: the counter-based generator Philox 4x32-10.

Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The bits
are a pure function of (seed, draw, position): the same on every device, whatever the order of
evaluation.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from nbdl.backends import Array

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
ROUNDS = 10


def philox(xp: ModuleType, counter: tuple[Array, ...], key: tuple[Array, Array]) -> list[Array]:
    """Four words of 32 random bits for each counter.

    Args:
        xp: numpy or cupy.
        counter: four uint64 arrays that hold 32-bit words, of shapes that broadcast.
        key: two uint64 arrays or numbers that hold 32-bit words.

    Returns:
        Four uint64 arrays that hold 32-bit words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0 = M0 * c0
        p1 = M1 * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + W0) & _LOW
        k1 = (k1 + W1) & _LOW
    return [c0, c1, c2, c3]


def random_bits(xp: ModuleType, seed: Array, draw: Array, count: int) -> Array:
    """``count`` random uint32 words, (count,), for a generator's ``seed`` and ``draw`` number.

    Both are uint64 numbers on the device of ``xp``.
    """
    blocks = xp.arange(-(-count // 4), dtype=xp.uint64)
    counter = (blocks & _LOW, blocks >> _SHIFT, draw & _LOW, draw >> _SHIFT)
    words = philox(xp, counter, (seed & _LOW, seed >> _SHIFT))
    out = xp.empty((blocks.size, 4), xp.uint32)
    for i, word in enumerate(words):
        out[:, i] = word
    return out.reshape(-1)[:count]
