"""Samples of classes that gradients flow through.

Jang et al.: "Categorical reparameterization with Gumbel-softmax", ICLR 2017; Maddison et al.: "The
concrete distribution", ICLR 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.arithmetic import log
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.movement import moveaxis
from nbdl.ops.random import rand
from nbdl.ops.searching import argmax
from nbdl.ops.selection import clip
from nbdl.ops.softmax import softmax
from nbdl.shapes import normalize_axis

__all__ = ["gumbel_softmax"]


def gumbel_softmax(
    logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + Gumbel noise) / tau): a sample of classes with a gradient.

    logits: (...) -> y: the same shape, each slice along ``dim`` with the sum 1.

    Args:
        tau: temperature; towards 0 the sample is one-hot.
        hard: give the one-hot of the largest, with the gradient of the soft sample.
        eps: taken for PyTorch's sake, which ignores it too.
        dim: the axis of the classes.

    Raises ArgumentError unless tau is above 0.
    """
    x = floats(logits)
    if not tau > 0:
        raise ArgumentError(f"gumbel_softmax: tau={tau} must be above 0")
    axis = normalize_axis(dim, x.ndim)
    wide = dtypes.accumulator(x.dtype)
    tiny = float(np.finfo(wide).tiny)
    place = None if x.device == "meta" else x.device
    drawn = clip(rand(x.shape, dtype=wide, device=place), tiny, None)
    # -log(u) is 0 for u = 1 alone, which rand never draws
    noise = cast(-log(-log(drawn)), x.dtype)
    soft = softmax((x + noise) / tau, axis)
    if not hard:
        return soft
    numbers = astensor(np.arange(x.shape[axis]).reshape(*(1,) * (x.ndim - 1), -1), like=x)
    best = moveaxis(argmax(soft, axis=axis, keepdims=True), axis, -1)
    one_hot = moveaxis(cast(best == numbers, x.dtype), -1, axis)
    return one_hot + (soft - soft.detach())
