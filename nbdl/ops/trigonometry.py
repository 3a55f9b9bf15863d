"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import conj, negative
from nbdl.ops.conversion import floats, promote
from nbdl.ops.families import Elementwise
from nbdl.ops.powers import rsqrt

__all__ = [
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "atan2",
    "deg2rad",
    "rad2deg",
]


class Sin(Elementwise):
    """Sine."""

    method = "sin"
    onnx = "Sin"
    kernel = "sin(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sin(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(cos(x))

class Cos(Elementwise):
    """Cosine."""

    method = "cos"
    onnx = "Cos"
    kernel = "cos(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cos(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * conj(sin(x)))

class Tan(Elementwise):
    """Tangent."""

    method = "tan"
    onnx = "Tan"
    kernel = "tan(x)"
    flops_per_element = 10
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.tan(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(1 + y * y)

class Asin(Elementwise):
    """Inverse sine."""

    method = "asin"
    onnx = "Asin"
    kernel = "asin(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arcsin(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(rsqrt(1 - x * x))

class Acos(Elementwise):
    """Inverse cosine."""

    method = "acos"
    onnx = "Acos"
    kernel = "acos(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arccos(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return negative(dy * conj(rsqrt(1 - x * x)))

class Atan(Elementwise):
    """Inverse tangent."""

    method = "atan"
    onnx = "Atan"
    kernel = "atan(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arctan(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(1 + x * x)

class Sinh(Elementwise):
    """Hyperbolic sine."""

    method = "sinh"
    onnx = "Sinh"
    kernel = "sinh(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.sinh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(cosh(x))

class Cosh(Elementwise):
    """Hyperbolic cosine."""

    method = "cosh"
    onnx = "Cosh"
    kernel = "cosh(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.cosh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(sinh(x))

class Tanh(Elementwise):
    """Hyperbolic tangent."""

    method = "tanh"
    onnx = "Tanh"
    kernel = "tanh(x)"
    flops_per_element = 10
    saves = ("y",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.tanh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return TanhGrad()(dy, conj(y))


class TanhGrad(Elementwise):
    """dy · (1 - y · y)."""

    kernel = "dy * (1 - y * y)"
    flops_per_element = 3
    saves = ("dy", "y")
    kinds = "fc"
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        return dy * (1 - y * y)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        return lambda: TanhGrad()(ddx, conj(y)), lambda: ddx * conj(-2 * dy * y)


class Asinh(Elementwise):
    """Inverse hyperbolic sine."""

    method = "asinh"
    onnx = "Asinh"
    kernel = "asinh(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arcsinh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(rsqrt(x * x + 1))

class Acosh(Elementwise):
    """Inverse hyperbolic cosine."""

    method = "acosh"
    onnx = "Acosh"
    kernel = "acosh(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arccosh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * conj(rsqrt(x - 1) * rsqrt(x + 1))

class Atanh(Elementwise):
    """Inverse hyperbolic tangent."""

    method = "atanh"
    onnx = "Atanh"
    kernel = "atanh(x)"
    flops_per_element = 10
    saves = ("x",)
    kinds = "fc"

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.arctanh(x)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy / conj(1 - x * x)

class Atan2(Elementwise):
    """The angle of the point (y, x)."""

    method = "atan2"
    kernel = "atan2(y, x)"
    flops_per_element = 15
    saves = ("y", "x")
    kinds = "f"

    def forward(self, xp: Any, y: Any, x: Any) -> Any:
        return xp.arctan2(y, x)

    def grad(self, dz: Tensor, z: Tensor, y: Tensor, x: Tensor) -> tuple[Any, ...]:
        d = dz / (x * x + y * y)
        return lambda: d * x, lambda: negative(d * y)


def sin(x: Any, /) -> Tensor:
    """Sine of x in radians.  x: (...) -> y: (...), a float dtype."""
    return _sin(floats(x))


def cos(x: Any, /) -> Tensor:
    """Cosine of x in radians.  x: (...) -> y: (...), a float dtype."""
    return _cos(floats(x))


def tan(x: Any, /) -> Tensor:
    """Tangent of x in radians.  x: (...) -> y: (...), a float dtype."""
    return _tan(floats(x))


def asin(x: Any, /) -> Tensor:
    """Inverse sine in radians; NaN outside [-1, 1].  x: (...) -> y: (...), a float dtype."""
    return _asin(floats(x))


def acos(x: Any, /) -> Tensor:
    """Inverse cosine in radians; NaN outside [-1, 1].  x: (...) -> y: (...), a float dtype."""
    return _acos(floats(x))


def atan(x: Any, /) -> Tensor:
    """Inverse tangent in radians.  x: (...) -> y: (...), a float dtype."""
    return _atan(floats(x))


def sinh(x: Any, /) -> Tensor:
    """Hyperbolic sine.  x: (...) -> y: (...), a float dtype."""
    return _sinh(floats(x))


def cosh(x: Any, /) -> Tensor:
    """Hyperbolic cosine.  x: (...) -> y: (...), a float dtype."""
    return _cosh(floats(x))


def tanh(x: Any, /) -> Tensor:
    """Hyperbolic tangent.  x: (...) -> y: (...), a float dtype."""
    return _tanh(floats(x))


def asinh(x: Any, /) -> Tensor:
    """Inverse hyperbolic sine.  x: (...) -> y: (...), a float dtype."""
    return _asinh(floats(x))


def acosh(x: Any, /) -> Tensor:
    """Inverse hyperbolic cosine; NaN below 1.  x: (...) -> y: (...), a float dtype."""
    return _acosh(floats(x))


def atanh(x: Any, /) -> Tensor:
    """Inverse hyperbolic tangent; NaN outside [-1, 1].  x: (...) -> y: (...), a float dtype."""
    return _atanh(floats(x))


def atan2(y: Any, x: Any, /) -> Tensor:
    """The angle of the point (x, y), in radians, from -pi to pi.

    y, x: broadcasting -> z: their common shape, a float dtype.
    """
    y, x = promote(y, x)
    return _atan2(floats(y), floats(x))


def deg2rad(x: Any, /) -> Tensor:
    """Degrees to radians.  x: (...) -> y: (...), a float dtype."""
    return floats(x) * 0.017453292519943295


def rad2deg(x: Any, /) -> Tensor:
    """Radians to degrees.  x: (...) -> y: (...), a float dtype."""
    return floats(x) * 57.29577951308232


_sin, _cos, _tan, _asin, _acos, _atan = Sin(), Cos(), Tan(), Asin(), Acos(), Atan()
_sinh, _cosh, _tanh, _asinh, _acosh, _atanh = Sinh(), Cosh(), Tanh(), Asinh(), Acosh(), Atanh()
_atan2 = Atan2()
