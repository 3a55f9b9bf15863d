"""Batch norm's own operation: standardized, scaled and shifted in as few walks as there can be."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import cast, widened
from nbdl.ops.numerics import wide
from nbdl.ops.powers import rsqrt, square
from nbdl.ops.replay import replay
from nbdl.ops.sums import sum_of
from nbdl.shapes import Shape, Spec, reduced_shape


def count_of(x: Any, axes: Shape) -> int:
    """How many elements share a mean."""
    return math.prod(x.shape[a] for a in axes)


@dataclass(frozen=True)
class BatchNorm(Op):
    """(x - mean) / sqrt(var + eps) · scale + shift; also returns the mean and the variance.

    S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015. Scale and shift have x's shape with
    size 1 along ``axes``.

    Attributes:
        axes: what the mean and the variance are taken over.
        eps: keeps the root away from 0.
    """

    axes: tuple[int, ...]
    eps: float
    saves = ("y", "x", "scale")
    byproducts = (1, 2)
    axis_fields = ("axes",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any, scale: Any, shift: Any) -> Any:
        v = wide(x)
        count = v.dtype.type(count_of(v, self.axes))
        mean = sum_of(xp, v, self.axes, True) / count
        y = xp.subtract(v, mean, out=xp.empty_like(v))
        var = sum_of(xp, y, self.axes, True, times=y) / count
        y *= wide(scale) / xp.sqrt(var + v.dtype.type(self.eps))
        y += wide(shift)
        return y.astype(x.dtype, copy=False), mean, var

    def decompose(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        v, count = widened(x), count_of(x, self.axes)
        mean = total(v, self.axes, keepdims=True) / count
        centred = v - mean
        var = total(square(centred), self.axes, keepdims=True) / count
        y = centred * (widened(scale) * rsqrt(var + self.eps)) + widened(shift)
        return cast(y, x.dtype), mean, var

    def infer(self, x: Spec, scale: Spec, shift: Spec) -> tuple[Spec, Spec, Spec]:
        moments = Spec(reduced_shape(x.shape, self.axes, True), dtypes.accumulator(x.dtype))
        return x, moments, moments

    def grad(self, dy: Any, y: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Any:
        @functools.cache
        def found() -> Any:
            return BatchNormGrad(self.axes, self.eps)(dy[0], x, y[1], y[2], scale)

        return lambda: found()[0], lambda: found()[1], lambda: found()[2]

    def flops(self, x: Spec, scale: Spec, shift: Spec) -> int:
        return 7 * x.size


@dataclass(frozen=True)
class BatchNormGrad(Op):
    """The gradients of x, scale and shift: one walk for both sums, one for x's."""

    axes: tuple[int, ...]
    eps: float
    saves = ("dy", "x", "scale")
    axis_fields = ("axes",)
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, x: Any, mean: Any, var: Any, scale: Any) -> Any:
        g, v = wide(dy), wide(x)
        count = v.dtype.type(count_of(v, self.axes))
        rate = 1 / xp.sqrt(var + v.dtype.type(self.eps))
        y = xp.subtract(v, mean, out=xp.empty_like(v))
        shift = sum_of(xp, g, self.axes, True)
        slope = sum_of(xp, g, self.axes, True, times=y) * rate
        y *= slope * rate / count
        dx = xp.subtract(g, shift / count, out=xp.empty_like(v))
        dx -= y
        dx *= wide(scale) * rate
        return (
            dx.astype(x.dtype, copy=False),
            slope.astype(scale.dtype, copy=False),
            shift.astype(scale.dtype, copy=False),
        )

    def decompose(
        self, dy: Tensor, x: Tensor, mean: Tensor, var: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        g, count, rate = widened(dy), count_of(x, self.axes), rsqrt(var + self.eps)
        y = widened(x) - mean
        shift = total(g, self.axes, keepdims=True)
        slope = total(g * y, self.axes, keepdims=True) * rate
        dx = (g - shift / count - y * (slope * rate / count)) * (widened(scale) * rate)
        return cast(dx, x.dtype), cast(slope, scale.dtype), cast(shift, scale.dtype)

    def infer(
        self, dy: Spec, x: Spec, mean: Spec, var: Spec, scale: Spec
    ) -> tuple[Spec, Spec, Spec]:
        return x, scale, scale

    def grad(
        self, ddx: Any, dx: Any, dy: Tensor, x: Tensor, mean: Tensor, var: Tensor, scale: Tensor
    ) -> Any:
        def composition(dy: Tensor, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            g, v, count = widened(dy), widened(x), count_of(x, self.axes)
            centred = v - total(v, self.axes, keepdims=True) / count
            rate = rsqrt(total(square(centred), self.axes, keepdims=True) / count + self.eps)
            y = centred * rate
            shift = total(g, self.axes, keepdims=True)
            slope = total(g * y, self.axes, keepdims=True)
            dx = (g - shift / count - y * (slope / count)) * (widened(scale) * rate)
            return cast(dx, x.dtype), cast(slope, scale.dtype), cast(shift, scale.dtype)

        of_dy, of_x, of_scale = replay(composition, (dy, x, scale), tuple(ddx))
        return of_dy, of_x, None, None, of_scale

    def flops(self, dy: Spec, x: Spec, mean: Spec, var: Spec, scale: Spec) -> int:
        return 11 * x.size
