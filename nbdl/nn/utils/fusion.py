"""A layer and the batch norm behind it as one layer, for evaluation."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter
from nbdl.ops.creation import ones_like, zeros_like
from nbdl.ops.movement import reshape
from nbdl.ops.powers import rsqrt

L = TypeVar("L", bound=Module)


def fuse_conv_bn_eval(conv: L, bn: Any, transpose: bool = False) -> L:
    """A copy of a convolution that does what it and the batch norm behind it do.

    Args:
        conv: a convolution, in evaluation mode.
        bn: a batch norm with running statistics, in evaluation mode.
        transpose: whether it is a transposed convolution.

    Raises ArgumentError for training mode or a batch norm without running statistics.
    """
    _check("fuse_conv_bn_eval", conv, bn)
    return _fused(conv, _fuse(1 if transpose else 0, *_weights(conv, bn)))


def fuse_linear_bn_eval(linear: L, bn: Any) -> L:
    """A copy of a linear layer that does what it and the batch norm behind it do.

    Arguments and errors as ``fuse_conv_bn_eval``'s; the sizes must agree.
    """
    _check("fuse_linear_bn_eval", linear, bn)
    outputs = linear.out_features  # type: ignore[attr-defined]
    if bn.num_features not in (1, outputs):
        raise ArgumentError(
            f"fuse_linear_bn_eval: the linear layer has out_features={outputs}, the batch norm "
            f"num_features={bn.num_features}"
        )
    return _fused(linear, _fuse(0, *_weights(linear, bn)))


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor | None, bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of the fused convolution.

    Args:
        conv_w, conv_b: of the convolution.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: of the batch norm: mean, variance, eps, weight, bias.
        transpose: whether outputs are the second axis of the weight.
    """
    return _fuse(1 if transpose else 0, conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
    bn_w: Tensor | None, bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of the fused linear layer; arguments as ``fuse_conv_bn_weights``'s."""
    return _fuse(0, linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fuse(
    outputs: int, weight: Tensor, bias: Tensor | None, mean: Tensor, variance: Tensor,
    eps: float, scale: Tensor | None, shift: Tensor | None,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """``outputs`` is the axis of the weight that has them."""
    shape = [1] * weight.ndim
    shape[outputs] = -1
    trained = weight.requires_grad, bias is not None and bias.requires_grad
    kinds = weight.dtype, weight.dtype if bias is None else bias.dtype
    with no_grad():
        factor = rsqrt(variance + eps) * (ones_like(mean) if scale is None else scale)
        moved = (zeros_like(mean) if bias is None else bias) - mean
        new_weight = (weight * reshape(factor, tuple(shape))).to(kinds[0])
        new_bias = (moved * factor + (0 if shift is None else shift)).to(kinds[1])
    return Parameter(new_weight, trained[0]), Parameter(new_bias, trained[1])


def _weights(layer: Any, bn: Any) -> tuple[Any, ...]:
    return (layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)


def _fused(layer: L, weights: tuple[Parameter, Parameter]) -> L:
    fused = copy.deepcopy(layer)
    for name, value in zip(("weight", "bias"), weights, strict=True):
        setattr(fused, name, value)
    return fused


def _check(who: str, layer: Module, bn: Any) -> None:
    if layer.training or bn.training:
        raise ArgumentError(
            f"{who}: both layers must be in evaluation mode, for in training batch norm uses the "
            "statistics of each batch",
            hint="model.eval()",
        )
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{who}: the batch norm keeps no running statistics")
