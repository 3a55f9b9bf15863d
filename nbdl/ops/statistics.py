"""Spread and length: variance, standard deviation, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.arithmetic import real
from nbdl.ops.broadcasting import Sum, sum
from nbdl.ops.conversion import cast, floats, widened
from nbdl.ops.diagonals import diagonal
from nbdl.ops.families import Reduction
from nbdl.ops.movement import reshape
from nbdl.ops.powers import pow, sqrt, square
from nbdl.ops.reduction import max, mean, min
from nbdl.ops.rounding import abs, sign
from nbdl.ops.selection import where
from nbdl.ops.sums import sum_of
from nbdl.shapes import normalize_axes

__all__ = ["var", "std", "var_mean", "std_mean", "cov", "corrcoef", "vector_norm", "norm",
           "normalize"]  # fmt: skip

Axis = int | Sequence[int] | None


@dataclass(frozen=True)
class Var(Reduction):
    """Mean squared distance from the mean; divides by n - correction."""

    correction: float = 0.0
    saves = ("x",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        wide = x.astype(dtypes.accumulator(x.dtype), copy=False)
        count = wide.real.dtype.type(self.count(x.shape))
        centred = wide - sum_of(xp, wide, self.axis, True) / count
        total = sum_of(xp, centred, self.axis, self.keepdims, times=xp.conj(centred)).real
        y = total / wide.real.dtype.type(self.divisor(x.shape))
        return xp.asarray(y).astype(self.result_dtype(x.dtype), copy=False)

    def decompose(self, x: Tensor) -> Tensor | None:
        return None if x.dtype.kind == "c" else cast(self.spread(x), x.dtype)

    def spread(self, x: Tensor) -> Tensor:
        """The variance in operations, of half precision as float32."""
        x = widened(x)
        centred = x - Sum(self.axis, True)(x) / self.count(x.shape)
        return Sum(self.axis, self.keepdims)(square(centred)) / self.divisor(x.shape)

    def divisor(self, shape: tuple[int, ...]) -> float:
        """n - correction, not below 0."""
        n = self.count(shape) - self.correction
        return n if n > 0 else 0.0

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.real_of(dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        centred = x - mean(x, self.axis, keepdims=True)
        dy = reshape(dy, self.expanded(x.shape))
        n = self.divisor(x.shape)
        return centred * (dy * (2.0 / n if n else math.inf))


@dataclass(frozen=True)
class Std(Reduction):
    """Square root of the variance; its derivative at 0 is 0."""

    correction: float = 0.0
    saves = ("y", "x")
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        wide = x.astype(dtypes.accumulator(x.dtype), copy=False)
        var = Var(self.axis, self.keepdims, self.correction)
        return xp.sqrt(var.forward(xp, wide)).astype(self.result_dtype(x.dtype), copy=False)

    def decompose(self, x: Tensor) -> Tensor | None:
        if x.dtype.kind == "c":
            return None
        return cast(sqrt(Var(self.axis, self.keepdims, self.correction).spread(x)), x.dtype)

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.real_of(dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        shape = self.expanded(x.shape)
        dy, y = reshape(dy, shape), reshape(y, shape)
        n = Var(self.axis, True, self.correction).divisor(x.shape)
        scale = where(y == 0, 0, dy / where(y == 0, 1, y)) * (1.0 / n if n else math.inf)
        return (x - mean(x, self.axis, keepdims=True)) * scale


@dataclass(frozen=True)
class VectorNorm(Reduction):
    """(sum |x|^order)^(1/order); its derivative at 0 is 0."""

    order: float = 2.0
    onnx = "ReduceL2"
    saves = ("y", "x")
    compiled_from = 32768

    def forward(self, xp: Any, x: Any) -> Any:
        size = x if self.order == 2 and x.dtype.kind != "c" else xp.abs(x)
        wide = size.astype(dtypes.accumulator(size.dtype), copy=False)
        if self.order == 2:
            y = xp.sqrt(sum_of(xp, wide, self.axis, self.keepdims, times=wide))
        else:
            order = wide.dtype.type(self.order)
            powers = xp.power(wide, order).sum(axis=self.axis, keepdims=self.keepdims)
            y = xp.power(powers, wide.dtype.type(1) / order)
        return xp.asarray(y).astype(size.dtype, copy=False)

    def decompose(self, x: Tensor) -> Tensor | None:
        if x.dtype.kind == "c":
            return None
        wider, total = widened(x), Sum(self.axis, self.keepdims)
        if self.order == 2:
            return cast(sqrt(total(square(wider))), x.dtype)
        return cast(pow(total(pow(abs(wider), self.order)), 1 / self.order), x.dtype)

    def result_dtype(self, dtype: Any) -> Any:
        return dtypes.real_of(dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        shape = self.expanded(x.shape)
        dy, y = reshape(dy, shape), reshape(y, shape)
        nowhere = y == 0
        y = where(nowhere, 1, y)
        if self.order == 2:
            return where(nowhere, 0, x * (dy / y))
        size = abs(x)
        there = size != 0
        scaled = pow(where(there, size, 1) / y, self.order - 1)
        return where(there & (y != 0), sign(x) * scaled * dy, 0)


def var(x: Any, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variance along ``axis``: the mean squared distance from the mean.

    Divides by n - ``correction`` (array API's default 0; PyTorch's and Bessel's is 1).
    x: (...) -> y: without those axes, a float dtype.
    """
    x = floats(x)
    return Var(normalize_axes(axis, x.ndim), keepdims, float(correction))(x)


