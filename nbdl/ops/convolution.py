"""Convolution and its two gradients, which are each other's gradients again.

With y = Convolution(x, w), dx = ConvolutionInput(dy, w) and dw = ConvolutionWeight(x, dy), all
three are linear in both operands, so any derivative of one is another. A transposed convolution
is ConvolutionInput as a layer. The functions for users are in ``convolution_doors``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops import convolution_arrays as arrays
from nbdl.ops.arithmetic import conj
from nbdl.ops.batching import everywhere, folded
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.families import Contraction
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.numerics import wide
from nbdl.ops.patches import Pairs, window_count
from nbdl.shapes import Shape, Spec


@dataclass(frozen=True)
class Sliding(Contraction, abstract=True):
    """How windows slide.

    Attributes:
        stride: step of the window along each axis.
        padding: zeros before and after each axis.
        dilation: distance of a window's elements along each axis.
        groups: parts of the channels that do not mix.
    """

    stride: Shape
    padding: Pairs
    dilation: Shape
    groups: int

    @property
    def how(self) -> tuple[Shape, Pairs, Shape, int]:
        """The four settings."""
        return self.stride, self.padding, self.dilation, self.groups


class Convolution(Sliding):
    """Products of windows of x with the weights, plus a bias when a third input is given."""

    onnx = "Conv"
    saves = ("x", "w")
    compiled_from = 4096

    def forward(self, xp: Any, x: Any, w: Any, *b: Any) -> Any:
        y = arrays.convolve(xp, wide(x), wide(w), self)
        if b:
            y += wide(b[0]).reshape(-1, *(1,) * (x.ndim - 2))
        return y.astype(x.dtype, copy=False)

    def infer(self, x: Spec, w: Spec, *b: Spec) -> Spec:
        counts = window_count(x.shape[2:], w.shape[2:], self.stride, self.padding, self.dilation)
        return Spec((x.shape[0], w.shape[0], *counts), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, w: Tensor, *b: Tensor) -> tuple[Any, ...]:
        return (
            lambda: ConvolutionInput(*self.how, x.shape[2:])(dy, conj(w)),
            lambda: ConvolutionWeight(*self.how, w.shape[2:])(conj(x), dy),
            *(lambda: total(dy, (0, *range(2, dy.ndim))) for _ in b),
        )

    def flops(self, x: Spec, w: Spec, *b: Spec) -> int:
        y = self.infer(x, w, *b)
        return 2 * y.size * math.prod(w.shape[1:]) + (y.size if b else 0)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        return folded(self, world.count, inputs, mine, (True, False, False))


@dataclass(frozen=True)
class ConvolutionInput(Sliding):
    """What reaches x of ``sizes`` from dy: the transpose of Convolution for given weights."""

    sizes: Shape
    onnx = "ConvTranspose"
    saves = ("dy", "w")
    compiled_from = 4096

    def forward(self, xp: Any, dy: Any, w: Any, *b: Any) -> Any:
        dx = arrays.convolve_input(xp, wide(dy), wide(w), self)
        if b:
            dx += wide(b[0]).reshape(-1, *(1,) * (dy.ndim - 2))
        return dx.astype(dy.dtype, copy=False)

    def infer(self, dy: Spec, w: Spec, *b: Spec) -> Spec:
        return Spec((dy.shape[0], w.shape[1] * self.groups, *self.sizes), dy.dtype)

    def decompose(self, dy: Tensor, w: Tensor, *b: Tensor) -> Tensor | None:
        return self(dy, w) + reshape(b[0], (-1, *(1,) * (dy.ndim - 2))) if b else None

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, w: Tensor, *b: Tensor) -> tuple[Any, ...]:
        return (
            lambda: _cropped(Convolution(*self.how)(ddx, conj(w)), dy.shape),
            lambda: ConvolutionWeight(*self.how, w.shape[2:])(ddx, conj(dy)),
            *(lambda: total(ddx, (0, *range(2, ddx.ndim))) for _ in b),
        )

    def flops(self, dy: Spec, w: Spec, *b: Spec) -> int:
        return 2 * dy.size * math.prod(w.shape[1:]) + (self.infer(dy, w).size if b else 0)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        return folded(self, world.count, inputs, mine, (True, False, False))


@dataclass(frozen=True)
class ConvolutionWeight(Sliding):
    """Products of windows of x with dy: the gradient of weights that are as large as ``window``."""

    window: Shape
    saves = ("x", "dy")
    compiled_from = 4096

    def forward(self, xp: Any, x: Any, dy: Any) -> Any:
        dw = arrays.convolve_weight(xp, wide(x), wide(dy), self)
        return dw.astype(x.dtype, copy=False)

    def infer(self, x: Spec, dy: Spec) -> Spec:
        return Spec((dy.shape[1], x.shape[1] // self.groups, *self.window), x.dtype)

    def grad(self, ddw: Tensor, dw: Tensor, x: Tensor, dy: Tensor) -> tuple[Any, ...]:
        return (
            lambda: ConvolutionInput(*self.how, x.shape[2:])(conj(dy), ddw),
            lambda: _cropped(Convolution(*self.how)(conj(x), ddw), dy.shape),
        )

    def flops(self, x: Spec, dy: Spec) -> int:
        return 2 * dy.size * (x.shape[1] // self.groups) * math.prod(self.window)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        count = world.count
        x, dy = (_as_channels(t) for t in everywhere(count, inputs, mine))
        dw = replace(self, groups=self.groups * count)(x, dy)
        return reshape(dw, (count, dw.shape[0] // max(count, 1), *dw.shape[1:]))


def _as_channels(x: Tensor) -> Tensor:
    """(count, batch, channels, ...) as (batch, count · channels, ...)."""
    x = permute_dims(x, (1, 0, *range(2, x.ndim)))
    return reshape(x, (x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]))


def _cropped(y: Tensor, shape: Shape) -> Tensor:
    """y without the places that only an output_padding larger than the stride makes."""
    return y if y.shape == shape else y[tuple(slice(n) for n in shape)]
