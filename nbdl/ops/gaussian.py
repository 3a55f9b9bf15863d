"""The normal distribution's function, its inverse and logarithm, and the scaled erfc.

Values are SciPy's (on a GPU CuPy's).
"""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import exp
from nbdl.ops.gamma import Tabulated, real

__all__ = ["erfcx", "log_ndtr", "ndtr", "ndtri"]

_ROOT_2PI = math.sqrt(2 * math.pi)


class Ndtr(Tabulated):
    """The share of a standard normal distribution below x."""

    source = "ndtr"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (exp(x * x * -0.5) / _ROOT_2PI)


class LogNdtr(Tabulated):
    """log(ndtr(x)), exact where ndtr(x) is small."""

    source = "log_ndtr"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        # The quotient of density and ndtr, in which exp(-x²/2) is cancelled.
        return dy * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5)))


class Ndtri(Tabulated):
    """The inverse of ndtr."""

    source = "ndtri"
    saves = ("y",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (exp(y * y * 0.5) * _ROOT_2PI)


class Erfcx(Tabulated):
    """exp(x²) erfc(x)."""

    source = "erfcx"
    saves = ("y", "x")

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * (x * y * 2 - 2 / math.sqrt(math.pi))


_ndtr, _log_ndtr, _ndtri, _erfcx = Ndtr(), LogNdtr(), Ndtri(), Erfcx()


def ndtr(x: Any, /) -> Tensor:
    """The share of a standard normal distribution below x.  x: (...) -> y: (...), floats."""
    return _ndtr(real("ndtr", x))


def log_ndtr(x: Any, /) -> Tensor:
    """log(ndtr(x)), exact far below 0 too.  x: (...) -> y: (...), floats."""
    return _log_ndtr(real("log_ndtr", x))


def ndtri(x: Any, /) -> Tensor:
    """The inverse of ndtr; ±inf at 0 and 1, NaN outside.  x: (...) -> y: (...), floats."""
    return _ndtri(real("ndtri", x))


def erfcx(x: Any, /) -> Tensor:
    """exp(x²) erfc(x), which does not underflow.  x: (...) -> y: (...), floats."""
    return _erfcx(real("erfcx", x))
