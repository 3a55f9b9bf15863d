"""A sample: one call of an operation with its inputs and the judge of its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl.core import Op

_rng = np.random.default_rng(20)


@dataclass(frozen=True)
class Sample:
    """What ``nbdl.testing.check_op`` needs; ``options`` are its keyword arguments."""

    op: Op
    inputs: tuple[Any, ...]
    judge: Callable[..., Any] | None
    options: dict[str, Any] = field(default_factory=dict)


def sample(op: Op, *inputs: Any, judge: Callable[..., Any] | None, **options: Any) -> Sample:
    """``op`` called on arrays (floats as float64); ``judge(*arrays)`` gives the right result."""
    return Sample(op, tuple(np.asarray(x) for x in inputs), judge, options)


def normal(*shape: int) -> np.ndarray:
    """Normal numbers, none nearer to 0 than 0.05: safe for abs, sign, division."""
    x = _rng.standard_normal(shape)
    return np.where(np.abs(x) < 0.05, 0.05, x)


def uniform(low: float, high: float, *shape: int) -> np.ndarray:
    """Uniform numbers between two bounds."""
    return _rng.uniform(low, high, shape)


def distinct(*shape: int) -> np.ndarray:
    """Numbers at least 0.1 apart, in random order: no ties for max and sort."""
    n = int(np.prod(shape))
    return (_rng.permutation(n) * 0.1 - n * 0.05 + 0.03).reshape(shape)


def integers(low: int, high: int, *shape: int) -> np.ndarray:
    """Integers in [low, high), int64."""
    return _rng.integers(low, high, shape)


def bools(*shape: int) -> np.ndarray:
    """Random truths."""
    return _rng.integers(0, 2, shape).astype(bool)
