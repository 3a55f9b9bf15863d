"""Convolution and its two gradients, which are each other's gradients again.

With y = Convolution(x, w), dx = ConvolutionInput(dy, w) and dw = ConvolutionWeight(x, dy), all
three are linear in both operands, so any derivative of one is another. A transposed convolution
is ConvolutionInput as a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops import convolution_arrays as arrays
from nbdl.ops.arithmetic import conj
from nbdl.ops.batching import everywhere, folded
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import promote_all
from nbdl.ops.families import Contraction, require_float
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.numerics import wide
from nbdl.ops.patches import Pairs, window_count
from nbdl.shapes import Shape, Spec, as_tuple

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Size = int | Sequence[int]

_LAYOUTS = {
    1: "(batch, channels, length)",
    2: "(batch, channels, height, width)",
    3: "(batch, channels, depth, height, width)",
}


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


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over one axis (as everywhere in deep learning, the kernel is not flipped).

    input: (batch, in, length) or (in, length), weight: (out, in/groups, kernel),
    bias: (out,) or None -> y: (batch, out, length'). Arguments and errors as conv2d's.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over two axes.

    input: (batch, in, height, width) or without batch, weight: (out, in/groups, kh, kw),
    bias: (out,) or None -> y: (batch, out, height', width') with
    height' = (height + 2·padding - dilation·(kh - 1) - 1) // stride + 1.

    Args:
        stride: step of the window, one int or one for each axis.
        padding: zeros on both sides: an int, one for each axis, "valid" (none) or "same"
            (output as large as the input; needs stride 1).
        dilation: distance of the window's elements.
        groups: parts of the channels that do not mix; in = groups is a depthwise convolution.

    Raises:
        ShapeError: ranks or channels that do not fit, a kernel larger than the input.
        DtypeError: integers.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over three axes.

    input: (batch, in, depth, height, width) or without batch, weight: (out, in/groups, kd, kh,
    kw), bias: (out,) or None -> y: (batch, out, depth', height', width'). Arguments and errors
    as conv2d's.
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of conv1d.  Arguments as conv_transpose2d's.

    input: (batch, in, length), weight: (in, out/groups, kernel) -> y: (batch, out, length').
    """
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of conv2d: what its gradient does to y, as a layer that makes maps larger.

    input: (batch, in, height, width) or without batch, weight: (in, out/groups, kh, kw),
    bias: (out,) or None -> y: (batch, out, height', width') with height' =
    (height - 1)·stride - 2·padding + dilation·(kh - 1) + output_padding + 1.

    Args:
        stride, padding, dilation, groups: those of the convolution it transposes.
        output_padding: added to one side of the output; smaller than stride or dilation.

    Raises:
        ShapeError: ranks or channels that do not fit.
        ArgumentError: an output_padding that is too large.
    """
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transpose of conv3d.  Arguments as conv_transpose2d's.

    input: (batch, in, depth, height, width), weight: (in, out/groups, kd, kh, kw)
    -> y: (batch, out, depth', height', width').
    """
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolve(
    n: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{n}d"
    x, w, bias, single = _operands(name, n, x, w, b)
    step, spread = _settings(name, n, stride, dilation)
    _check_channels(name, x, w, bias, groups, w.shape[1] * groups, w.shape[0])
    pairs = _padding(name, n, padding, w.shape[2:], step, spread)
    counts = window_count(x.shape[2:], w.shape[2:], step, pairs, spread)
    if min(counts) < 1 or (0 in w.shape[2:]):
        covered = tuple(d * (k - 1) + 1 for k, d in zip(w.shape[2:], spread, strict=True))
        around = tuple(s + a + c for s, (a, c) in zip(x.shape[2:], pairs, strict=True))
        raise ShapeError(
            f"{name}: a kernel that covers {covered} does not fit an input of sizes "
            f"{x.shape[2:]} ({around} with padding)",
            hint="a smaller kernel or dilation, more padding, or fewer pooling layers before",
        )
    y = Convolution(step, pairs, spread, groups)(x, w, *bias)
    return reshape(y, y.shape[1:]) if single else y


def _transpose(
    n: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, extra: Any, groups: int,
    dilation: Any,
) -> Tensor:  # fmt: skip
    name = f"conv_transpose{n}d"
    x, w, bias, single = _operands(name, n, x, w, b)
    step, spread = _settings(name, n, stride, dilation)
    _check_channels(name, x, w, bias, groups, w.shape[0], w.shape[1] * groups)
    around, more = as_tuple(padding, n, "padding"), as_tuple(extra, n, "output_padding")
    for e, s, d in zip(more, step, spread, strict=True):
        if not 0 <= e < max(s, d):
            raise ArgumentError(
                f"{name}: output_padding={more} must be smaller than stride={step} or "
                f"dilation={spread}"
            )
    sizes = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + e + 1
        for m, s, p, d, k, e in zip(
            x.shape[2:], step, around, spread, w.shape[2:], more, strict=True
        )
    )
    if min(sizes) < 1:
        raise ShapeError(
            f"{name}: input sizes {x.shape[2:]} with padding={around} would give an output of "
            f"sizes {sizes}",
            hint="less padding or a larger kernel",
        )
    pairs = tuple((p, p) for p in around)
    y = ConvolutionInput(step, pairs, spread, groups, sizes)(x, w, *bias)
    return reshape(y, y.shape[1:]) if single else y


