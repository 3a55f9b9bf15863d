"""Elementwise arithmetic and the elementary functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import op as core_op
from nbdl.core.mistakes import check_pairing, check_spent
from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.families import Elementwise

__all__ = [
    "add",
    "subtract",
    "sub",
    "multiply",
    "mul",
    "divide",
    "div",
    "true_divide",
    "negative",
    "neg",
    "positive",
    "exp",
    "log",
    "conj",
    "real",
    "imag",
]

# ----- two operands ---------------------------------------------------------------------------


_ROWS = 32768
"""Elements from which compiled code adds a row to each row faster than NumPy."""


def _paired(op: Elementwise, ufunc: Any, x: Any, y: Any) -> Any:
    """The result for operands of different sizes, such as a batch and a bias."""
    large = x.size >= _ROWS or y.size >= _ROWS
    if large and x.ndim and y.ndim and type(x) is type(y) is np.ndarray:
        z = core_op.compiled(op, [x, y])
        if z is not None:
            return z
    return ufunc(x, y)


class Add(Elementwise):
    """x + y."""

    method = ("add", "__add__")
    onnx = "Add"
    kernel = "x + y"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.add(x, y) if x.size == y.size else _paired(self, xp.add, x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return dz, dz


class Subtract(Elementwise):
    """x - y."""

    method = ("subtract", "sub", "__sub__")
    onnx = "Sub"
    kernel = "x - y"
    kinds = "iufc"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.subtract(x, y) if x.size == y.size else _paired(self, xp.subtract, x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return dz, lambda: negative(dz)


class Multiply(Elementwise):
    """x * y."""

    method = ("multiply", "mul", "__mul__")
    onnx = "Mul"
    kernel = "x * y"
    saves = ("x", "y")

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.multiply(x, y) if x.size == y.size else _paired(self, xp.multiply, x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: dz * conj(y), lambda: dz * conj(x)


class Divide(Elementwise):
    """x / y."""

    method = ("divide", "div", "true_divide", "__truediv__")
    onnx = "Div"
    kernel = "x / y"
    saves = ("x", "y")

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.true_divide(x, y) if x.size == y.size else _paired(self, xp.true_divide, x, y)

    def grad(self, dz: Tensor, z: Tensor, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: dz / conj(y), lambda: negative(dz * conj((x / y) / y))


def add(x: Any, y: Any) -> Tensor:
    """x + y, elementwise.  x, y: broadcasting -> z: their common shape."""
    x, y = promote(x, y)
    if x.node is not None and y.node is not None and not (x.ndim or y.ndim):
        check_spent(x, y)
    return _add(x, y)


def subtract(x: Any, y: Any) -> Tensor:
    """x - y, elementwise.  x, y: broadcasting -> z: their common shape."""
    x, y = promote(x, y)
    if x.ndim != y.ndim:
        check_pairing("x - y", x, y)
    return _subtract(x, y)


def multiply(x: Any, y: Any) -> Tensor:
    """x * y, elementwise.  x, y: broadcasting -> z: their common shape."""
    x, y = promote(x, y)
    return _multiply(x, y)


def divide(x: Any, y: Any) -> Tensor:
    """x / y, elementwise; integers give the default float.  x, y: broadcasting -> z."""
    x, y = promote(x, y)
    return _divide(floats(x), floats(y))


# ----- one operand ----------------------------------------------------------------------------


class Negative(Elementwise):
    """-x."""

    method = ("negative", "neg", "__neg__")
    onnx = "Neg"
    kernel = "-x"
    kinds = "iufc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.negative(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy)


class Exp(Elementwise):
    """e to the power x."""

    method = "exp"
    onnx = "Exp"
    kernel = "exp(x)"
    flops_per_element = 10
    saves = ("y",)
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.exp(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(y)


class Log(Elementwise):
    """Natural logarithm."""

    method = "log"
    onnx = "Log"
    kernel = "log(x)"
    flops_per_element = 10
    saves = ("x",)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.log(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(x)


class Conj(Elementwise):
    """Complex conjugate."""

    onnx = None

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.conj(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return conj(dy)


class _Part(Elementwise, abstract=True):
    """A part of a complex number, as a real one."""

    kinds = "c"

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.real_of(dtype)


class Real(_Part):
    """The real part."""

    def forward(self, xp: Any, x: Any) -> Any:
        return x.real

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return cast(dy, x.dtype)


class Imag(_Part):
    """The imaginary part."""

    def forward(self, xp: Any, x: Any) -> Any:
        return x.imag

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return cast(dy, x.dtype) * 1j


def negative(x: Any) -> Tensor:
    """-x.  x: (...) -> y: (...), same dtype."""
    return _negative(astensor(x))


def exp(x: Any) -> Tensor:
    """e to the power x.  x: (...) -> y: (...), a float dtype."""
    return _exp(floats(x))


def log(x: Any) -> Tensor:
    """Natural logarithm; -inf at 0, NaN below.  x: (...) -> y: (...), a float dtype."""
    return _log(floats(x))


def conj(x: Any) -> Tensor:
    """Complex conjugate; the same tensor when it is real.  x: (...) -> y: (...)."""
    x = astensor(x)
    return _conj(x) if x.value.dtype.kind == "c" else x


def positive(x: Any) -> Tensor:
    """x itself.  x: (...) -> y: (...)."""
    return astensor(x)


def real(x: Any) -> Tensor:
    """The real part; the same tensor when it is real.  x: (...) -> y: (...)."""
    x = astensor(x)
    return _real(x) if x.value.dtype.kind == "c" else x


def imag(x: Any) -> Tensor:
    """The imaginary part of a complex tensor.  x: (...) -> y: (...), the real dtype."""
    return _imag(astensor(x))


sub, mul, div, true_divide, neg = subtract, multiply, divide, divide, negative


def _reflected(door: Any) -> Any:
    def reflected(x: Tensor, y: Any) -> Tensor:
        return door(y, x)

    return reflected


_add, _subtract, _multiply, _divide = Add(), Subtract(), Multiply(), Divide()
_negative, _exp, _log, _conj, _real, _imag = Negative(), Exp(), Log(), Conj(), Real(), Imag()

METHODS = {
    "__radd__": add,
    "__rsub__": _reflected(subtract),
    "__rmul__": multiply,
    "__rtruediv__": _reflected(divide),
    "__pos__": positive,
    "conj": conj,
    "real": property(real),
    "imag": property(imag),
}
"""Operators that are other spellings of a door."""

