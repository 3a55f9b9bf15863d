"""Exponentials that sum to one, and their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.mistakes import made_by, tell
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import exp, log
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast, floats, widened
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import wide
from nbdl.ops.reduction import max as largest
from nbdl.ops.sums import sum_of
from nbdl.shapes import Spec, normalize_axis

__all__ = ["log_softmax", "softmax", "softmin"]


class Normalized(Op, abstract=True):
    """Elements of the input's shape that depend on all others along one axis."""

    axis: int

    def infer(self, *specs: Spec) -> Spec:
        """The input's shape and dtype."""
        return specs[0]

    def flops(self, *specs: Spec) -> int:
        """About a maximum, a difference, an exponential, a sum and a quotient an element."""
        return 14 * specs[0].size


def shifted(xp: Any, x: Any, axis: int) -> Any:
    """x minus its largest along ``axis``, in a new array."""
    return xp.subtract(x, x.max(axis=axis, keepdims=True, initial=-xp.inf), out=xp.empty_like(x))


def _centred(x: Tensor, axis: int) -> Tensor:
    """``shifted`` in operations."""
    x = widened(x)
    return x - largest(x, axis, keepdims=True)


@dataclass(frozen=True)
class Softmax(Normalized):
    """exp(x) divided by its sum along the axis."""

    axis: int
    onnx = "Softmax"
    saves = ("y",)
    axis_fields = ("axis",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        y = shifted(xp, wide(x), self.axis)
        xp.exp(y, out=y)
        y /= sum_of(xp, y, (self.axis,), True)
        return y.astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor:
        if not x.size:
            return x
        powers = exp(_centred(x, self.axis))
        return cast(powers / total(powers, self.axis, keepdims=True), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return SoftmaxGrad(self.axis)(dy, y)


@dataclass(frozen=True)
class SoftmaxGrad(Normalized):
    """y · (dy - Σ dy · y)."""

    axis: int
    saves = ("dy", "y")
    axis_fields = ("axis",)
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        dtype = y.dtype
        dy, y = wide(dy), wide(y)
        inner = sum_of(xp, dy, (self.axis,), True, times=y)
        dx = xp.subtract(dy, inner, out=xp.empty_like(y))
        dx *= y
        return dx.astype(dtype, copy=False)

    def decompose(self, dy: Tensor, y: Tensor) -> Tensor:
        g, v = widened(dy), widened(y)
        return cast((g - total(g * v, self.axis, keepdims=True)) * v, y.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        def through_y() -> Tensor:
            inner = total(dy * y, self.axis, keepdims=True)
            return ddx * dy - ddx * inner - dy * total(ddx * y, self.axis, keepdims=True)

        return lambda: SoftmaxGrad(self.axis)(ddx, y), through_y


@dataclass(frozen=True)
class LogSoftmax(Normalized):
    """x minus the logarithm of the sum of its exponentials along the axis."""

    axis: int
    onnx = "LogSoftmax"
    saves = ("y",)
    axis_fields = ("axis",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        y = shifted(xp, wide(x), self.axis)
        y -= xp.log(sum_of(xp, xp.exp(y), (self.axis,), True))
        return y.astype(x.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor:
        if not x.size:
            return x
        y = _centred(x, self.axis)
        return cast(y - log(total(exp(y), self.axis, keepdims=True)), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return LogSoftmaxGrad(self.axis)(dy, y)


@dataclass(frozen=True)
class LogSoftmaxGrad(Normalized):
    """dy - exp(y) · Σ dy."""

    axis: int
    saves = ("dy", "y")
    axis_fields = ("axis",)
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        dtype = y.dtype
        dy, y = wide(dy), wide(y)
        dx = xp.exp(y, out=xp.empty_like(y))
        dx *= sum_of(xp, dy, (self.axis,), True)
        return xp.subtract(dy, dx, out=dx).astype(dtype, copy=False)

    def decompose(self, dy: Tensor, y: Tensor) -> Tensor:
        g = widened(dy)
        return cast(g - exp(widened(y)) * total(g, self.axis, keepdims=True), y.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        def through_dy() -> Tensor:
            return ddx - total(ddx * exp(y), self.axis, keepdims=True)

        def through_y() -> Tensor:
            return -ddx * exp(y) * total(dy, self.axis, keepdims=True)

        return through_dy, through_y


def _axis(x: Tensor, dim: int | None) -> int:
    """``dim``, or what PyTorch takes when it is left out: 0 for 0, 1 and 3 axes, else 1."""
    if dim is None:
        return 0 if x.ndim in (0, 1, 3) else 1
    return normalize_axis(dim, x.ndim, "dim")


def _floats(x: Any, dtype: Any) -> Tensor:
    return floats(x) if dtype is None else cast(astensor(x), dtypes.as_dtype(dtype))


def _apply(rule: type[Normalized], x: Tensor, dim: int | None) -> Tensor:
    axis = _axis(x, dim)
    return rule(axis)(x) if x.ndim else reshape(rule(0)(reshape(x, (1,))), ())  # type: ignore


def softmax(x: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """exp(x) divided by its sum along ``dim``.  x: (...) -> y: (...), a float dtype.

    Say ``dim``: left out, it is 0 for tensors of 0, 1 and 3 axes and 1 for others, as in
    PyTorch. ``dtype`` casts first.
    """
    x = _floats(x, dtype)
    if x.ndim == 2 and dim in (0, -2) and x.shape[0] > 1:
        _check_axis(x)
    return _apply(Softmax, x, dim)


def _check_axis(x: Tensor) -> None:
    """Tell when a layer's output (batch, classes) is normalized over the batch."""
    made = None if x.node is None else made_by(x, "Linear")
    if made is not None:
        tell(
            f"softmax along axis 0 of {x.shape}: the batch sums to 1 for each class, instead of "
            "the classes for each sample",
            "dim=-1",
        )


def softmin(x: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """softmax(-x).  x: (...) -> y: (...)."""
    return _apply(Softmax, -_floats(x, dtype), dim)


def log_softmax(x: Any, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """log(softmax(x)) without loss of digits.  x: (...) -> y: (...), a float dtype."""
    return _apply(LogSoftmax, _floats(x, dtype), dim)


METHODS = {"softmax": softmax, "log_softmax": log_softmax}
