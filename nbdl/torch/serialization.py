"""PyTorch's ``torch.save`` and ``torch.load``, for state dicts and tensors."""

from __future__ import annotations

import os
from typing import Any

from nbdl import interop
from nbdl.core.tree import map_tensors


def save(obj: Any, f: str | os.PathLike[str]) -> None:
    """Save a state dict, a module's state or a tensor to the file ``f``.

    The file is safetensors, not pickle, whatever its name ends with. Raises ArgumentError for
    other objects.
    """
    interop.save(obj, f)


def load(f: str | os.PathLike[str], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What ``save`` has saved, on the device ``map_location`` (default: the CPU).

    Nothing but tensors is ever read, so ``weights_only`` has no other setting to be in. Raises
    FileError for files that are missing, damaged or not safetensors.
    """
    loaded = interop.load(f)
    if map_location is None:
        return loaded
    return map_tensors(lambda x: x.to(map_location), loaded)
