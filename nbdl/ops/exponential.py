"""Exponentials and logarithms beyond exp and log."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import conj, exp, log
from nbdl.ops.conversion import floats, promote
from nbdl.ops.families import Elementwise
from nbdl.ops.selection import clip, where

__all__ = [
    "log1p",
    "expm1",
    "exp2",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "xlogy",
    "xlog1py",
    "logit",
    "entr",
]

LOG_2, LOG_10 = math.log(2.0), math.log(10.0)


class Log1p(Elementwise):
    """log(1 + x), exact near 0."""

    method = "log1p"
    kernel = "log1p(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log1p(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(1 + x)

class Expm1(Elementwise):
    """exp(x) - 1, exact near 0."""

    method = "expm1"
    kernel = "expm1(x)"
    flops_per_element = 10
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.expm1(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(y + 1)

class Exp2(Elementwise):
    """2 to the power x."""

    method = "exp2"
    kernel = "exp2(x)"
    flops_per_element = 10
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.exp2(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(y) * LOG_2

class Log2(Elementwise):
    """Logarithm to base 2."""

    method = "log2"
    kernel = "log2(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log2(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(x * LOG_2)

class Log10(Elementwise):
    """Logarithm to base 10."""

    method = "log10"
    kernel = "log10(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log10(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(x * LOG_10)

class Logaddexp(Elementwise):
    """log(exp(x) + exp(y)) without overflow."""

    method = "logaddexp"
    flops_per_element = 20
    kernel = "where(x == y, x + 0.6931471805599453, maximum(x, y) + log1p(exp(-abs(x - y))))"
    saves = ("z", "x", "y")
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.logaddexp(x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        # At z = -inf or z = inf the difference x - z would be NaN.
        finite = where((z == math.inf) | (z == -math.inf), 0, z)
        return lambda: dz * exp(x - finite), lambda: dz * exp(y - finite)


class Xlogy(Elementwise):
    """x * log(y), 0 where x is 0."""

    method = "xlogy"
    kernel = "where((x == 0) & (y == y), 0, x * log(y))"
    flops_per_element = 11
    saves = ("x", "y")
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        zero = (x == 0) & (y == y)
        return xp.where(zero, x.dtype.type(0), x * xp.log(y))

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: where((x == 0) & (y <= 0), 0, dz * log(y)), lambda: dz * x / y


class Xlog1py(Elementwise):
    """x * log(1 + y), 0 where x is 0."""

    kernel = "where((x == 0) & (y == y), 0, x * log1p(y))"
    flops_per_element = 11
    saves = ("x", "y")
    kinds = "f"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        zero = (x == 0) & (y == y)
        return xp.where(zero, x.dtype.type(0), x * xp.log1p(y))

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: where((x == 0) & (y <= -1), 0, dz * log1p(y)), lambda: dz * x / (y + 1)


def log1p(x: Any, /) -> Tensor:
    """log(1 + x), exact near 0; NaN below -1.  x: (...) -> y: (...), a float dtype."""
    return _log1p(floats(x))


def expm1(x: Any, /) -> Tensor:
    """exp(x) - 1, exact near 0.  x: (...) -> y: (...), a float dtype."""
    return _expm1(floats(x))


def exp2(x: Any, /) -> Tensor:
    """2 to the power x.  x: (...) -> y: (...), a float dtype."""
    return _exp2(floats(x))


def log2(x: Any, /) -> Tensor:
    """Logarithm to base 2; -inf at 0, NaN below.  x: (...) -> y: (...), a float dtype."""
    return _log2(floats(x))


def log10(x: Any, /) -> Tensor:
    """Logarithm to base 10; -inf at 0, NaN below.  x: (...) -> y: (...), a float dtype."""
    return _log10(floats(x))


def logaddexp(x: Any, y: Any, /) -> Tensor:
    """log(exp(x) + exp(y)) without overflow.  x, y: broadcasting -> z: a float dtype."""
    x, y = promote(x, y)
    return _logaddexp(floats(x), floats(y))


def logaddexp2(x: Any, y: Any, /) -> Tensor:
    """log2(2**x + 2**y) without overflow.  x, y: broadcasting -> z: a float dtype."""
    x, y = promote(x, y)
    return logaddexp(floats(x) * LOG_2, floats(y) * LOG_2) / LOG_2


def xlogy(x: Any, y: Any, /) -> Tensor:
    """x * log(y), 0 where x is 0 and y is not NaN.  x, y: broadcasting -> z: a float dtype."""
    x, y = promote(x, y)
    return _xlogy(floats(x), floats(y))


def xlog1py(x: Any, y: Any, /) -> Tensor:
    """x * log(1 + y), 0 where x is 0 and y is not NaN.  x, y: broadcasting -> z: floats."""
    x, y = promote(x, y)
    return _xlog1py(floats(x), floats(y))


def logit(x: Any, /, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid; ``eps`` keeps x in [eps, 1 - eps].

    x: (...) -> y: (...), a float dtype; NaN outside [0, 1].
    """
    x = floats(x)
    if eps is not None:
        x = clip(x, eps, 1 - eps)
    return log(x / (1 - x))


def entr(x: Any, /) -> Tensor:
    """-x * log(x): 0 at 0, -inf below.  x: (...) -> y: (...), a float dtype."""
    x = floats(x)
    return where(x < 0, -math.inf, -xlogy(x, x))


_log1p, _expm1, _exp2, _log2, _log10 = Log1p(), Expm1(), Exp2(), Log2(), Log10()
_logaddexp, _xlogy, _xlog1py = Logaddexp(), Xlogy(), Xlog1py()
