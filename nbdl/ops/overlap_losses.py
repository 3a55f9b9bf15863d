"""Losses for rare classes and for areas: focal, Tversky and Dice; and of quantiles."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.activation import logsigmoid, sigmoid
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.loss import pair, reduced
from nbdl.ops.selection import maximum

__all__ = ["dice_loss", "quantile_loss", "sigmoid_focal_loss", "tversky_loss"]


def sigmoid_focal_loss(
    input: Any,
    target: Any,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """-α (1 - q)^γ log q, where q is the probability given to what is true.

    Lin et al.: "Focal loss for dense object detection", ICCV 2017. input: (...) logits, target:
    (...) of 0 and 1 -> a number, or (...) for reduction="none".

    Args:
        alpha: weight of the ones, 1 - alpha of the zeros; None: no weights.
        gamma: how much less what is right already counts; 0 gives the cross-entropy.
        reduction: "mean", "sum" or "none".

    Raises ArgumentError for an alpha outside of 0..1 or a negative gamma, ShapeError unless both
    shapes are equal.
    """
    x, t = pair("sigmoid_focal_loss", input, target, reduction)
    if alpha is not None and not 0 <= alpha <= 1:
        raise ArgumentError(f"sigmoid_focal_loss: alpha={alpha} must be 0 to 1, or None")
    if gamma < 0:
        raise ArgumentError(f"sigmoid_focal_loss: gamma={gamma} cannot be negative")
    ones = sigmoid(-x) ** gamma * logsigmoid(x) * t
    zeros = sigmoid(x) ** gamma * logsigmoid(-x) * (1 - t)
    if alpha is not None:
        ones, zeros = ones * alpha, zeros * (1 - alpha)
    return reduced(-(ones + zeros), reduction)


def tversky_loss(
    input: Any,
    target: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """1 - (both + s) / (both + α · only predicted + β · only true + s), areas being sums.

    Salehi et al.: "Tversky loss function for image segmentation using 3D fully convolutional
    deep networks", 2017. input: (N, C, ...) probabilities, target: the same shape, of 0 and 1
    -> a number, or (N, C) for reduction="none".

    Args:
        alpha: weight of what is predicted and not true.
        beta: weight of what is true and not predicted.
        smooth: s, which keeps empty areas from dividing 0 by 0.
        reduction: "mean", "sum" or "none".
    """
    return _overlap("tversky_loss", input, target, (alpha, beta, smooth), reduction)


def dice_loss(input: Any, target: Any, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    """1 - (2 · both + s) / (predicted + true + s), areas being sums.

    Milletari et al.: "V-Net: fully convolutional neural networks for volumetric medical image
    segmentation", 2016. input: (N, C, ...) probabilities, target: the same shape, of 0 and 1
    -> a number, or (N, C) for reduction="none".
    """
    return _overlap("dice_loss", input, target, (0.5, 0.5, smooth / 2), reduction)


def _overlap(
    name: str, input: Any, target: Any, weights: tuple[float, float, float], reduction: str
) -> Tensor:
    p, t = pair(name, input, target, reduction)
    if p.ndim < 2:
        raise ShapeError(f"{name} needs (batch, classes, ...), got {p.shape}")
    alpha, beta, smooth = weights
    if min(weights) < 0:
        raise ArgumentError(f"{name}: its weights and smooth cannot be negative")
    axes = tuple(range(2, p.ndim))
    both, predicted, true = (total(v, axes) if axes else v for v in (p * t, p, t))
    rest = alpha * (predicted - both) + beta * (true - both)
    return reduced(1 - (both + smooth) / (both + rest + smooth), reduction)


def quantile_loss(
    input: Any, target: Any, quantile: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """q · d where the target is larger by d, (1 - q) · d where it is smaller: the pinball loss.

    Its least mean is at the q-quantile of the targets: Koenker and Bassett, "Regression
    quantiles", Econometrica 1978. input, target: (...) -> a number, or (...) for
    reduction="none". Raises ArgumentError unless 0 < quantile < 1.
    """
    x, t = pair("quantile_loss", input, target, reduction)
    if not 0 < quantile < 1:
        raise ArgumentError(f"quantile_loss: quantile={quantile} must be between 0 and 1")
    d = t - x
    return reduced(maximum(d * quantile, d * (quantile - 1)), reduction)
