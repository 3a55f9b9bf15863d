"""Normalisation of each sample: over its features, or over groups of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_axes, needs_floats
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.nn.sizes import check_sizes
from nbdl.shapes import Shape


def _normalized(layer: Module, shape: Any) -> Shape | None:
    """The sizes of the normalised axes; None stands for the last axis, whatever its size."""
    if shape is None:
        return None
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    for size in sizes:
        check_sizes(layer, normalized_shape=size)
    return sizes


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
        self.normalized_shape: Any = _normalized(self, normalized_shape)
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
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
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
        self.normalized_shape: Any = _normalized(self, normalized_shape)
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
        bias: whether there is a bias.
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
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(self, num_groups=num_groups, num_channels=num_channels)
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
        self.bias = new_parameter((num_channels,), **place) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
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
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divide by the neighbouring channels' strength: A. Krizhevsky and others, NIPS 2012.

    x: (batch, channels, ...) -> y: same shape,
    y = x / (k + alpha · mean of x² over ``size`` neighbouring channels)^beta.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, ...) -> y: same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """LocalResponseNorm by the name it had in Torch.  x: (batch, channels, height, width)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)
