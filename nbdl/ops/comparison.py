"""Comparisons, and questions about what kind of number an element is."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.mistakes import check_pairing
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.conversion import astensor, cast, promote
from nbdl.ops.families import Comparison, require_real

__all__ = [
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "isclose",
    "allclose",
    "isposinf",
    "isneginf",
    "isreal",
]


class Equal(Comparison):
    """x == y."""

    method = ("equal", "eq")
    onnx = "Equal"
    kernel = "x == y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.equal(x, y)


class NotEqual(Comparison):
    """x != y."""

    method = ("not_equal", "ne")
    kernel = "x != y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.not_equal(x, y)


class Less(Comparison):
    """x < y."""

    method = ("less", "lt", "__lt__")
    onnx = "Less"
    kernel = "x < y"
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.less(x, y)


class LessEqual(Comparison):
    """x <= y."""

    method = ("less_equal", "le", "__le__")
    onnx = "LessOrEqual"
    kernel = "x <= y"
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.less_equal(x, y)


class Greater(Comparison):
    """x > y."""

    method = ("greater", "gt", "__gt__")
    onnx = "Greater"
    kernel = "x > y"
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.greater(x, y)


class GreaterEqual(Comparison):
    """x >= y."""

    method = ("greater_equal", "ge", "__ge__")
    onnx = "GreaterOrEqual"
    kernel = "x >= y"
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.greater_equal(x, y)


class Isnan(Comparison):
    """Whether x is not a number."""

    method = "isnan"
    onnx = "IsNaN"
    kernel = "x != x"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.isnan(x)


class Isinf(Comparison):
    """Whether x is infinite."""

    method = "isinf"
    onnx = "IsInf"
    kernel = "isinf(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.isinf(x)


class Isfinite(Comparison):
    """Whether x is neither NaN nor infinite."""

    method = "isfinite"
    kernel = "isfinite(x)"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.isfinite(x)


class Signbit(Comparison):
    """Whether the sign is negative (-0 counts)."""

    method = "signbit"
    kernel = "signbit(x)"
    kinds = "f"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.signbit(x)


def equal(x: Any, y: Any, /) -> Tensor:
    """x == y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    if x.ndim != y.ndim:
        check_pairing("x == y", x, y)
    return _equal(x, y)


def not_equal(x: Any, y: Any, /) -> Tensor:
    """x != y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    return _not_equal(x, y)


def less(x: Any, y: Any, /) -> Tensor:
    """x < y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    require_real("less", x)
    return _less(x, y)


def less_equal(x: Any, y: Any, /) -> Tensor:
    """x <= y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    require_real("less_equal", x)
    return _less_equal(x, y)


def greater(x: Any, y: Any, /) -> Tensor:
    """x > y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    require_real("greater", x)
    return _greater(x, y)


def greater_equal(x: Any, y: Any, /) -> Tensor:
    """x >= y, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    require_real("greater_equal", x)
    return _greater_equal(x, y)


def isnan(x: Any, /) -> Tensor:
    """Whether x is not a number.  x: (...) -> y: (...), bool."""
    return _isnan(astensor(x))


def isinf(x: Any, /) -> Tensor:
    """Whether x is infinite.  x: (...) -> y: (...), bool."""
    return _isinf(astensor(x))


def isfinite(x: Any, /) -> Tensor:
    """Whether x is neither NaN nor infinite.  x: (...) -> y: (...), bool."""
    return _isfinite(astensor(x))


def signbit(x: Any, /) -> Tensor:
    """Whether the sign is negative (-0 counts).  x: (...) -> y: (...), bool."""
    return _signbit(astensor(x))


def isposinf(x: Any, /) -> Tensor:
    """Whether x is +inf.  x: (...) -> y: (...), bool."""
    return equal(x, float("inf"))


def isneginf(x: Any, /) -> Tensor:
    """Whether x is -inf.  x: (...) -> y: (...), bool."""
    return equal(x, float("-inf"))


def isreal(x: Any, /) -> Tensor:
    """Whether the imaginary part is 0.  x: (...) -> y: (...), bool."""
    x = astensor(x)
    return equal(x, x.conj())


def isclose(
    x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x - y| <= atol + rtol * |y|, elementwise.  x, y: broadcasting -> z: bool."""
    x, y = promote(x, y)
    if rtol < 0 or atol < 0:
        raise ArgumentError(f"isclose: rtol={rtol} and atol={atol} must not be negative")
    if x.dtype.kind not in "fcV":
        x, y = cast(x, dtypes.float64), cast(y, dtypes.float64)
    near = (x - y).abs() <= atol + rtol * y.abs()
    same = (x == y) | (near & isfinite(y))
    return same | (isnan(x) & isnan(y)) if equal_nan else same


def allclose(
    x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements of x and y are close: see ``isclose``.  -> a Python bool."""
    return bool(isclose(x, y, rtol, atol, equal_nan).all())


def _comparable(y: Any) -> bool:
    return isinstance(y, (Tensor, int, float, complex, list, tuple, np.ndarray, np.generic)) or (
        hasattr(y, "__array_namespace__")
    )


def _eq(x: Tensor, y: Any) -> Any:
    return equal(x, y) if _comparable(y) else NotImplemented


def _ne(x: Tensor, y: Any) -> Any:
    return not_equal(x, y) if _comparable(y) else NotImplemented


_equal, _not_equal, _less, _less_equal = Equal(), NotEqual(), Less(), LessEqual()
_greater, _greater_equal, _isnan, _isinf = Greater(), GreaterEqual(), Isnan(), Isinf()
_isfinite, _signbit = Isfinite(), Signbit()

METHODS = {"__eq__": _eq, "__ne__": _ne, "isclose": isclose, "allclose": allclose}
"""`x == y` gives NotImplemented for what is no number, so that `x == None` is simply False."""
