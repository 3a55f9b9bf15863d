"""Where random numbers come from: a seed and a count of draws, nothing else."""

from __future__ import annotations

import secrets
import threading

from nbdl.core import modes
from nbdl.errors import ArgumentError


class Generator:
    """A stream of random draws: Philox 4x32-10 with key ``seed``; each draw has a number.

    The n-th draw of a seed gives the same numbers on every device. Safe to share by threads.
    """

    __slots__ = ("_lock", "draw", "seed")

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self.manual_seed(secrets.randbits(32) if seed is None else seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed`` (any int; 64 bits are used) at its first draw."""
        try:
            self.seed = int(seed) & (2**64 - 1)
        except (TypeError, ValueError, OverflowError):
            raise ArgumentError(f"a seed must be a whole number, got {seed!r:.60}") from None
        self.draw = 0
        return self

    def initial_seed(self) -> int:
        """The seed."""
        return self.seed

    def next(self) -> tuple[int, int]:
        """``(seed, number)`` of the next draw."""
        with self._lock:
            number = self.draw
            self.draw += 1
        return self.seed, number

    def state(self) -> dict[str, int]:
        """What ``restore`` needs to go on from here."""
        return {"seed": self.seed, "draw": self.draw}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from where ``state`` was taken."""
        self.seed, self.draw = int(state["seed"]), int(state["draw"])

    def __repr__(self) -> str:
        return f"Generator(seed={self.seed}, draw={self.draw})"


_default = Generator(0)


def default_generator() -> Generator:
    """The generator in use: this thread's own inside ``use``, else the process's."""
    return modes.local.state.generator or _default


def manual_seed(seed: int) -> Generator:
    """Seed the generator in use; the same seed gives the same numbers on CPU and GPU."""
    return default_generator().manual_seed(seed)


class use:
    """Draw from ``generator`` in this thread, inside a ``with`` block."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def __enter__(self) -> Generator:
        self.before = modes.local.state.generator
        modes.local.state.generator = self.generator
        return self.generator

    def __exit__(self, *_: object) -> None:
        modes.local.state.generator = self.before
