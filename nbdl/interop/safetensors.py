"""Saving and loading models and tensors: safetensors files, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nbdl import files
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn import Module

_KIND = "nbdl.kind"
_ONE = "tensor"  # the name of the tensor in a file of a single one


def save(thing: Any, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
         ) -> Path:  # fmt: skip
    """Save a model, a dict of tensors, or one tensor to a ``.safetensors`` file.

    The file is written beside its place under another name, flushed to the disk and then
    renamed, so a crash leaves the old file or the new one, never half of one.

    Args:
        thing: a module (its state dict is saved), a dict of tensors or arrays, or a tensor.
        path: the file; an existing one is replaced.
        metadata: texts to keep with it.

    Returns the path. Raises ArgumentError or DtypeError for what cannot be saved, FileError when
    the file cannot be written.
    """
    arrays, kind = _arrays_of(thing)
    notes = {**(metadata or {}), _KIND: kind}
    for key, value in notes.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ArgumentError(f"metadata must be texts by name, got {key!r}: {value!r}")
    files.write_arrays(Path(path), arrays, notes)
    return Path(path)


def _arrays_of(thing: Any) -> tuple[dict[str, np.ndarray], str]:
    if isinstance(thing, Module):
        thing, kind = thing.state_dict(), "state"
    elif isinstance(thing, (Tensor, np.ndarray)):
        return {_ONE: _array(_ONE, thing)}, "tensor"
    elif isinstance(thing, Mapping):
        kind = "dict"
    else:
        raise ArgumentError(
            f"cannot save a {type(thing).__name__}", hint="a model, a tensor, or a dict of tensors"
        )
    for name in thing:
        if not isinstance(name, str) or name == "__metadata__":
            raise ArgumentError(f"the name of a tensor must be a text, got {name!r}")
    return {name: _array(name, value) for name, value in thing.items()}, kind


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().to("cpu").value
    if not isinstance(value, (np.ndarray, np.generic)):
        raise ArgumentError(
            f"{name!r} is a {type(value).__name__}; only tensors and arrays can be saved",
            hint="nest no dicts: join their names with dots",
        )
    return np.asarray(value)


def load(path: str | os.PathLike[str]) -> Any:
    """What ``save`` has saved: a dict of tensors (a state dict for a model), or one tensor.

    ``model.load_state_dict(nbdl.load("net.safetensors"))``. Files of other programs load as a
    dict.

    Raises FileError with the file's name when it is missing, damaged (a checksum tells), not
    safetensors, or made to do harm: nothing of it is used then.
    """
    tensors, metadata = load_with_metadata(path)
    if metadata.get(_KIND) == "tensor" and set(tensors) == {_ONE}:
        return tensors[_ONE]
    return tensors


def load_with_metadata(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file by name, and its metadata; errors as of ``load``."""
    arrays, metadata = files.read_arrays(Path(path))
    return {name: Tensor(array) for name, array in arrays.items()}, metadata


__all__ = ["load", "load_with_metadata", "save"]
