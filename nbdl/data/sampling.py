"""Order and chance: which sample comes when, and the random numbers of each sample.

Both are functions of (seed, epoch, index) alone, so an epoch can be entered in the middle and
the number of threads changes nothing.
"""

from __future__ import annotations

import threading
from types import TracebackType

import numpy as np

from nbdl.core.random import default_generator

_ORDER, _SAMPLE, _SPLIT, _BLOCK, _PART = 1, 2, 3, 4, 5
_MASK = 2**64 - 1


class _Local(threading.local):
    key: tuple[int, int, int] | None = None
    rng: np.random.Generator | None = None


_local = _Local()


def _rng(purpose: int, seed: int, epoch: int = 0, index: int = 0) -> np.random.Generator:
    # The low words of the counter advance with the draws, so streams of neighbours never meet.
    counter = np.array([0, 0, index & _MASK, purpose], np.uint64)
    key = np.array([seed & _MASK, epoch & _MASK], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which ``epoch`` visits ``n`` samples: (n,) int64, a permutation."""
    return _rng(_ORDER, seed, epoch).permutation(n)


def order_rng(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of which samplers make the order of ``epoch``."""
    return _rng(_ORDER, seed, epoch)


def block_order(n: int, seed: int, epoch: int, block: int) -> np.ndarray:
    """The order in which ``epoch`` visits the ``n`` samples of one block: (n,) int64."""
    return _rng(_BLOCK, seed, epoch, block).permutation(n)


def split_order(n: int, seed: int) -> np.ndarray:
    """The permutation by which ``split`` deals out samples: (n,) int64."""
    return _rng(_SPLIT, seed).permutation(n)


def part_seed(seed: int, part: int) -> int:
    """The seed of one part of a stream, independent of the others'."""
    return int(_rng(_PART, seed, 0, part).integers(2**63))


class sample_key:
    """``with sample_key(seed, epoch, index):`` gives ``sample_rng`` that sample's stream."""

    def __init__(self, seed: int, epoch: int, index: int) -> None:
        self.key = (int(seed), int(epoch), int(index))

    def __enter__(self) -> None:
        self.before = _local.key, _local.rng
        _local.key, _local.rng = self.key, None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _local.key, _local.rng = self.before


def sample_rng() -> np.random.Generator:
    """The random numbers for the sample that is being read now.

    Transforms take their chance from here. Inside a DataLoader the stream is fixed by the
    loader's seed, the epoch and the sample's index; outside, each call is a new draw of nbdl's
    own generator (``nbdl.manual_seed``).
    """
    if _local.key is None:
        seed, number = default_generator().next()
        return _rng(_SAMPLE, seed, number)
    if _local.rng is None:  # made only when somebody asks: it costs more than a small sample
        _local.rng = _rng(_SAMPLE, *_local.key)
    return _local.rng
