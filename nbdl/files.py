"""Files of arrays that are whole or not there: safetensors, with checksums.

The format (https://github.com/huggingface/safetensors) holds names, dtypes, shapes and raw
numbers, so reading a file never runs code. The metadata has a CRC-32 of each array and one of
everything else in the header, for the format itself does not notice a flipped bit.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
import safetensors

from nbdl.errors import DtypeError, FileError

CRC = "nbdl.crc32"
HEADER_CRC = "nbdl.header.crc32"

TEMPORARY = ".tmp"
"""How the names of files end that are being written."""

DTYPES = {
    "F64": np.dtype(np.float64), "F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16), "C64": np.dtype(np.complex64),
    "I64": np.dtype(np.int64), "I32": np.dtype(np.int32), "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8), "U64": np.dtype(np.uint64), "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16), "U8": np.dtype(np.uint8), "BOOL": np.dtype(np.bool_),
}  # fmt: skip
_CODES = {dtype: code for code, dtype in DTYPES.items()}

_CHUNK = 1 << 24
"""Bytes written at a time: other threads compute meanwhile."""


# ----- writing ----------------------------------------------------------------------------------


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str], *,
    synced: bool = True,
) -> None:  # fmt: skip
    """Write arrays and texts to a ``.safetensors`` file, whole or not at all.

    Arrays are written from where they lie, without another copy of them all.

    Args:
        path: the file; an existing one is replaced.
        arrays: by name.
        metadata: texts to keep with them.
        synced: whether it is on the disk afterwards, not only with the operating system.

    Raises DtypeError for what the format cannot hold, FileError when the file cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype not in _CODES:
            raise DtypeError(f"{name!r} has dtype {array.dtype}, which safetensors cannot hold")
    flat = {name: _bytes(array) for name, array in arrays.items()}
    crcs = json.dumps({name: zlib.crc32(data) for name, data in flat.items()})
    entries = _entries(arrays)
    texts = {**metadata, "format": "np", CRC: crcs}
    texts[HEADER_CRC] = _header_crc(entries, texts)
    header = json.dumps({"__metadata__": texts, **entries}).encode()
    header += b" " * (-len(header) % 8)

    def write(file: BinaryIO) -> None:
        file.write(struct.pack("<Q", len(header)) + header)
        for data in flat.values():
            for start in range(0, len(data), _CHUNK):
                file.write(data[start : start + _CHUNK])

    write_whole(path, write, synced=synced)


def _entries(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    found, end = {}, 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        found[name] = {
            "dtype": _CODES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end],
        }  # fmt: skip
    return found


def _bytes(array: np.ndarray) -> Any:
    """The array's elements as bytes, in the order of C."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data if flat.size else b""


def _header_crc(entries: Mapping[str, Mapping[str, Any]], texts: Mapping[str, str]) -> str:
    """Of names, dtypes, shapes and texts."""
    said = [[n, e["dtype"], list(e["shape"])] for n, e in sorted(entries.items())]
    return str(zlib.crc32(json.dumps([said, sorted(texts.items())]).encode()))


def write_whole(
    path: Path, write: Callable[[BinaryIO], object], *, synced: bool = True
) -> None:
    """Write a file so that it appears whole or not at all: ``write(file)`` writes it.

    It is written beside its place under another name, flushed to the disk (if ``synced``) and
    renamed, so a crash leaves the old file or the new one, never half of one. Where the folder
    cannot be synced (network, FUSE), the renaming alone has to do. Raises FileError.
    """
    if path.is_dir():
        raise FileError(f"{str(path)!r} is a folder, not a file")
    if not path.parent.is_dir():
        raise FileError(f"there is no folder {str(path.parent)!r} to save into")
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}"
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            if synced:
                os.fsync(file.fileno())
        _follow_umask(temporary, path)
        os.replace(temporary, path)
        if synced:
            _sync_folder(path.parent)
    except OSError as error:
        raise FileError(f"{str(path)!r} could not be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what was being written in ``folder`` when a process was killed."""
    for stray in folder.glob(f".*{TEMPORARY}"):
        with contextlib.suppress(OSError):
            stray.unlink()


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


# ----- reading ----------------------------------------------------------------------------------


def read_arrays(path: Path, *, ours: bool = False) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a file by name, and its metadata.

    Args:
        path: the file.
        ours: whether it must have the checksums that ``write_arrays`` makes.

    Raises FileError with the file's name when it is missing, damaged (a checksum tells), not
    safetensors, or made to do harm: nothing of it is used then.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise FileError(f"there is no file {str(path)!r} (looked in {Path.cwd()})") from None
    except OSError as error:
        raise FileError(f"{str(path)!r} could not be read: {error}") from None
    try:
        entries = safetensors.deserialize(raw)
        texts = _metadata(raw)
    except (safetensors.SafetensorError, ValueError, RecursionError, OverflowError) as error:
        raise FileError(
            f"{str(path)!r} is not a good safetensors file: {error}", hint=_advice(raw)
        ) from None
    try:
        return _checked(entries, texts, ours), texts
    except (ValueError, AttributeError) as error:
        raise FileError(f"{str(path)!r} is damaged: {error}") from None


def _checked(
    entries: Iterable[tuple[str, Mapping[str, Any]]], texts: Mapping[str, str], ours: bool
) -> dict[str, np.ndarray]:
    found = dict(entries)
    rest = {key: text for key, text in texts.items() if key != HEADER_CRC}
    said = texts.get(HEADER_CRC, "" if ours else None)
    if said is not None and said != _header_crc(found, rest):
        raise ValueError("the checksum of its header does not fit")
    crcs = json.loads(texts.get(CRC, "{}"))
    if not isinstance(crcs, dict):
        raise ValueError("its checksums are no table")
    return {name: _array(name, entry, crcs) for name, entry in found.items()}


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


def _array(name: str, entry: Mapping[str, Any], crcs: Mapping[str, int]) -> np.ndarray:
    if entry["dtype"] not in DTYPES:
        raise ValueError(f"{name!r} has dtype {entry['dtype']}, which nbdl does not compute with")
    data = entry["data"]
    if name in crcs and zlib.crc32(data) != crcs[name]:
        raise ValueError(f"the checksum of {name!r} does not fit its numbers")
    array = np.frombuffer(bytearray(data), DTYPES[entry["dtype"]])
    return array.reshape(entry["shape"])


def _advice(raw: bytes) -> str:
    if raw[:2] == b"PK":
        return "it is a zip archive, such as torch.save and np.savez write"
    if raw[:1] == b"\x80":
        return "it is a pickle, which nbdl does not read: loading one can run any code"
    if raw[:8] == b"\x89HDF\r\n\x1a\n":
        return "it is an HDF5 file, such as Keras writes"
    return "was the file copied or downloaded whole?"