def std(x: Any, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviation along ``axis``, the root of ``var``; the derivative at 0 is 0.

    x: (...) -> y: without those axes, a float dtype.
    """
    x = floats(x)
    return Std(normalize_axes(axis, x.ndim), keepdims, float(correction))(x)


def var_mean(
    x: Any, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """``var`` and ``mean`` together."""
    x = floats(x)
    return var(x, axis, correction=correction, keepdims=keepdims), mean(x, axis, keepdims=keepdims)


def std_mean(
    x: Any, /, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """``std`` and ``mean`` together."""
    x = floats(x)
    return std(x, axis, correction=correction, keepdims=keepdims), mean(x, axis, keepdims=keepdims)


def cov(x: Any, /, *, correction: float = 1.0) -> Tensor:
    """Covariance of variables given as rows.  x: (n, samples) -> y: (n, n), () for n = 1."""
    x = floats(x)
    if x.ndim > 2:
        raise ShapeError(
            f"cov needs x with at most 2 axes, got shape {x.shape}",
            hint="variables as rows: x.reshape(variables, samples)",
        )
    rows = reshape(x, (1, x.size)) if x.ndim < 2 else x
    centred = rows - mean(rows, -1, keepdims=True)
    y = (centred @ centred.T.conj()) / (rows.shape[-1] - correction)
    return y if rows.shape[0] > 1 else reshape(y, ())


def corrcoef(x: Any, /) -> Tensor:
    """Correlation of variables given as rows.  x: (n, samples) -> y: (n, n), () for n = 1."""
    c = cov(x)
    if c.ndim == 0:
        return c / c
    size = sqrt(real(diagonal(c)))
    y = c / size[:, None] / size[None, :]
    return y if y.dtype.kind == "c" else y.clip(-1, 1)


def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """Length of vectors along ``axis`` (None: of all elements); the derivative at 0 is 0.

    x: (...) -> y: without those axes, a float dtype. ``ord``: 2 the Euclidean length, 1 the sum
    of magnitudes, inf and -inf the largest and smallest, 0 the number of elements that are not
    0, p the p-th root of the sum of p-th powers.
    """
    x = floats(x)
    axes = normalize_axes(axis, x.ndim)
    if not isinstance(ord, (int, float)) or ord != ord:
        raise ArgumentError(f"vector_norm: ord={ord!r} must be a number")
    if ord == math.inf:
        return max(abs(x), axes, keepdims=keepdims)
    if ord == -math.inf:
        return min(abs(x), axes, keepdims=keepdims)
    if ord == 0:
        return sum(cast(x != 0, x.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum(abs(x), axes, keepdims=keepdims)
    return VectorNorm(axes, keepdims, float(ord))(x)


def norm(x: Any, /, p: Any = "fro", axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Length of vectors, or of a whole tensor (PyTorch's ``norm``): see ``vector_norm``.

    ``p``: "fro" is 2; a number is the order. Raises ArgumentError for other names.
    """
    if isinstance(p, str) and p != "fro":
        raise unknown("norm", p, ["fro", "1", "2", "inf"])
    return vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if p == "fro" or p is None else p)


def normalize(x: Any, /, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its length along ``axis``, which counts as at least ``eps``.

    x: (...) -> y: (...), a float dtype.
    """
    x = floats(x)
    return x / vector_norm(x, axis=axis, keepdims=True, ord=p).clip(min=eps)


METHODS: dict[str, Any] = {"var": var, "std": std, "norm": norm}
