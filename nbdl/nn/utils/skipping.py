"""Layers without their first values."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from nbdl.core.random import Generator, use
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn.module import Module
from nbdl.ops.creation import zeros

L = TypeVar("L", bound=Module)


def skip_init(module_cls: type[L], *args: Any, **kwargs: Any) -> L:
    """``module_cls(*args, **kwargs)`` without drawing first values: all of them are 0.

    For layers whose values are loaded right afterwards. No random numbers are used up.

    Args:
        module_cls: a class of layers that takes ``device=``.
        args, kwargs: for it.

    Raises ArgumentError for what is no such class.
    """
    if not isinstance(module_cls, type) or not issubclass(module_cls, Module):
        raise ArgumentError(f"skip_init takes a class of layers, got {module_cls!r:.80}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ArgumentError(
            f"skip_init: {module_cls.__name__} takes no device, so its values cannot be left out"
        )
    device = kwargs.pop("device", None)
    make: Any = module_cls
    with use(Generator(0)):
        module: L = make(*args, **kwargs, device="meta")

    def blank(x: Tensor) -> Tensor:
        return zeros(x.shape, dtype=x.dtype, device=device)

    return module._apply(blank)
