"""Logic on bools and operations on the bits of integers."""

from __future__ import annotations

from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import astensor, cast, promote
from nbdl.ops.families import Comparison, Elementwise

__all__ = [
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "bitwise_invert",
    "bitwise_not",
]


class LogicalAnd(Comparison):
    """X and y."""

    method = "logical_and"
    onnx = "And"
    kernel = "x & y"
    kinds = "b"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.logical_and(x, y)


class LogicalOr(Comparison):
    """X or y."""

    method = "logical_or"
    onnx = "Or"
    kernel = "x | y"
    kinds = "b"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.logical_or(x, y)


class LogicalXor(Comparison):
    """Either x or y, not both."""

    method = "logical_xor"
    onnx = "Xor"
    kernel = "x ^ y"
    kinds = "b"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.logical_xor(x, y)


class LogicalNot(Comparison):
    """Not x."""

    method = "logical_not"
    onnx = "Not"
    kernel = "x == 0"
    kinds = "b"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.logical_not(x)


class Bits(Elementwise, abstract=True):
    """Works on the bits of integers (and on bools); no gradient."""

    differentiable = False
    kinds = "biu"


class BitwiseAnd(Bits):
    """Bits set in both."""

    method = ("bitwise_and", "__and__")
    onnx = "BitwiseAnd"
    kernel = "x & y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.bitwise_and(x, y)


class BitwiseOr(Bits):
    """Bits set in either."""

    method = ("bitwise_or", "__or__")
    onnx = "BitwiseOr"
    kernel = "x | y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.bitwise_or(x, y)


class BitwiseXor(Bits):
    """Bits set in one of them."""

    method = ("bitwise_xor", "__xor__")
    onnx = "BitwiseXor"
    kernel = "x ^ y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.bitwise_xor(x, y)


class BitwiseLeftShift(Bits):
    """X * 2**y."""

    method = ("bitwise_left_shift", "__lshift__")
    kinds = "iu"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.left_shift(x, y)


class BitwiseRightShift(Bits):
    """Floor(x / 2**y)."""

    method = ("bitwise_right_shift", "__rshift__")
    kinds = "iu"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.right_shift(x, y)


class BitwiseInvert(Bits):
    """Every bit turned over; not x for bools."""

    method = ("bitwise_invert", "__invert__")
    kernel = "~x"
    onnx = "BitwiseNot"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.invert(x)


def _truths(*operands: Any) -> tuple[Tensor, ...]:
    """Operands as bools: what is not 0 is True."""
    return tuple(cast(astensor(x), dtypes.bool) for x in operands)


def logical_and(x: Any, y: Any, /) -> Tensor:
    """X and y; what is not 0 counts as True.  x, y: broadcasting -> z: bool."""
    return _logical_and(*_truths(x, y))


def logical_or(x: Any, y: Any, /) -> Tensor:
    """X or y; what is not 0 counts as True.  x, y: broadcasting -> z: bool."""
    return _logical_or(*_truths(x, y))


def logical_xor(x: Any, y: Any, /) -> Tensor:
    """Either x or y, not both; what is not 0 counts as True.  x, y: broadcasting -> z: bool."""
    return _logical_xor(*_truths(x, y))


def logical_not(x: Any, /) -> Tensor:
    """Not x; what is not 0 counts as True.  x: (...) -> y: (...), bool."""
    return _logical_not(*_truths(x))


def bitwise_and(x: Any, y: Any, /) -> Tensor:
    """Bits set in both.  x, y: broadcasting integers or bools -> z."""
    x, y = promote(x, y)
    return _bitwise_and(x, y)


def bitwise_or(x: Any, y: Any, /) -> Tensor:
    """Bits set in either.  x, y: broadcasting integers or bools -> z."""
    x, y = promote(x, y)
    return _bitwise_or(x, y)


def bitwise_xor(x: Any, y: Any, /) -> Tensor:
    """Bits set in one of them.  x, y: broadcasting integers or bools -> z."""
    x, y = promote(x, y)
    return _bitwise_xor(x, y)


def bitwise_left_shift(x: Any, y: Any, /) -> Tensor:
    """X * 2**y.  x, y: broadcasting integers -> z."""
    x, y = promote(x, y)
    return _bitwise_left_shift(x, y)


def bitwise_right_shift(x: Any, y: Any, /) -> Tensor:
    """Floor(x / 2**y).  x, y: broadcasting integers -> z."""
    x, y = promote(x, y)
    return _bitwise_right_shift(x, y)


def bitwise_invert(x: Any, /) -> Tensor:
    """Every bit turned over; not x for bools.  x: (...) integers or bools -> y: (...)."""
    return _bitwise_invert(astensor(x))


bitwise_not = bitwise_invert


def _reflected(door: Any) -> Any:
    def reflected(y: Tensor, x: Any) -> Tensor:
        return door(x, y)

    return reflected


_logical_and = LogicalAnd()
_logical_or = LogicalOr()
_logical_xor = LogicalXor()
_logical_not = LogicalNot()
_bitwise_and = BitwiseAnd()
_bitwise_or = BitwiseOr()
_bitwise_xor = BitwiseXor()
_bitwise_left_shift = BitwiseLeftShift()
_bitwise_right_shift, _bitwise_invert = BitwiseRightShift(), BitwiseInvert()

METHODS = {
    "__rand__": bitwise_and,
    "__ror__": bitwise_or,
    "__rxor__": bitwise_xor,
    "__rlshift__": _reflected(bitwise_left_shift),
    "__rrshift__": _reflected(bitwise_right_shift),
}
