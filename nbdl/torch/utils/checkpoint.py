"""PyTorch's ``torch.utils.checkpoint``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl import autograd

__all__ = ["checkpoint"]


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """``function(*args, **kwargs)``, computed again when gradients need its values.

    ``use_reentrant`` has no meaning here; random numbers are always the same again.
    """
    return autograd.checkpoint(function, *args, **kwargs)
