"""A linear layer and the cross-entropy of its outputs in one call."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor, floats
from nbdl.ops.cross_entropy import cross_entropy
from nbdl.ops.linear import linear
from nbdl.ops.movement import reshape

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    input: (N, D) or (D,), linear_weight: (C, ..., D), target: (N, ...) class numbers or
    (N, C, ...) probabilities -> a number, or (N, ...) for reduction="none".

    Args:
        linear_bias: (C, ...), added to the products.
        weight, reduction, label_smoothing: as cross_entropy's.
        ignore_index: targets of this number do not count; default -100. Not with probabilities.
        options: taken for PyTorch's sake, where it cuts the batch in pieces; it changes no value.

    Raises:
        ShapeError: sizes that do not fit; and what cross_entropy raises.
    """
    x, w, t = floats(input), astensor(linear_weight), astensor(target)
    if x.ndim not in (1, 2) or w.ndim < 2 or x.shape[-1] != w.shape[-1]:
        raise ShapeError(
            f"linear_cross_entropy got input of shape {x.shape} and linear_weight of shape "
            f"{w.shape}, expected (batch, features) and (classes, ..., features)"
        )
    classes, width = w.shape[:-1], w.shape[-1]
    if x.ndim == 1 and len(classes) > 1:
        raise ShapeError(
            f"linear_cross_entropy: a linear_weight of shape {w.shape} needs an input with a "
            f"batch axis, got {x.shape}"
        )
    bias = None if linear_bias is None else astensor(linear_bias)
    if bias is not None and bias.shape != classes:
        raise ShapeError(
            f"linear_cross_entropy got linear_bias of shape {bias.shape}, expected {classes}"
        )
    shape = (*x.shape[:-1], *classes)
    if t.shape == shape and ignore_index is not None:
        raise ArgumentError("linear_cross_entropy: ignore_index means nothing to probabilities")
    rows = math.prod(classes)
    logits = linear(
        x, reshape(w, (rows, width)), None if bias is None else reshape(bias, (rows,))
    )
    return cross_entropy(
        reshape(logits, shape), t, weight, -100 if ignore_index is None else ignore_index,
        reduction, label_smoothing,
    )  # fmt: skip
