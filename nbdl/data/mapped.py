"""Arrays that stay in their file until they are read: NumPy's and safetensors' files."""

from __future__ import annotations

import json
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.data.optional import require
from nbdl.data.paths import existing
from nbdl.errors import DataError, FileError

_DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16",
    "U32": "uint32", "I32": "int32", "U64": "uint64", "I64": "int64", "F16": "float16",
    "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip


def mapped(path: Any) -> Any:
    """An array, or a dict of arrays, that stays in its file: only what is used is read.

    For data larger than memory: ``data.TensorDataset(data.mapped("x.npy"), y)``.

    Args:
        path: a ``.npy`` file, giving one array, or a ``.safetensors`` file, giving a dict.

    The arrays cannot be written to. Raises FileError for a file that is missing or damaged,
    DataError for pickled objects and ``.npz`` archives, which cannot be mapped.
    """
    file = existing(path, "the file")
    if file.suffix == ".safetensors":
        return _safetensors(file)
    try:
        with open(file, "rb") as stream:
            begins = stream.read(6)
        if begins.startswith(b"PK"):
            raise DataError(
                f"{file.name} is an archive of arrays, which cannot be mapped",
                hint="save each array by np.save(path, x), or all by nbdl.save('x.safetensors')",
            )
        if not begins.startswith(b"\x93NUMPY"):
            raise FileError(f"{file.name} is no NumPy file", hint="np.save(path, x)")
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, (DataError, FileError)):
            raise
        if "object" in str(error).lower():
            raise DataError(
                f"{file.name} holds pickled objects, which are not read: they could run any code",
                hint="save plain arrays of numbers: np.save(path, x)",
            ) from None
        raise FileError(f"{file.name} is not a readable NumPy file: {error}") from None


def _safetensors(file: Path) -> dict[str, np.ndarray]:
    """The tensors of a file, mapped. The library checks the header, which says where they lie."""
    library = require("safetensors", "data.mapped", extra=None)
    try:
        with library.safe_open(file, framework="numpy"):
            pass
        with open(file, "rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(size))
    except Exception as error:
        raise FileError(f"{file.name} is not a readable safetensors file: {error}") from None
    header.pop("__metadata__", None)
    whole = np.memmap(file, np.uint8, "r")
    found = {}
    for name, entry in header.items():
        if entry["dtype"] not in _DTYPES:
            raise DataError(f"{name!r} in {file.name} has dtype {entry['dtype']}, unknown here")
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        dtype = dtypes.as_dtype(_DTYPES[entry["dtype"]])
        part = whole[start:end]
        if start % dtype.itemsize:  # an older writer's file: its numbers lie askew
            part = np.frombuffer(part.tobytes(), np.uint8)
        found[name] = part.view(dtype).reshape(entry["shape"])
    return found


@dataclass(frozen=True)
class Origin:
    """Where a mapped array lies.

    Attributes:
        file: the file's path.
        offset: of the first element, in bytes.
        dtype, shape, strides: as of the array.
    """

    file: str
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def open(self) -> np.ndarray:
        """The array, mapped again."""
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        low = sum(r for r in reach if r < 0)
        size = sum(abs(r) for r in reach) + self.dtype.itemsize
        part = np.memmap(self.file, np.uint8, "r", self.offset + low, (size,))
        return np.ndarray(self.shape, self.dtype, part, -low, self.strides)


def mapped_origin(array: np.ndarray) -> Origin | None:
    """Where an array lies if it is a file's that is mapped, whole or in part; else None."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.filename is not None:
            break
        base = base.base
    else:
        return None
    memory = base._mmap  # type: ignore[attr-defined]
    if not isinstance(memory, mmap.mmap) or array.dtype.hasobject:
        return None
    begin = np.frombuffer(memory, np.uint8, 1).__array_interface__["data"][0]
    granted = base.offset - base.offset % mmap.ALLOCATIONGRANULARITY
    offset = granted + array.__array_interface__["data"][0] - begin
    return Origin(str(base.filename), offset, array.dtype, array.shape, array.strides)


def is_mapped(array: Any) -> bool:
    """Whether an array lies in a file, so that going through it reads the disk."""
    return isinstance(array, np.ndarray) and mapped_origin(array) is not None