def _operands(
    name: str, n: int, x: Any, w: Any, b: Any
) -> tuple[Tensor, Tensor, tuple[Tensor, ...], bool]:
    """Tensors of one dtype, the input with a batch axis, and whether that was added."""
    x, w, *bias = promote_all(x, w, *(() if b is None else (b,)))
    require_float(name, "input", x.dtype)
    if w.ndim != n + 2:
        raise ShapeError(
            f"{name} got weight of shape {w.shape}; it needs {n + 2} axes",
            hint="(out_channels, in_channels/groups, *kernel)",
        )
    if x.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"{name} got input of shape {x.shape}, expected {_LAYOUTS[n]}",
            hint="x.reshape(batch, channels, ...); a picture without channels needs an axis of "
            "size 1: x[:, None]",
        )
    single = x.ndim == n + 1
    return reshape(x, (1, *x.shape)) if single else x, w, tuple(bias), single


def _settings(name: str, n: int, stride: Any, dilation: Any) -> tuple[Shape, Shape]:
    step, spread = as_tuple(stride, n, "stride"), as_tuple(dilation, n, "dilation")
    for what, values in (("stride", step), ("dilation", spread)):
        if min(values) < 1:
            raise ArgumentError(f"{name}: {what}={values} must be 1 or more")
    return step, spread


def _check_channels(
    name: str, x: Tensor, w: Tensor, bias: tuple[Tensor, ...], groups: int, takes: int, out: int
) -> None:
    if groups < 1 or w.shape[0] % groups:
        raise ArgumentError(
            f"{name}: groups={groups} must divide the first size of weight {w.shape}"
        )
    if x.shape[1] != takes:
        last = x.shape[-1] == takes
        raise ShapeError(
            f"{name} got input of shape {x.shape} with {x.shape[1]} channels, but weight "
            f"{w.shape} with groups={groups} takes {takes}",
            hint="the channels are last here, and belong second: x.permute(0, -1, ...)"
            if last else f"in_channels={x.shape[1]} for this input",
        )  # fmt: skip
    if bias and bias[0].shape != (out,):
        raise ShapeError(f"{name} got bias of shape {bias[0].shape}, expected ({out},)")


def _padding(
    name: str, n: int, padding: Any, kernel: Shape, stride: Shape, dilation: Shape
) -> Pairs:
    """Zeros before and after each axis."""
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(
                f"{name}: padding='same' needs stride 1, got stride={stride}",
                hint="give padding as numbers, for example kernel_size // 2",
            )
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    if isinstance(padding, str):
        raise unknown(f"{name} padding", padding, ("same", "valid"))
    around = as_tuple(padding, n, "padding")
    if min(around) < 0:
        raise ArgumentError(f"{name}: padding={around} must not be negative")
    return tuple((p, p) for p in around)
