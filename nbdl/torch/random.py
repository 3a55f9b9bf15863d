"""PyTorch's state of the generator in use, as a tensor."""

from __future__ import annotations

import numpy as np

from nbdl.core import Tensor, default_generator, manual_seed
from nbdl.core.random import Generator


def get_rng_state() -> Tensor:
    """The generator's seed and the number of its next draw.  -> y: (2,), uint64."""
    state = default_generator().state()
    return Tensor(np.array([state["seed"], state["draw"]], np.uint64))


def set_rng_state(new_state: Tensor) -> None:
    """Go on from where ``get_rng_state`` was called."""
    seed, draw = new_state.tolist()
    default_generator().restore({"seed": seed, "draw": draw})


def initial_seed() -> int:
    """The seed of the generator in use."""
    return default_generator().initial_seed()


def seed() -> int:
    """Seed the generator with a number that nobody knows; returns it."""
    return manual_seed(Generator().initial_seed()).initial_seed()


__all__ = ["get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
