"""Transcendental functions of vectors by name.

float32 has all of them as vector code. float64 has the exponentials and logarithms; the others
are C's library, one lane after the other. Integers have powers.
"""

from __future__ import annotations

from collections.abc import Callable

from nbdl.backends.kernels import exponential
from nbdl.backends.kernels.arithmetic import each_lane, power
from nbdl.backends.kernels.ir import Value, is_float
from nbdl.backends.kernels.trigonometry import FLOAT32


def _by_dtype(name: str, single: Callable[..., Value]) -> Callable[..., Value]:
    def call(*args: Value) -> Value:
        if not is_float(args[0].dtype):
            return power(*args)
        return single(*args) if args[0].dtype == "float32" else each_lane(name, *args)

    return call


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": exponential.log,
    "log1p": exponential.log1p,
    "log2": exponential.log2,
    "log10": exponential.log10,
    "tanh": exponential.tanh,
    "sigmoid": exponential.sigmoid,
    **{name: _by_dtype(name, single) for name, single in FLOAT32.items()},
}
