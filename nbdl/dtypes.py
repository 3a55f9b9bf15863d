"""Data types: names, kinds and the rule by which two of them combine."""

from __future__ import annotations

import threading
from typing import Any

import ml_dtypes
import numpy as np

from nbdl.errors import DtypeError, did_you_mean

bool = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{n}") for n in (16, 32, 64))
bfloat16 = np.dtype(ml_dtypes.bfloat16)
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

FLOATS = frozenset((float16, bfloat16, float32, float64))
HALVES = frozenset((float16, bfloat16))
COMPLEX = frozenset((complex64, complex128))
INTEGERS = frozenset((int8, int16, int32, int64, uint8, uint16, uint32, uint64))
ALL: frozenset[Any] = FLOATS | COMPLEX | INTEGERS | {bool}

_BY_NAME = {d.name: d for d in ALL} | {
    "float": float32,
    "double": float64,
    "half": float16,
    "int": int64,
    "long": int64,
}
_BY_CLASS = {float: float32, int: int64, complex: complex64, np.bool_: bool}

_default = float32


class _Here(threading.local):
    """What this thread has in place of the default; None: nothing."""

    float: np.dtype | None = None


_here = _Here()


def as_dtype(dtype: Any) -> np.dtype:
    """``"float32"``, ``np.float32``, ``nbdl.float32`` or ``float`` as a dtype.

    Python's ``float`` is the default float (float32), ``int`` is int64. Raises DtypeError for
    a name nobody knows or a dtype nbdl does not compute with.
    """
    if isinstance(dtype, np.dtype):
        found = dtype
    elif isinstance(dtype, str):
        name = dtype.removeprefix("nbdl.").removeprefix("torch.")
        if name not in _BY_NAME:
            raise DtypeError(f"unknown dtype {dtype!r}{did_you_mean(name, _BY_NAME)}")
        found = _BY_NAME[name]
    else:
        found = _BY_CLASS.get(dtype) or np.dtype(dtype)
    if found not in ALL:
        raise DtypeError(f"nbdl has no tensors of dtype {found}", hint="a number or bool dtype")
    return found if found.isnative else found.newbyteorder("=")


def default_float() -> np.dtype:
    """The dtype of new float tensors: float32 unless set otherwise."""
    own = _here.float
    return _default if own is None else own


def own_float() -> np.dtype | None:
    """What this thread has in place of the default; None: nothing."""
    return _here.float


def take_float(dtype: np.dtype | None) -> None:
    """Let this thread have ``dtype`` in place of the default; None: the default again."""
    _here.float = None if dtype is None else _float(dtype)


def set_default_float(dtype: Any) -> None:
    """Make ``dtype`` the dtype of new float tensors."""
    global _default
    _default = _float(dtype)


def _float(dtype: Any) -> np.dtype:
    found = as_dtype(dtype)
    if found not in FLOATS:
        raise DtypeError(f"the default float dtype cannot be {found}")
    return found


def is_float(dtype: np.dtype) -> Any:
    """True for float16, bfloat16, float32, float64."""
    return dtype in FLOATS


def is_differentiable(dtype: np.dtype) -> Any:
    """True for floats and complex numbers: what a gradient can be asked of."""
    return dtype in FLOATS or dtype in COMPLEX


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype two tensors combine to.

    Within a kind as the Python array API standard says; an integer with a float gives that
    float (as PyTorch); float16 with bfloat16 gives float32.
    """
    if a is b or a == b:
        return a
    rank_a, rank_b = _rank(a), _rank(b)
    if rank_a == rank_b or min(rank_a, rank_b) == 2:
        if {a, b} == {float16, bfloat16}:
            return float32
        return np.promote_types(a, b)
    return a if rank_a > rank_b else b


def promote_scalar(dtype: np.dtype, scalar: complex) -> np.dtype:
    """The dtype of a tensor combined with a Python number, which is weak: it never widens."""
    kind = 0 if scalar is True or scalar is False else _SCALAR_RANK.get(type(scalar))
    if kind is None:
        return promote(dtype, np.asarray(scalar).dtype)
    if kind <= _rank(dtype):
        return dtype
    if kind == 3:
        return complex_of(dtype)
    return (bool, int64, default_float())[kind]


_SCALAR_RANK = {int: 1, float: 2, complex: 3}


def _rank(dtype: np.dtype) -> int:
    """bool 0, integer 1, float 2, complex 3."""
    if dtype in FLOATS:
        return 2
    return 0 if dtype == bool else 1 if dtype in INTEGERS else 3


def to_float(dtype: np.dtype) -> np.dtype:
    """The float an operation such as ``exp`` returns for ``dtype``: itself, or the default."""
    return dtype if dtype in FLOATS or dtype in COMPLEX else default_float()


def real_of(dtype: np.dtype) -> np.dtype:
    """The dtype of a complex number's parts and length; other dtypes as they are."""
    return float32 if dtype == complex64 else float64 if dtype == complex128 else dtype


def complex_of(dtype: np.dtype) -> np.dtype:
    """The complex dtype whose parts hold ``dtype``: complex64, or complex128 for float64."""
    return complex128 if dtype in (float64, complex128) else complex64


def eps(dtype: np.dtype) -> float:
    """The distance from 1 to the next larger number of a float dtype."""
    return float(ml_dtypes.finfo(dtype).eps)


def accumulator(dtype: np.dtype) -> np.dtype:
    """Where sums of ``dtype`` are kept: float32 for half precision, else itself."""
    return float32 if dtype in HALVES else dtype
