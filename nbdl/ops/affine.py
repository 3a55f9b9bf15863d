"""Scale and shift, as after a normalization, with both their gradients in one pass."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from nbdl.core.forward import pushforward
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.ops.arithmetic import conj
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import cast, widened
from nbdl.ops.families import Elementwise, Tangents
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import wide
from nbdl.ops.sums import sum_of
from nbdl.shapes import Shape, Spec, reduced_shape


class ScaleShift(Elementwise):
    """x · scale + shift."""

    kernel = "x * scale + shift"
    flops_per_element = 2
    saves = ("x", "scale")
    compiled_from = 16384

    def forward(self, xp: Any, x: Any, scale: Any, shift: Any) -> Any:
        return x * scale + shift

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, scale: Tensor, shift: Tensor) -> Any:
        if scale.shape != shift.shape or x.shape != dy.shape or dy.dtype.kind == "c":
            return lambda: dy * conj(scale), lambda: dy * conj(x), dy

        @functools.cache
        def sums() -> Any:
            return ScaleShiftGrad(_broadcast_axes(scale.shape, dy.shape))(dy, x)

        return (
            lambda: dy * scale,
            lambda: reshape(sums()[0], scale.shape),
            lambda: reshape(sums()[1], shift.shape),
        )

    def jvp(self, tangents: Tangents, y: Tensor, xs: tuple[Tensor, ...]) -> Tensor | None:
        """By the gradient of the gradient, which here sums over axes."""
        return pushforward(self, tangents, y, xs)


def _broadcast_axes(shape: Shape, whole: Shape) -> Shape:
    """The axes of ``whole`` along which ``shape`` is repeated."""
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    return tuple(a for a, n in enumerate(padded) if n == 1)


@dataclass(frozen=True)
class ScaleShiftGrad(Op):
    """The sums of dy · x and of dy over axes, which stay with size 1."""

    axes: tuple[int, ...]
    saves = ("dy", "x")
    axis_fields = ("axes",)
    compiled_from = 16384

    def forward(self, xp: Any, dy: Any, x: Any) -> Any:
        g, v = wide(dy), wide(x)
        scale, shift = sum_of(xp, g, self.axes, True, times=v), sum_of(xp, g, self.axes, True)
        return scale.astype(dy.dtype, copy=False), shift.astype(dy.dtype, copy=False)

    def decompose(self, dy: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        g, v = widened(dy), widened(x)
        sums = total(g * v, self.axes, keepdims=True), total(g, self.axes, keepdims=True)
        return cast(sums[0], dy.dtype), cast(sums[1], dy.dtype)

    def infer(self, dy: Spec, x: Spec) -> tuple[Spec, Spec]:
        sums = Spec(reduced_shape(dy.shape, self.axes, True), dy.dtype)
        return sums, sums

    def grad(self, ddz: Any, dz: Any, dy: Tensor, x: Tensor) -> tuple[Any, ...]:
        scale, shift = ddz
        return lambda: ScaleShift()(x, scale, shift), lambda: dy * scale

    def flops(self, dy: Spec, x: Spec) -> int:
        return 3 * math.prod(dy.shape)
