"""PyTorch's ``torch.amp``: programs that use it run, and compute in their tensors' own dtype.

``autocast`` of PyTorch runs some operations in half precision, for speed on hardware that is
faster with it. nbdl computes in the dtype that tensors have, float32 unless you ask for another:
results are at least as exact. For half precision move the model, ``model.bfloat16()``. As nothing
is scaled down there is nothing for ``GradScaler`` to scale up: it passes on what it is given.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError

__all__ = ["GradScaler", "autocast", "is_autocast_available"]

_DEVICES = ("cpu", "cuda")


class autocast:
    """A ``with`` block or decorator that changes nothing: see the module's words.

    Args:
        device_type: "cpu" or "cuda".
        dtype: a float dtype, or None.
        enabled, cache_enabled: accepted.

    Raises ArgumentError for another device, or a dtype that is no float.
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        if device_type not in _DEVICES:
            raise ArgumentError(
                f"autocast got device_type={device_type!r}", hint="one of " + ", ".join(_DEVICES)
            )
        kind = None if dtype is None else dtypes.as_dtype(dtype)
        if kind is not None and not dtypes.is_float(kind):
            raise ArgumentError(f"autocast got dtype={kind}, which is no float")
        self.device_type, self.dtype, self.enabled = device_type, kind, enabled

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inside


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` takes the device."""
    return device_type in _DEVICES


class GradScaler:
    """PyTorch's scaler of losses, with the scale 1: gradients here do not underflow in float16.

    ``scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()`` is a step.
    """

    def __init__(self, device: str = "cuda", *_: Any, enabled: bool = True, **__: Any) -> None:
        self.enabled = enabled

    def scale(self, outputs: Any) -> Any:
        """``outputs``."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()``."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Nothing."""

    def get_scale(self) -> float:
        """1.0."""
        return 1.0

    def is_enabled(self) -> bool:
        """False: nothing is scaled."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as that of a scaler that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to take over."""
