"""Sizes that layers are made with, checked where the person writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.errors import ArgumentError


def check_sizes(layer: object, **sizes: Any) -> None:
    """Raise ArgumentError unless each is a whole number, 0 or more."""
    for name, size in sizes.items():
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not whole or size < 0:
            raise ArgumentError(
                f"{type(layer).__name__}: {name}={size!r} must be a whole number, 0 or more",
                hint="only sizes of inputs can be None" if size is None else None,
            )


def check_input_size(layer: object, **sizes: Any) -> None:
    """The same for sizes that may be None until the first call."""
    check_sizes(layer, **{name: size for name, size in sizes.items() if size is not None})
