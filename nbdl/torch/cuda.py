"""PyTorch's ``torch.cuda``: whether there is a GPU, how many, and their seeds."""

from __future__ import annotations

import functools
from types import SimpleNamespace

from nbdl.backends import cuda
from nbdl.core import manual_seed
from nbdl.torch.amp import GradScaler, autocast

__all__ = ["amp", "device_count", "empty_cache", "is_available", "manual_seed", "manual_seed_all",
           "synchronize"]  # fmt: skip

manual_seed_all = manual_seed
amp = SimpleNamespace(
    autocast=functools.partial(autocast, "cuda"), GradScaler=functools.partial(GradScaler, "cuda")
)

device_count = cuda.count
synchronize = cuda.synchronize
empty_cache = cuda.release_cached


def is_available() -> bool:
    """Whether a GPU can be used."""
    return cuda.count() > 0
