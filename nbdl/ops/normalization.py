"""Normalization: values of mean 0 and variance 1 over some of the axes.

Ioffe and Szegedy: "Batch normalization", ICML 2015. Ba, Kiros, Hinton: "Layer normalization",
2016. Ulyanov et al.: "Instance normalization", 2016. Wu and He: "Group normalization", ECCV 2018.
Zhang and Sennrich: "Root mean square layer normalization", NeurIPS 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import modes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.affine import ScaleShift
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast, widened
from nbdl.ops.families import require_float
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import wide
from nbdl.ops.powers import rsqrt, sqrt, square
from nbdl.ops.replay import replay
from nbdl.ops.selection import maximum
from nbdl.ops.statistics import vector_norm
from nbdl.ops.sums import sum_of
from nbdl.shapes import Shape, Spec, broadcast_shapes, normalize_axis, reduced_shape

__all__ = [
    "batch_norm",
    "cosine_similarity",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def _count(x: Any, axes: Shape) -> int:
    """How many elements one mean is of."""
    return math.prod(x.shape[a] for a in axes)


def _mean(x: Tensor, axes: Shape) -> Tensor:
    """The mean over axes, which stay with size 1."""
    return total(x, axes, keepdims=True) * (1 / max(_count(x, axes), 1))


@dataclass(frozen=True)
class Standardize(Op):
    """(x - mean) / sqrt(var + eps) over axes; also returns the mean and the variance.

    Attributes:
        axes: what the mean and the variance are taken over.
        eps: keeps the root away from 0.
    """

    axes: tuple[int, ...]
    eps: float
    saves = ("y", "x")
    byproducts = (1, 2)
    axis_fields = ("axes",)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any) -> Any:
        v = wide(x)
        count = v.dtype.type(_count(v, self.axes))
        mean = sum_of(xp, v, self.axes, True) / count
        y = xp.subtract(v, mean, out=xp.empty_like(v))
        var = sum_of(xp, y, self.axes, True, times=y) / count
        y *= 1 / xp.sqrt(var + v.dtype.type(self.eps))
        return y.astype(x.dtype, copy=False), mean, var

    def decompose(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        v, count = widened(x), _count(x, self.axes)
        mean = total(v, self.axes, keepdims=True) / count
        centred = v - mean
        var = total(square(centred), self.axes, keepdims=True) / count
        return cast(centred * rsqrt(var + self.eps), x.dtype), mean, var

    def infer(self, x: Spec) -> tuple[Spec, Spec, Spec]:
        moments = Spec(reduced_shape(x.shape, self.axes, True), dtypes.accumulator(x.dtype))
        return x, moments, moments

    def grad(self, dy: Any, y: Any, x: Tensor) -> Tensor:
        return StandardizeGrad(self.axes, self.eps)(dy[0], x, y[1], y[2])

    def flops(self, x: Spec) -> int:
        return 6 * x.size


@dataclass(frozen=True)
class StandardizeGrad(Op):
    """(dy - mean(dy) - y · mean(dy · y)) / sqrt(var + eps)."""

    axes: tuple[int, ...]
    eps: float
    saves = ("dy", "x")
    axis_fields = ("axes",)
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, x: Any, mean: Any, var: Any) -> Any:
        g, v = wide(dy), wide(x)
        count = v.dtype.type(_count(v, self.axes))
        scale = 1 / xp.sqrt(var + v.dtype.type(self.eps))
        y = xp.subtract(v, mean, out=xp.empty_like(v))
        dx = xp.subtract(g, sum_of(xp, g, self.axes, True) / count, out=xp.empty_like(v))
        y *= sum_of(xp, dx, self.axes, True, times=y) / count * scale * scale
        dx -= y
        dx *= scale
        return dx.astype(x.dtype, copy=False)

    def decompose(self, dy: Tensor, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        g, count, scale = widened(dy), _count(x, self.axes), rsqrt(var + self.eps)
        y = widened(x) - mean
        dx = g - total(g, self.axes, keepdims=True) / count
        slope = total(dx * y, self.axes, keepdims=True) / count * scale * scale
        return cast((dx - y * slope) * scale, x.dtype)

    def infer(self, dy: Spec, x: Spec, mean: Spec, var: Spec) -> Spec:
        return x

    def grad(
        self, ddx: Tensor, dx: Tensor, dy: Tensor, x: Tensor, mean: Tensor, var: Tensor
    ) -> Any:
        def composition(dy: Tensor, x: Tensor) -> Tensor:
            centred = x - _mean(x, self.axes)
            scale = rsqrt(_mean(square(centred), self.axes) + self.eps)
            y = centred * scale
            return (dy - _mean(dy, self.axes) - y * _mean(dy * y, self.axes)) * scale

        return *replay(composition, (dy, x), ddx), None, None

    def flops(self, dy: Spec, x: Spec, mean: Spec, var: Spec) -> int:
        return 9 * x.size


def _channels(name: str, which: str, values: Any, x: Tensor) -> Tensor | None:
    """One value a channel, shaped to broadcast over (batch, channels, ...)."""
    if values is None:
        return None
    values = astensor(values)
    if values.shape != (x.shape[1],):
        raise ShapeError(
            f"{name}: {which} has shape {values.shape}, but the input {x.shape} has {x.shape[1]} "
            "channels",
            hint=f"make the layer with {x.shape[1]} features, or None to infer it",
        )
    return reshape(cast(values, x.dtype), (1, -1, *(1,) * (x.ndim - 2)))


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None and bias is not None:
        return ScaleShift()(y, weight, bias)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _floats(name: str, input: Any, axes: int) -> Tensor:
    x = astensor(input)
    require_float(name, "input", x.dtype)
    if x.ndim < axes:
        raise ShapeError(f"{name} needs (batch, channels, ...), got input of shape {x.shape}")
    return x


def _blend(running: Any, now: Tensor, momentum: float) -> None:
    """running = (1 - momentum) · running + momentum · now, in the same box."""
    if running is None or now.device == "meta":
        return
    with modes.no_grad():
        new = reshape(now, running.shape)
        running.data = cast(running * (1 - momentum) + new * momentum, running.dtype)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel standardized over the batch (training) or by the running statistics.

    input: (N, C) or (N, C, ...) -> y: the same shape.

    Args:
        running_mean, running_var: (C,), moved towards the batch's mean and unbiased variance in
            training; may be None in training.
        weight, bias: (C,), scale and shift.
        training: use the batch's own statistics.
        momentum: share of the batch in the running statistics.
        eps: added to the variance.

    Raises:
        ShapeError: channels that do not fit, or a single value a channel in training.
    """
    x = _floats("batch_norm", input, 2)
    mean = _channels("batch_norm", "running_mean", running_mean, x)
    var = _channels("batch_norm", "running_var", running_var, x)
    w, b = _channels("batch_norm", "weight", weight, x), _channels("batch_norm", "bias", bias, x)
    if not training:
        if mean is None or var is None:
            raise ArgumentError("batch_norm needs running_mean and running_var in evaluation")
        scale = rsqrt(var + eps)
        return _scaled((x - mean) * scale, w, b)
    axes = (0, *range(2, x.ndim))
    count = _count(x, axes)
    if count == 1:
        raise ShapeError(
            f"batch_norm in training needs more than one value per channel, got input {x.shape}",
            hint="a larger batch, drop_last=True in the loader, or model.eval() to predict",
        )
    y, batch_mean, batch_var = Standardize(axes, float(eps))(x)
    _blend(running_mean, batch_mean, momentum)
    _blend(running_var, batch_var * (count / max(count - 1, 1)), momentum)
    return _scaled(y, w, b)


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample standardized.  input: (N, C, ...) -> y: the same shape.

    With ``use_input_stats=False`` the running statistics are used, as batch_norm does.
    """
    x = _floats("instance_norm", input, 3)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    axes = tuple(range(2, x.ndim))
    count = math.prod(x.shape[2:])
    if count == 1:
        raise ShapeError(
            f"instance_norm needs more than one place per channel, got input {x.shape}"
        )
    w = _channels("instance_norm", "weight", weight, x)
    b = _channels("instance_norm", "bias", bias, x)
    y, mean, var = Standardize(axes, float(eps))(x)
    if running_mean is not None:
        _blend(running_mean, total(mean, 0) / x.shape[0], momentum)
        unbiased = var * (count / max(count - 1, 1))
        _blend(running_var, total(unbiased, 0) / x.shape[0], momentum)
    return _scaled(y, w, b)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Groups of channels of each sample standardized.  input: (N, C, ...) -> y: the same shape."""
    x = _floats("group_norm", input, 2)
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            f"group_norm: {channels} channels of input {x.shape} cannot form "
            f"num_groups={num_groups} groups"
        )
    groups = reshape(x, (x.shape[0], num_groups, math.prod(x.shape[1:]) // num_groups))
    y = reshape(Standardize((2,), float(eps))(groups)[0], x.shape)
    w, b = _channels("group_norm", "weight", weight, x), _channels("group_norm", "bias", bias, x)
    return _scaled(y, w, b)


def _last_axes(name: str, x: Tensor, normalized_shape: Any) -> tuple[Shape, Shape]:
    """The sizes that are normalized, and their axes."""
    several = isinstance(normalized_shape, (tuple, list))
    sizes = tuple(normalized_shape) if several else (int(normalized_shape),)
    if not sizes or x.shape[max(x.ndim - len(sizes), 0) :] != sizes:
        raise ShapeError(
            f"{name}: normalized_shape={sizes} must be the last sizes of the input {x.shape}",
            hint=f"normalized_shape={x.shape[-1:] if len(sizes) < 2 else x.shape[-len(sizes):]}",
        )
    return sizes, tuple(range(x.ndim - len(sizes), x.ndim))


def _affine(name: str, which: str, values: Any, sizes: Shape, x: Tensor) -> Tensor | None:
    if values is None:
        return None
    values = astensor(values)
    if values.shape != sizes:
        raise ShapeError(f"{name}: {which} has shape {values.shape}, expected {sizes}")
    return cast(values, x.dtype)


def layer_norm(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:
    """The last axes standardized, sample by sample.

    input: (..., *normalized_shape), weight and bias: normalized_shape -> y: input's shape.
    Raises ShapeError when the input does not end in ``normalized_shape``.
    """
    x = _floats("layer_norm", input, 1)
    sizes, axes = _last_axes("layer_norm", x, normalized_shape)
    w = _affine("layer_norm", "weight", weight, sizes, x)
    b = _affine("layer_norm", "bias", bias, sizes, x)
    return _scaled(Standardize(axes, float(eps))(x)[0], w, b)


def rms_norm(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Tensor:
    """The last axes divided by their root mean square.

    input: (..., *normalized_shape) -> y: the same shape. ``eps`` defaults to the smallest step
    of the dtype at 1.
    """
    x = _floats("rms_norm", input, 1)
    sizes, axes = _last_axes("rms_norm", x, normalized_shape)
    w = _affine("rms_norm", "weight", weight, sizes, x)
    if eps is None:
        eps = float(np.finfo(np.float32 if x.dtype in dtypes.HALVES else x.dtype).eps)
    wider = cast(x, dtypes.accumulator(x.dtype))
    y = cast(wider * rsqrt(_mean(square(wider), axes) + eps), x.dtype)
    return _scaled(y, w, None)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Vectors along ``dim`` divided by their p-norm, at least ``eps``.  y: input's shape."""
    x = _floats("normalize", input, 0)
    axis = normalize_axis(dim, x.ndim, "dim")
    norm = vector_norm(x, axis=axis, keepdims=True, ord=p)
    return x / maximum(norm, eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors along ``dim``.  x1, x2: broadcasting -> without dim."""
    a, b = astensor(x1), astensor(x2)
    dtype = dtypes.promote(dtypes.to_float(a.dtype), dtypes.to_float(b.dtype))
    shape = broadcast_shapes(a.shape, b.shape, what="x1 and x2")
    a, b = broadcast_to(cast(a, dtype), shape), broadcast_to(cast(b, dtype), shape)
    dim = normalize_axis(dim, len(shape), "dim")
    length_a = maximum(sqrt(total(square(a), dim, keepdims=True)), eps)
    length_b = maximum(sqrt(total(square(b), dim, keepdims=True)), eps)
    return total((a / length_a) * (b / length_b), dim)


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each value divided by (k + alpha · mean of squares over ``size`` channels around) ** beta.

    input: (N, C, ...) -> y: the same shape. Krizhevsky et al., NeurIPS 2012.
    """
    x = _floats("local_response_norm", input, 3)
    if size < 1:
        raise ArgumentError(f"local_response_norm: size={size} must be 1 or more")
    channels = x.shape[1]
    reach = np.subtract.outer(np.arange(channels), np.arange(channels))
    near = ((reach >= -((size - 1) // 2)) & (reach <= size // 2)).astype(x.dtype) / size
    flat = reshape(square(x), (x.shape[0], channels, math.prod(x.shape[2:])))
    place = "cpu" if x.device == "meta" else x.device
    means = reshape(astensor(near).to(place) @ flat, x.shape)
    return x / (means * alpha + k) ** beta
