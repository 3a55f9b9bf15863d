"""Vector maths."""

from __future__ import annotations

from collections.abc import Callable

from nbdl.backends.kernels.arithmetic import each_lane
from nbdl.backends.kernels.ir import Value

_LIBRARY = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "hypot", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "tan", "tanh"]


def _library(name: str) -> Callable[..., Value]:
    return lambda *args: each_lane(name if args[0].dtype == "float64" else name + "f", *args)


FUNCTIONS: dict[str, Callable[..., Value]] = {name: _library(name) for name in _LIBRARY}
FUNCTIONS["sigmoid"] = lambda x: 1.0 / (1.0 + FUNCTIONS["exp"](-x))
