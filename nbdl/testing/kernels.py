"""Kernel texts evaluated with NumPy: the reference of what each function in them means.

A kernel is one expression in the common subset of Python and C: arithmetic, comparisons, ``&``
and ``|`` of comparisons, and calls of the functions below. Names are the operation's inputs (as
``forward`` calls them) and its fields.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import fields
from typing import Any

import numpy as np

from nbdl.core import Op


def _vectorized(function: Any) -> Any:
    table = np.vectorize(function, otypes=[np.float64])

    def call(x: Any) -> Any:
        x = np.asarray(x)
        return table(x).astype(x.dtype) if x.size else x

    return call


KERNEL_FUNCTIONS: dict[str, Any] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "copysign": np.copysign,
    "cos": np.cos,
    "cosh": np.cosh,
    "erf": _vectorized(math.erf),
    "erfc": _vectorized(math.erfc),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "fmod": np.fmod,
    "hypot": np.hypot,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "maximum": np.maximum,  # NaN wins, which C's fmax does not do
    "minimum": np.minimum,
    "pow": np.power,
    "rint": np.rint,
    "sign": np.sign,
    "signbit": np.signbit,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
    "trunc": np.trunc,
    "where": np.where,
}


def input_names(op: Op) -> list[str]:
    """What ``forward`` calls its arrays."""
    return list(inspect.signature(type(op).forward).parameters)[2:]


def evaluate_kernel(op: Op, *arrays: np.ndarray) -> Any:
    """The value of the operation's kernel text for these inputs."""
    names = input_names(op)
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    values |= dict(zip(names, arrays, strict=True))
    with np.errstate(all="ignore"):
        return eval(op.kernel or "", {"__builtins__": {}, **KERNEL_FUNCTIONS}, values)


def special_values(*examples: np.ndarray) -> list[np.ndarray]:
    """All combinations of NaN, ±Inf, ±0, denormals and ordinary numbers, one vector an input."""
    columns = [_specials(a.dtype) for a in examples]
    grid = np.meshgrid(*columns, indexing="ij")
    return [g.reshape(-1) for g in grid]


def _specials(dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.unique(np.array([info.min, 0, 1, 2, 5, info.max], dtype))
    tiny = 5e-324 if dtype == np.float64 else 1e-45
    small = np.finfo(dtype).smallest_normal / 4
    numbers = [math.nan, math.inf, -math.inf, 0.0, -0.0, tiny, -small, 0.5, -0.5, 1.0, -1.0, 2.5,
               -3.0, 1e4, -1e4]  # fmt: skip
    return np.array(numbers, dtype)
