"""Convolutions over 1 to 3 axes and their transposes: the doors of ``convolution``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.conversion import promote_all
from nbdl.ops.convolution import Convolution, ConvolutionInput
from nbdl.ops.families import require_float
from nbdl.ops.movement import reshape
from nbdl.ops.patches import Pairs, window_count
from nbdl.shapes import Shape, as_tuple

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
