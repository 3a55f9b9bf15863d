"""What the Python array API standard asks of a namespace: questions about dtypes and devices."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np

from nbdl import backends, dtypes
from nbdl.backends import Device, cuda
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, unknown
from nbdl.ops.conversion import astensor

__all__ = [
    "__array_api_version__",
    "__array_namespace_info__",
    "can_cast",
    "finfo",
    "iinfo",
    "isdtype",
    "result_type",
]

__array_api_version__ = "2024.12"
"""The version of the standard that ``nbdl`` implements."""

_KINDS: dict[str, frozenset[Any]] = {
    "bool": frozenset((dtypes.bool,)),
    "signed integer": frozenset(d for d in dtypes.INTEGERS if d.kind == "i"),
    "unsigned integer": frozenset(d for d in dtypes.INTEGERS if d.kind == "u"),
    "integral": dtypes.INTEGERS,
    "real floating": dtypes.FLOATS,
    "complex floating": dtypes.COMPLEX,
    "numeric": dtypes.INTEGERS | dtypes.FLOATS | dtypes.COMPLEX,
}


@dataclass(frozen=True)
class FloatInfo:
    """Limits of a float dtype, of both parts of a complex one: see ``finfo``.

    Attributes:
        bits: bits of a real number.
        eps: distance from 1 to the next larger number.
        max, min: the largest and the smallest finite number.
        smallest_normal: the smallest positive number of full precision.
        dtype: the real dtype.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype


@dataclass(frozen=True)
class IntegerInfo:
    """Limits of an integer dtype: see ``iinfo``.

    Attributes:
        bits: bits of a number.
        max, min: the largest and the smallest number.
        dtype: the dtype.
    """

    bits: int
    max: int
    min: int
    dtype: np.dtype


def finfo(type: Any, /) -> FloatInfo:
    """Limits of a float or complex dtype, or of a tensor's. Raises DtypeError for others."""
    dtype = _dtype(type)
    if not dtypes.is_differentiable(dtype):
        raise DtypeError(f"finfo is for float and complex dtypes, got {dtype}", hint="nbdl.iinfo")
    real = dtypes.real_of(dtype)
    found = ml_dtypes.finfo(real)
    return FloatInfo(
        int(found.bits),
        float(found.eps),
        float(found.max),
        float(found.min),
        float(found.smallest_normal),
        real,
    )


def iinfo(type: Any, /) -> IntegerInfo:
    """Limits of an integer dtype, or of a tensor's. Raises DtypeError for others."""
    dtype = _dtype(type)
    if dtype not in dtypes.INTEGERS:
        raise DtypeError(f"iinfo is for integer dtypes, got {dtype}", hint="nbdl.finfo")
    found = np.iinfo(dtype)
    return IntegerInfo(int(found.bits), int(found.max), int(found.min), dtype)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether ``dtype`` is of a kind: a dtype, one of the names below, or a tuple of these.

    ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real
    floating"``, ``"complex floating"``, ``"numeric"``. Raises ArgumentError for another name.
    """
    found = dtypes.as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise unknown("kind of dtypes", kind, _KINDS)
        return found in _KINDS[kind]
    return bool(found == dtypes.as_dtype(kind))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether the rule of promotion leads from a dtype, or a tensor's, to dtype ``to``."""
    source, target = _dtype(from_), dtypes.as_dtype(to)
    return bool(dtypes.promote(source, target) == target)


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype that tensors, dtypes and Python numbers (which are weak) combine to.

    Raises ArgumentError without any, or with Python numbers alone.
    """
    numbers = [x for x in arrays_and_dtypes if isinstance(x, (bool, int, float, complex))]
    others = [x for x in arrays_and_dtypes if not isinstance(x, (bool, int, float, complex))]
    if not others:
        raise ArgumentError("result_type needs at least one tensor or dtype")
    found = _dtype(others[0])
    for x in others[1:]:
        found = dtypes.promote(found, _dtype(x))
    for number in numbers:
        found = dtypes.promote_scalar(found, number)
    return found


def _dtype(x: Any) -> np.dtype:
    if isinstance(x, Tensor):
        return x.dtype
    return astensor(x).dtype if isinstance(x, np.ndarray) else dtypes.as_dtype(x)


class NamespaceInfo:
    """What ``nbdl`` can do and where: the answer of ``__array_namespace_info__``."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and data-dependent shapes are there; at most 64 axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where new tensors are made."""
        return backends.default_device()

    def devices(self) -> list[Device]:
        """The CPU and every GPU that CuPy finds."""
        return [backends.CPU, *(Device("cuda", i) for i in range(cuda.count()))]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """Dtypes of new tensors made of Python numbers, and of indices."""
        real = dtypes.default_float()
        return {
            "real floating": real,
            "complex floating": dtypes.complex_of(real),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype]:
        """The standard's dtypes by name, of one kind or several: see ``isdtype``."""
        own = dtypes.HALVES  # first class here, unknown to the standard
        found = sorted(dtypes.ALL - own, key=lambda d: (d.kind, d.itemsize))
        return {d.name: d for d in found if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> NamespaceInfo:
    """Capabilities, devices and dtypes of ``nbdl`` (array API)."""
    return NamespaceInfo()


def __array_namespace__(x: Tensor, /, *, api_version: str | None = None) -> ModuleType:
    """The namespace whose functions work on this tensor: ``nbdl`` (array API).

    Raises ArgumentError for a version of the standard that is newer, or unknown.
    """
    known = ("2021.12", "2022.12", "2023.12", __array_api_version__)
    if api_version not in (None, *known):
        raise unknown("version of the array API standard", str(api_version), known)
    return sys.modules["nbdl"]


METHODS = {"__array_namespace__": __array_namespace__}
