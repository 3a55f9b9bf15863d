"""PyTorch's ``torch.save`` and ``torch.load``, for tensors, state dicts and checkpoints."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nbdl import interop
from nbdl.core.tensor import Tensor
from nbdl.core.tree import map_tensors
from nbdl.errors import ArgumentError, FileError
from nbdl.interop.safetensors import load_with_metadata
from nbdl.nn import Module

_OUTLINE = "nbdl.torch.outline"
_File = str | os.PathLike[str] | BinaryIO


def save(obj: Any, f: _File) -> None:
    """Save tensors, or dicts, lists and tuples of tensors, numbers and texts, to a file.

    The file is safetensors, not pickle, whatever its name ends with; ``f`` may also be a file
    open for writing. Raises ArgumentError for other objects, whole models among them.
    """
    tensors: dict[str, Any] = {}
    outline = json.dumps(_outline(obj, tensors, "it"))
    if isinstance(f, (str, os.PathLike)):
        interop.save(tensors, f, metadata={_OUTLINE: outline})
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        interop.save(tensors, path, metadata={_OUTLINE: outline})
        f.write(path.read_bytes())


def load(f: _File, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What ``save`` has saved, on the device ``map_location`` (default: the CPU).

    Nothing but tensors, numbers and texts is ever read, so ``weights_only`` has no other setting
    to be in. Raises FileError for files that are missing, damaged or not safetensors.
    """
    if isinstance(f, (str, os.PathLike)):
        tensors, metadata = load_with_metadata(f)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "saved"
            path.write_bytes(f.read())
            tensors, metadata = load_with_metadata(path)
    if map_location is not None:
        place = map_location if isinstance(map_location, str) else str(map_location)
        tensors = map_tensors(lambda x: x.to(place), tensors)
    if _OUTLINE not in metadata:
        return tensors
    try:
        return _filled(json.loads(metadata[_OUTLINE]), tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        where = f if isinstance(f, (str, os.PathLike)) else "the file"
        raise FileError(f"the outline of {str(where)!r} is damaged: {error}") from None


def _outline(thing: Any, tensors: dict[str, Any], where: str) -> list[Any]:
    """``[kind, content]`` for JSON; the tensors themselves go into ``tensors``."""
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return ["value", thing]
    if isinstance(thing, np.generic):
        return ["value", thing.item()]
    if isinstance(thing, (Tensor, np.ndarray)):
        name = str(len(tensors))
        tensors[name] = thing
        return ["tensor", name]
    if isinstance(thing, Mapping):
        return ["dict", [
            [_key(key, where), _outline(value, tensors, f"{where}[{key!r}]")]
            for key, value in thing.items()
        ]]  # fmt: skip
    if isinstance(thing, (list, tuple)):
        kind = "list" if isinstance(thing, list) else "tuple"
        return [kind, [_outline(v, tensors, f"{where}[{i}]") for i, v in enumerate(thing)]]
    hint = "tensors, numbers, texts, and dicts, lists and tuples of them"
    if isinstance(thing, Module):
        hint = "model.state_dict() for a model, whose class is code; load_state_dict reads it"
    raise ArgumentError(f"torch.save: {where} is a {type(thing).__name__}", hint=hint)


def _key(key: Any, where: str) -> Any:
    if key is None or isinstance(key, (bool, int, float, str)):
        return key
    raise ArgumentError(f"torch.save: {where} has a key {key!r}", hint="texts and numbers")


def _filled(outline: Any, tensors: Mapping[str, Tensor]) -> Any:
    kind, content = outline
    if kind == "value":
        return content
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _filled(value, tensors) for key, value in content}
    items = [_filled(item, tensors) for item in content]
    if kind not in ("list", "tuple"):
        raise ValueError(f"unknown kind {kind!r}")
    return items if kind == "list" else tuple(items)


__all__ = ["load", "save"]
