"""PyTorch's functions of numbers that nbdl composes of its own; and questions about dtypes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops import array_api
from nbdl.ops.conversion import astensor
from nbdl.torch.naming import door


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


def nan_to_num(input: Any, nan: float = 0.0, posinf: float | None = None,
               neginf: float | None = None) -> Tensor:  # fmt: skip
    """NaN as 0, infinities as the largest numbers of the dtype, or as given."""
    x = astensor(input)
    if x.dtype not in dtypes.FLOATS:
        return x
    limits = finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    y = door("where")(door("isnan")(x), nan, x)
    y = door("where")(door("isposinf")(y), high, y)
    return door("where")(door("isneginf")(y), low, y).to(x.dtype)


def heaviside(input: Any, values: Any) -> Tensor:
    """0 below 0, 1 above, ``values`` at 0."""
    x = astensor(input)
    return door("where")(x == 0, values, (x > 0).to(x.dtype))


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Tensor:
    """Distances of all pairs of rows in the p-norm.

    x1: (..., n, d), x2: (..., m, d) -> y: (..., n, m).
    """
    a, b = astensor(x1), astensor(x2)
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"cdist needs rows of one length, got shapes {a.shape} and {b.shape}")
    difference = door("expand_dims")(a, axis=-2) - door("expand_dims")(b, axis=-3)
    return door("norm")(difference, p, axis=-1)


def dist(input: Any, other: Any, p: float = 2.0) -> Tensor:
    """The p-norm of input - other."""
    return door("norm")(astensor(input) - other, p)


def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · mat · vec."""
    return beta * astensor(input) + alpha * door("mv")(mat, vec)


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
