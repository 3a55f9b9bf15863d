"""Convolution and its two gradients, which are each other's gradients again.

With y = Convolution(x, w), dx = ConvolutionInput(dy, w) and dw = ConvolutionWeight(x, dy), all
three are linear in both operands, so any derivative of one is another. A transposed convolution
is ConvolutionInput as a layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops import convolution_arrays as arrays
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.families import Contraction
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


@dataclass(frozen=True)
class Convolution(Sliding):
    """Products of windows of x with the weights, plus a bias when a third input is given."""

    onnx = "Conv"
    saves = ("x", "w")

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
            lambda: ConvolutionInput(*self.how, x.shape[2:])(dy, w),
            lambda: ConvolutionWeight(*self.how, w.shape[2:])(x, dy),
            *(lambda: total(dy, (0, *range(2, dy.ndim))) for _ in b),
        )

    def flops(self, x: Spec, w: Spec, *b: Spec) -> int:
        y = self.infer(x, w, *b)
        return 2 * y.size * math.prod(w.shape[1:]) + (y.size if b else 0)


@dataclass(frozen=True)
class ConvolutionInput(Sliding):
    """What reaches x of ``sizes`` from dy: the transpose of Convolution for given weights."""

    sizes: Shape
    onnx = "ConvTranspose"
    saves = ("dy", "w")

    def forward(self, xp: Any, dy: Any, w: Any, *b: Any) -> Any:
        dx = arrays.convolve_input(xp, wide(dy), wide(w), self)
        if b:
            dx += wide(b[0]).reshape(-1, *(1,) * (dy.ndim - 2))
        return dx.astype(dy.dtype, copy=False)

    def infer(self, dy: Spec, w: Spec, *b: Spec) -> Spec:
        return Spec((dy.shape[0], w.shape[1] * self.groups, *self.sizes), dy.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, w: Tensor, *b: Tensor) -> tuple[Any, ...]:
        return (
            lambda: Convolution(*self.how)(ddx, w),
            lambda: ConvolutionWeight(*self.how, w.shape[2:])(ddx, dy),
            *(lambda: total(ddx, (0, *range(2, ddx.ndim))) for _ in b),
        )

    def flops(self, dy: Spec, w: Spec, *b: Spec) -> int:
        return 2 * dy.size * math.prod(w.shape[1:]) + (self.infer(dy, w).size if b else 0)


@dataclass(frozen=True)
class ConvolutionWeight(Sliding):
    """Products of windows of x with dy: the gradient of the weights of size ``kernel``."""

    kernel: Shape
    saves = ("x", "dy")

    def forward(self, xp: Any, x: Any, dy: Any) -> Any:
        dw = arrays.convolve_weight(xp, wide(x), wide(dy), self)
        return dw.astype(x.dtype, copy=False)

    def infer(self, x: Spec, dy: Spec) -> Spec:
        return Spec((dy.shape[1], x.shape[1] // self.groups, *self.kernel), x.dtype)

    def grad(self, ddw: Tensor, dw: Tensor, x: Tensor, dy: Tensor) -> tuple[Any, ...]:
        return (
            lambda: ConvolutionInput(*self.how, x.shape[2:])(dy, ddw),
            lambda: Convolution(*self.how)(x, ddw),
        )

    def flops(self, x: Spec, dy: Spec) -> int:
        return 2 * dy.size * (x.shape[1] // self.groups) * math.prod(self.kernel)
