"""What a DataLoader is told, checked and put into the form it uses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.core.random import Generator
from nbdl.errors import ArgumentError, brief


class _Alone:
    """A collate function for batches of one sample that stay samples."""

    def __init__(self, convert: Callable[[Any], Any] | None) -> None:
        self.convert = convert

    def __call__(self, samples: list[Any]) -> Any:
        return samples[0] if self.convert is None else self.convert(samples[0])


def as_they_are(convert: Any, drop_last: bool) -> Callable[[list[Any]], Any]:
    """What makes no batches of samples; ``convert`` is called of each."""
    if drop_last:
        raise ArgumentError("drop_last needs batches, and batch_size=None makes none")
    if convert is not None and not callable(convert):
        raise ArgumentError(f"collate_fn must be a function, got {brief(convert)}")
    return _Alone(convert)


def drawn_seed(generator: Any) -> int:
    """A seed out of a generator."""
    if not isinstance(generator, Generator):
        raise ArgumentError(
            f"generator must be an nbdl.Generator, got {brief(generator)}",
            hint="seed=0 says the same by a number",
        )
    key, draw = generator.next()
    return (key * 0x9E3779B97F4A7C15 + draw) & (2**63 - 1)


def seconds(timeout: Any) -> float | None:
    """A timeout; None for any time."""
    good = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not good or not 0 <= timeout < math.inf:
        raise ArgumentError(
            f"timeout must be a number of seconds, 0 for any time, got {brief(timeout)}"
        )
    return float(timeout) or None


def count(name: str, value: Any, least: int | None) -> int:
    """A whole number, not below ``least``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ArgumentError(f"{name} must be a whole number{bound}, got {brief(value)}")
    return int(value)
