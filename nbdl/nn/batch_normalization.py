"""Batch and instance normalisation, with running statistics."""

from __future__ import annotations

from typing import Any, ClassVar

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_axes, needs_floats
from nbdl.nn.sizes import check_input_size
from nbdl.ops.creation import zeros


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
        bias: bool,
        place: tuple[Any, Any],
    ) -> None:
        check_input_size(self, num_features=num_features)
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
        self._start(num_features is not None, *place, weight=affine, bias=affine and bias)

    def infer_sizes(self, input: Tensor) -> None:
        """The channels of ``input``."""
        self._check_rank(input)
        self.num_features = needs_axes(self, input, 2, self.layout)[self.channels_axis]

    def make_parameters(self) -> None:
        """Scale, shift and running statistics."""
        shape = (self.num_features or 0,)
        if self.weight is not None:
            self.weight = self._new_parameter(shape)
        if self.bias is not None:
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
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
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
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
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
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._configure(
            num_features, eps, momentum, affine, track_running_stats, bias, (device, dtype)
        )

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
        if of_this_batch and input.size == 0:  # an empty batch has no statistics to keep
            keep = False
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
        bias: whether there is a bias.
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
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._configure(
            num_features, eps, momentum, affine, track_running_stats, bias, (device, dtype)
        )

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
