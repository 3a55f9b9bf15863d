"""PyTorch's ``torch.amp``: ``autocast`` and ``GradScaler``, which are nbdl's."""

from __future__ import annotations

from typing import Any

from nbdl import dtypes
from nbdl.errors import ArgumentError
from nbdl.ops import autocast as casting
from nbdl.optim import GradScaler

__all__ = ["GradScaler", "autocast", "get_autocast_dtype", "is_autocast_available",
           "is_autocast_enabled"]  # fmt: skip

_DEFAULTS = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}


class autocast(casting.autocast):
    """``nbdl.autocast`` with PyTorch's arguments; it holds on every device.

    Args:
        device_type: "cpu" or "cuda": what ``dtype`` is unless given, bfloat16 or float16.
        dtype: a half precision, or None.
        enabled: False computes as the tensors are.
        cache_enabled: accepted.

    Raises ArgumentError for another device, or a dtype that is no half precision.
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        self.device_type = device_type
        super().__init__(get_autocast_dtype(device_type) if dtype is None else dtype, enabled)


def get_autocast_dtype(device_type: str) -> Any:
    """The dtype of ``autocast`` on a device, unless one is given."""
    if device_type not in _DEFAULTS:
        raise ArgumentError(
            f"autocast got device_type={device_type!r}", hint="one of " + ", ".join(_DEFAULTS)
        )
    return _DEFAULTS[device_type]


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether a block is active."""
    return casting.active_dtype() is not None


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` takes the device."""
    return device_type in _DEFAULTS
