"""PyTorch's questions about dtypes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops import array_api
from nbdl.ops.conversion import astensor


@dataclass(frozen=True)
class FloatInfo(array_api.FloatInfo):
    """Limits of a float dtype: see ``finfo``."""

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return self.smallest_normal

    @property
    def resolution(self) -> float:
        """The size of the last decimal that can be relied on."""
        return float(10.0 ** -int(-math.log10(self.eps)))


def finfo(type: Any = None) -> FloatInfo:
    """Limits of a float dtype (default: that of new tensors): eps, max, min, tiny, bits."""
    found = array_api.finfo(dtypes.default_float() if type is None else type)
    return FloatInfo(**{field.name: getattr(found, field.name) for field in fields(found)})


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that ``shapes`` broadcast to."""
    return np.broadcast_shapes(*(tuple(s) if isinstance(s, (list, tuple)) else s for s in shapes))


def is_floating_point(input: Tensor) -> bool:
    """Whether it holds floats."""
    return astensor(input).dtype in dtypes.FLOATS


def is_complex(input: Tensor) -> bool:
    """Whether it holds complex numbers."""
    return astensor(input).dtype in dtypes.COMPLEX


def is_nonzero(input: Tensor) -> bool:
    """Whether its only element is not 0."""
    return bool(astensor(input))


def promote_types(type1: Any, type2: Any) -> np.dtype:
    """The dtype that two dtypes combine to."""
    return dtypes.promote(dtypes.as_dtype(type1), dtypes.as_dtype(type2))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether the kind is kept or rises: bool, integer, float, complex."""
    low, high = ("biufc".index(_kind(dtypes.as_dtype(t))) for t in (from_, to))
    return low <= high


def _kind(dtype: np.dtype) -> str:
    return {"u": "i", "V": "f"}.get(dtype.kind, dtype.kind)
