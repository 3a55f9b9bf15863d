"""Elements and places that a mask names: how many they are, only the values say."""

from __future__ import annotations

from typing import Any

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError, ShapeError, TraceError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor
from nbdl.shapes import broadcast_shapes

__all__ = ["masked_select", "nonzero"]


def masked_select(x: Any, mask: Any) -> Tensor:
    """The elements of x where ``mask`` is True, in order.  x, mask: broadcasting -> y: (n,)."""
    x, mask = astensor(x), astensor(mask)
    if mask.dtype != dtypes.bool:
        raise DtypeError(f"masked_select needs a bool mask, got {mask.dtype}", hint="mask != 0")
    shape = broadcast_shapes(x.shape, mask.shape, what="masked_select: x and mask")
    return broadcast_to(x, shape)[broadcast_to(mask, shape)]


def nonzero(x: Any, /) -> tuple[Tensor, ...]:
    """Places of the elements that are not 0: one int64 vector for each axis (array API).

    Their length depends on the values. Raises ShapeError for a number without axes.
    """
    x = astensor(x)
    if x.ndim == 0:
        raise ShapeError("nonzero needs at least one axis, got shape ()")
    known("nonzero", x)
    xp = backends.namespace(x.value)
    return tuple(Tensor._wrap(i.astype(xp.int64)) for i in xp.nonzero(x.value))


def known(name: str, x: Tensor) -> None:
    """Raise TraceError when x has only a shape: the result's size depends on its values."""
    if not backends.has_data(x.value):
        raise TraceError(
            f"{name}: the size of its result depends on values, which are not known while only "
            "shapes are computed, nor are they one thing inside vmap or jvp",
            hint="where(mask, x, 0) keeps the shape",
        )


METHODS = {"masked_select": masked_select, "nonzero": nonzero}
