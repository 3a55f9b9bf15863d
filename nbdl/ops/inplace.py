"""Methods and operators that put their result into the same box: ``x += y``, ``x.mul_(2)``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nbdl import dtypes
from nbdl.core.nameless import changing
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError
from nbdl.ops import (
    arithmetic,
    contraction,
    logic,
    powers,
    rounding,
    selection,
    trigonometry,
)
from nbdl.ops.indexing import setitem

__all__: list[str] = []


def _kept(x: Tensor, y: Tensor) -> Tensor:
    """Put ``y`` into ``x``'s box; a result of a higher kind has no place there."""
    if y.dtype != x.dtype and dtypes.promote(x.dtype, y.dtype) != x.dtype and (
        "biufc".index(_kind(y)) > "biufc".index(_kind(x))
    ):
        raise DtypeError(
            f"an in-place operation on a tensor of {x.dtype} gave {y.dtype}",
            hint="write x = x + y to let the dtype change, or x.to('float32') first",
        )
    return x._replace(y)


def _kind(x: Tensor) -> str:
    kind = "f" if x.dtype == dtypes.bfloat16 else x.dtype.kind
    return "i" if kind == "u" else kind


def in_place(door: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that puts ``door``'s result into its first argument's box and returns it."""

    @functools.wraps(door)
    def method(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return _kept(x, door(x, *args, **kwargs))

    method.__doc__ = f"In place: {door.__doc__}"
    return changing(method)


def _times(y: Any, factor: float) -> Any:
    return y if factor == 1 else arithmetic.multiply(y, factor)


@changing
def add_(x: Tensor, y: Any, *, alpha: float = 1) -> Tensor:
    """In place: x + alpha * y."""
    return _kept(x, arithmetic.add(x, _times(y, alpha)))


@changing
def sub_(x: Tensor, y: Any, *, alpha: float = 1) -> Tensor:
    """In place: x - alpha * y."""
    return _kept(x, arithmetic.subtract(x, _times(y, alpha)))


@changing
def addcmul_(x: Tensor, y: Any, z: Any, *, value: float = 1) -> Tensor:
    """In place: x + value * y * z."""
    return _kept(x, arithmetic.add(x, _times(arithmetic.multiply(y, z), value)))


@changing
def addcdiv_(x: Tensor, y: Any, z: Any, *, value: float = 1) -> Tensor:
    """In place: x + value * y / z."""
    return _kept(x, arithmetic.add(x, _times(arithmetic.divide(y, z), value)))


@changing
def copy_(x: Tensor, source: Any) -> Tensor:
    """Take the values of ``source``, which may broadcast to this shape."""
    return x._replace(setitem(x, ..., source))


@changing
def fill_(x: Tensor, number: float) -> Tensor:
    """Set every element to ``number``."""
    return x._replace(setitem(x, ..., number))


@changing
def zero_(x: Tensor) -> Tensor:
    """Set every element to 0."""
    return x._replace(setitem(x, ..., 0))


METHODS: dict[str, Callable[..., Any]] = {
    "copy_": copy_,
    "fill_": fill_,
    "zero_": zero_,
    "add_": add_,
    "sub_": sub_,
    "mul_": in_place(arithmetic.multiply),
    "div_": in_place(arithmetic.divide),
    "pow_": in_place(powers.pow),
    "addcmul_": addcmul_,
    "addcdiv_": addcdiv_,
    "clamp_": in_place(selection.clip),
    "clip_": in_place(selection.clip),
    "masked_fill_": in_place(selection.masked_fill),
    "lerp_": in_place(rounding.lerp),
    "neg_": in_place(arithmetic.negative),
    "abs_": in_place(rounding.abs),
    "sqrt_": in_place(powers.sqrt),
    "exp_": in_place(arithmetic.exp),
    "log_": in_place(arithmetic.log),
    "tanh_": in_place(trigonometry.tanh),
    "round_": in_place(rounding.round),
    "__iadd__": in_place(arithmetic.add),
    "__isub__": in_place(arithmetic.subtract),
    "__imul__": in_place(arithmetic.multiply),
    "__itruediv__": in_place(arithmetic.divide),
    "__ifloordiv__": in_place(rounding.floor_divide),
    "__imod__": in_place(rounding.remainder),
    "__ipow__": in_place(powers.pow),
    "__iand__": in_place(logic.bitwise_and),
    "__ior__": in_place(logic.bitwise_or),
    "__ixor__": in_place(logic.bitwise_xor),
    "__ilshift__": in_place(logic.bitwise_left_shift),
    "__irshift__": in_place(logic.bitwise_right_shift),
    "__imatmul__": in_place(contraction.matmul),
}
"""A value is never changed: a new one is put in its place, and views keep what they saw."""

for _name, _method in METHODS.items():
    _method.__name__ = _name
