"""Saving and loading tensors: safetensors files, written whole or not at all.

The format (https://github.com/huggingface/safetensors) holds names, dtypes, shapes and raw
numbers, so reading a file never runs code. A CRC-32 of each tensor is kept in the metadata, for
the format itself does not notice a flipped bit.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, FileError
from nbdl.nn import Module

_CRC = "nbdl.crc32"
_KIND = "nbdl.kind"
_ONE = "tensor"  # the name of the tensor in a file of a single one

_DTYPES = {
    "F64": np.dtype(np.float64), "F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16), "C64": np.dtype(np.complex64),
    "I64": np.dtype(np.int64), "I32": np.dtype(np.int32), "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8), "U64": np.dtype(np.uint64), "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16), "U8": np.dtype(np.uint8), "BOOL": np.dtype(np.bool_),
}  # fmt: skip


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
    for name, array in arrays.items():
        if array.dtype not in _DTYPES.values():
            raise DtypeError(f"{name!r} has dtype {array.dtype}, which safetensors cannot hold")
    crcs = {name: zlib.crc32(_bytes(array)) for name, array in arrays.items()}
    notes = {**(metadata or {}), "format": "np", _KIND: kind, _CRC: json.dumps(crcs)}
    for key, value in notes.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ArgumentError(f"metadata must be texts by name, got {key!r}: {value!r}")
    target = Path(path)
    write_whole(target, lambda file: safetensors.numpy.save_file(arrays, file, notes))
    return target


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
    array = np.asarray(value)
    return np.ascontiguousarray(array) if array.ndim else array.copy()


def _bytes(array: np.ndarray) -> Any:
    """The array's memory, for checksums: bfloat16 has no buffer of its own."""
    return array.reshape(-1).view(np.uint8) if array.size else b""


def write_whole(path: Path, write: Any) -> None:
    """Write a file so that it appears whole or not at all: ``write(name)`` writes it.

    Where the folder cannot be synced (network, FUSE), the renaming alone has to do.
    """
    if path.is_dir():
        raise FileError(f"{str(path)!r} is a folder, not a file")
    if not path.parent.is_dir():
        raise FileError(f"there is no folder {str(path.parent)!r} to save into")
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        _follow_umask(temporary, path)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except (OSError, safetensors.SafetensorError) as error:
        raise FileError(f"{str(path)!r} could not be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _follow_umask(temporary: Path, path: Path) -> None:
    """The permissions of the file that is replaced."""
    if path.exists():
        with contextlib.suppress(OSError):  # a file system without permissions
            os.chmod(temporary, path.stat().st_mode & 0o777)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # file systems that cannot sync folders write the name on their own time
    finally:
        os.close(descriptor)


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
    file = Path(path)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise FileError(f"there is no file {str(path)!r} (looked in {Path.cwd()})") from None
    except OSError as error:
        raise FileError(f"{str(path)!r} could not be read: {error}") from None
    try:
        entries = safetensors.deserialize(raw)
        metadata = _metadata(raw)
    except (safetensors.SafetensorError, ValueError, RecursionError, OverflowError) as error:
        raise FileError(
            f"{str(path)!r} is not a good safetensors file: {error}", hint=_advice(raw)
        ) from None
    try:
        crcs = json.loads(metadata.get(_CRC, "{}"))
        if not isinstance(crcs, dict):
            raise ValueError("its checksums are no table")
        tensors = {name: _tensor(name, entry, crcs) for name, entry in entries}
    except (ValueError, AttributeError) as error:
        raise FileError(f"{str(path)!r} is damaged: {error}") from None
    return tensors, metadata


def _metadata(raw: bytes) -> dict[str, str]:
    """The metadata in the header, which the library has found to be well-formed.

    A name that comes twice is refused: readers differ in which of the two they take.
    """
    (length,) = struct.unpack("<Q", raw[:8])

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the header has {twice!r} twice")
        return found

    header = json.loads(raw[8 : 8 + length], object_pairs_hook=once)
    return header.get("__metadata__") or {}


def _tensor(name: str, entry: Mapping[str, Any], crcs: Mapping[str, int]) -> Tensor:
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"{name!r} has dtype {entry['dtype']}, which nbdl does not compute with")
    data = entry["data"]
    if name in crcs and zlib.crc32(data) != crcs[name]:
        raise ValueError(f"the checksum of {name!r} does not fit its numbers")
    array = np.frombuffer(bytearray(data), _DTYPES[entry["dtype"]])
    array = array.reshape(entry["shape"])
    return Tensor(array)


def _advice(raw: bytes) -> str:
    if raw[:2] == b"PK":
        return "it is a zip archive, such as torch.save and np.savez write"
    if raw[:1] == b"\x80":
        return "it is a pickle, which nbdl does not read: loading one can run any code"
    if raw[:8] == b"\x89HDF\r\n\x1a\n":
        return "it is an HDF5 file, such as Keras writes"
    return "was the file copied or downloaded whole?"


__all__ = ["load", "load_with_metadata", "save", "write_whole"]
