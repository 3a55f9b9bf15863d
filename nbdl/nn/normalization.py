"""Normalisation: over the batch, over the features, over groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_axes, needs_floats
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.ops.creation import zeros
from nbdl.shapes import Shape


class _Tracking(Inferred):
    """What batch and instance norm share: a scale, a shift and running statistics."""

    ranks: ClassVar[tuple[int, ...]]
    layout: ClassVar[str]
    channels_axis: ClassVar[int] = 1
    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def _configure(
        self,
        num_features: int | None,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        place: tuple[Any, Any],
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            if track_running_stats:
                self._buffer_waits(name)
            else:
                self.register_buffer(name, None)
        self._start(num_features is not None, *place, weight=affine, bias=affine)

    def infer_sizes(self, input: Tensor) -> None:
        """The channels of ``input``."""
        self._check_rank(input)
        self.num_features = needs_axes(self, input, 2, self.layout)[self.channels_axis]

    def make_parameters(self) -> None:
        """Scale, shift and running statistics."""
        shape = (self.num_features or 0,)
        if self.affine:
            self.weight = self._new_parameter(shape)
            self.bias = self._new_parameter(shape)
        if self.track_running_stats:
            device, dtype = self._place
            self.running_mean = zeros(shape, device=device, dtype=dtype)
            self.running_var = zeros(shape, device=device, dtype=dtype)
            self.num_batches_tracked = zeros((), device=device, dtype=dtypes.int64)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batch seen."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, running statistics anew."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def _check_rank(self, x: Tensor) -> None:
        if x.ndim not in self.ranks:
            raise ShapeError(
                f"{type(self).__name__} got an input of shape {x.shape}, expected {self.layout}",
                hint=f"{self._family()}{x.ndim - 2}d is for inputs with {x.ndim} axes"
                if 3 <= x.ndim <= 5 else "check the layer before",
            )  # fmt: skip

    def _family(self) -> str:
        return type(self).__name__[:-2]

    def _check(self, x: Tensor) -> None:
        self._check_rank(x)
        channels = x.shape[self.channels_axis - x.ndim if x.ndim > 2 else 1]
        if channels != self.num_features and (self.affine or self.track_running_stats):
            raise ShapeError(
                f"{type(self).__name__}(num_features={self.num_features}) got an input of shape "
                f"{x.shape}, which has {channels} channels (axis 1)",
                hint=f"num_features={channels}, or None to have it worked out; channels come "
                "right after the batch axis",
            )

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracking):
    """Batch normalisation; see BatchNorm1d, BatchNorm2d, BatchNorm3d."""

    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(num_features, eps, momentum, affine, track_running_stats, (device, dtype))

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, num_features, ...) -> y: same shape."""
        needs_floats(self, input)
        self._check(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked.data = self.num_batches_tracked.detach() + 1
            if self.momentum is None:  # the mean of all batches so far
                momentum = 1.0 / float(self.num_batches_tracked)
        of_this_batch = self.training or not self.track_running_stats
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight, self.bias, of_this_batch, momentum, self.eps,
        )  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """Normalise each channel over the batch: S. Ioffe and C. Szegedy, ICML 2015.

    x: (batch, num_features) or (batch, num_features, length) -> y: same shape.
    y = (x - mean) / √(variance + eps) · weight + bias. In training mode mean and (biased)
    variance are the batch's own, and running ones are kept; in evaluation mode those are used.

    Args:
        num_features: number of channels; None: found at the first call.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None: the mean of all.
        affine: whether weight and bias are learnt.
        track_running_stats: whether running statistics are kept.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    ranks = (2, 3)
    layout = "(batch, channels) or (batch, channels, length)"


class BatchNorm2d(_BatchNorm):
    """Normalise each channel over the batch and the picture.

    x: (batch, num_features, height, width) -> y: same shape. Arguments as BatchNorm1d's.
    """

    ranks = (4,)
    layout = "(batch, channels, height, width)"


class BatchNorm3d(_BatchNorm):
    """Normalise each channel over the batch and the volume.

    x: (batch, num_features, depth, height, width) -> y: same shape. Arguments as BatchNorm1d's.
    """

    ranks = (5,)
    layout = "(batch, channels, depth, height, width)"


class _InstanceNorm(_Tracking):
    """Instance normalisation; see InstanceNorm1d, InstanceNorm2d, InstanceNorm3d."""

    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(num_features, eps, momentum, affine, track_running_stats, (device, dtype))

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, num_features, ...) -> y: same shape."""
        needs_floats(self, input)
        self._check_rank(input)
        single = input.ndim == self.ranks[0]
        if single:
            input = input[None]
        if input.shape[1] != self.num_features and (self.affine or self.track_running_stats):
            needs_floats(self, input)
        self._check(input)
        y = F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return y[0] if single else y

    def infer_sizes(self, input: Tensor) -> None:
        """The channels of ``input``."""
        self._check_rank(input)
        self.num_features = (
            input.shape[-self.ranks[0]] if input.ndim == self.ranks[0] else input.shape[1]
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each sample: D. Ulyanov and others, arXiv:1607.08022.

    x: (batch, num_features, length) or (num_features, length) -> y: same shape. Arguments as
    BatchNorm1d's; weight, bias and running statistics are off by default.
    """

    ranks = (2, 3)
    layout = "(batch, channels, length) or (channels, length)"


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each picture.

    x: (batch, num_features, height, width) or without the batch axis -> y: same shape.
    """

    ranks = (3, 4)
    layout = "(batch, channels, height, width) or (channels, height, width)"


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume.

    x: (batch, num_features, depth, height, width) or without the batch axis -> y: same shape.
    """

    ranks = (4, 5)
    layout = "(batch, channels, depth, height, width) or (channels, depth, height, width)"


def _normalized(shape: Any) -> Shape | None:
    """The sizes of the normalised axes; None stands for the last axis, whatever its size."""
    if shape is None:
        return None
    return (shape,) if isinstance(shape, int) else tuple(shape)


class LayerNorm(Inferred):
    """Normalise the last axes of each sample: J. Ba and others, arXiv:1607.06450.

    x: (..., *normalized_shape) -> y: same shape.
    y = (x - mean) / √(variance + eps) · weight + bias, mean and variance over the last axes.

    Args:
        normalized_shape: sizes of the axes to normalise over, or the last one's size; None:
            the last axis, its size found at the first call.
        eps: added to the variance.
        elementwise_affine: whether weight (and bias) are learnt.
        bias: whether there is a bias.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    weight: Any
    bias: Any

    def __init__(
        self,
        normalized_shape: int | Sequence[int] | None,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _normalized(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._start(
            self.normalized_shape is not None, device, dtype,
            weight=elementwise_affine, bias=elementwise_affine and bias,
        )  # fmt: skip

    def infer_sizes(self, input: Tensor) -> None:
        """The last size of ``input``."""
        self.normalized_shape = needs_axes(self, input, 1, "(..., features)")[-1:]

    def make_parameters(self) -> None:
        """Scale and shift."""
        shape = self.normalized_shape or ()
        if self.weight is not None:
            self.weight = self._new_parameter(shape)
        if self.bias is not None:
            self.bias = self._new_parameter(shape)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., *normalized_shape) -> y: same shape."""
        needs_floats(self, input)
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class RMSNorm(Inferred):
    """Scale the last axes to a root mean square of 1: B. Zhang and R. Sennrich, NeurIPS 2019.

    x: (..., *normalized_shape) -> y: same shape, y = x / √(mean of x² + eps) · weight.

    Args:
        normalized_shape: sizes of the axes, or the last one's size; None: found at the first
            call.
        eps: added to the mean square; None: the dtype's machine epsilon.
        elementwise_affine: whether weight is learnt.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    weight: Any

    def __init__(
        self,
        normalized_shape: int | Sequence[int] | None,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _normalized(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._start(self.normalized_shape is not None, device, dtype, weight=elementwise_affine)

    def infer_sizes(self, input: Tensor) -> None:
        """The last size of ``input``."""
        self.normalized_shape = needs_axes(self, input, 1, "(..., features)")[-1:]

    def make_parameters(self) -> None:
        """Scale."""
        if self.weight is not None:
            self.weight = self._new_parameter(self.normalized_shape or ())
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., *normalized_shape) -> y: same shape."""
        needs_floats(self, input)
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Normalise groups of channels of each sample: Y. Wu and K. He, ECCV 2018.

    x: (batch, num_channels, ...) -> y: same shape.

    Args:
        num_groups: the channels are split into this many groups.
        num_channels: number of channels, divisible by ``num_groups``.
        eps: added to the variance.
        affine: whether weight and bias, one for each channel, are learnt.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels={num_channels} must be divisible by "
                f"num_groups={num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        place = {"device": device, "dtype": dtype}
        self.weight = new_parameter((num_channels,), **place) if affine else None
        self.bias = new_parameter((num_channels,), **place) if affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, num_channels, ...) -> y: same shape."""
        needs_floats(self, input)
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm(num_channels={self.num_channels}) got an input of shape {input.shape}, "
                f"expected (batch, {self.num_channels}, ...)",
                hint="channels come right after the batch axis",
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
