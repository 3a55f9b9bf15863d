"""Losses of numbers, of pairs and of probabilities; those of classes are in cross_entropy."""

from __future__ import annotations

import math
from typing import Any

from nbdl import dtypes
from nbdl.backends import has_data
from nbdl.core.mistakes import made_by, tell
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.activation import logsigmoid, softplus
from nbdl.ops.arithmetic import exp, log
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.cross_entropy import check_reduction
from nbdl.ops.exponential import log1p, xlogy
from nbdl.ops.families import Elementwise
from nbdl.ops.numerics import wide
from nbdl.ops.powers import sqrt, square
from nbdl.ops.rectifier import relu
from nbdl.ops.reduction import mean
from nbdl.ops.rounding import abs as absolute
from nbdl.ops.selection import clip, maximum, minimum, where
from nbdl.shapes import broadcast_shapes

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]


_LOWEST = -100.0
"""What the logarithm of a probability of 0 counts as; PyTorch's bound."""


class BinaryCrossEntropy(Elementwise):
    """-(t·log p + (1 - t)·log(1 - p)), logarithms bounded by -100.

    One operation and not a composition: at p = 0 and p = 1 the bound's slope of 0 would meet the
    logarithm's infinite one, and make NaN of a saturated sigmoid's gradient. As in PyTorch the
    denominator p·(1 - p) is at least 1e-12.
    """

    kernel = "(t - 1) * maximum(log1p(-p), -100) - t * maximum(log(p), -100)"
    kinds = "f"
    flops_per_element = 30
    saves = ("p", "t")

    def forward(self, xp: Any, p: Any, t: Any) -> Any:
        a, b = wide(p), wide(t)
        lowest = a.dtype.type(_LOWEST)
        loss = (b - 1) * xp.maximum(xp.log1p(-a), lowest) - b * xp.maximum(xp.log(a), lowest)
        return loss.astype(p.dtype, copy=False)

    def grad(self, dy: Tensor, y: Tensor, p: Tensor, t: Tensor) -> tuple[Any, ...]:
        return (
            lambda: dy * (p - t) / clip(p * (1 - p), 1e-12, None),
            lambda: dy * (clip(log1p(-p), _LOWEST, None) - clip(log(p), _LOWEST, None)),
        )


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of a loss, or itself."""
    if reduction == "none":
        return loss
    return mean(loss) if reduction == "mean" and loss.size else total(loss)


def pair(name: str, input: Any, target: Any, reduction: str) -> tuple[Tensor, Tensor]:
    """Input and target of one float dtype and one shape.

    A shape that would only fit by broadcasting is the classic silent mistake, (N, 1) against
    (N,): it is refused.
    """
    check_reduction(name, reduction)
    x, y = floats(input), astensor(target)
    if x.shape != y.shape:
        hint = "input and target must have the same shape"
        if x.shape == (*y.shape, 1):
            hint = "input.squeeze(-1) or target.unsqueeze(-1): (N, 1) and (N,) would give (N, N)"
        elif y.shape == (*x.shape, 1):
            hint = "target.squeeze(-1) or input.unsqueeze(-1): (N,) and (N, 1) would give (N, N)"
        raise ShapeError(
            f"{name} got input of shape {x.shape} and target of shape {y.shape}", hint=hint
        )
    if not dtypes.is_differentiable(y.dtype):
        y = cast(y, x.dtype)
    dtype = dtypes.promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def _weights(name: str, weight: Any, loss: Tensor) -> Tensor:
    """One weight for each element."""
    w = cast(astensor(weight), loss.dtype)
    if w.shape != loss.shape:
        raise ShapeError(f"{name} got weights of shape {w.shape} for losses of shape {loss.shape}")
    return w


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """Mean squared error.  input, target: (...) -> a number, or (...) for reduction="none".

    ``weight`` (of the same shape) weighs the squares; their mean is the weighted one. Raises
    ShapeError unless both shapes are equal: (N, 1) against (N,) is an error.
    """
    x, y = pair("mse_loss", input, target, reduction)
    return _weighted("mse_loss", square(x - y), weight, reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Tensor:
    """Mean absolute error.  input, target: (...) -> a number, or (...) for reduction="none".

    ``weight`` as of ``mse_loss``.
    """
    x, y = pair("l1_loss", input, target, reduction)
    return _weighted("l1_loss", absolute(x - y), weight, reduction)


def _weighted(name: str, loss: Tensor, weight: Any, reduction: str) -> Tensor:
    if weight is None:
        return reduced(loss, reduction)
    w = _weights(name, weight, loss)
    return total(loss * w) / total(w) if reduction == "mean" else reduced(loss * w, reduction)


def smooth_l1_loss(
    input: Any, target: Any, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d² / (2·beta) where the difference d is below ``beta``, else d - beta / 2."""
    x, y = pair("smooth_l1_loss", input, target, reduction)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta={beta} cannot be negative")
    if beta == 0:
        return reduced(absolute(x - y), reduction)
    d = absolute(x - y)
    return reduced(where(d < beta, square(d) * (0.5 / beta), d - 0.5 * beta), reduction)


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """d² / 2 where the difference d is at most ``delta``, else delta·(d - delta / 2).

    ``weight`` (of the same shape) is multiplied in; the mean, as PyTorch's, divides by the
    number of elements.
    """
    x, y = pair("huber_loss", input, target, reduction)
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta={delta} must be above 0")
    d = absolute(x - y)
    loss = where(d <= delta, square(d) * 0.5, (d - 0.5 * delta) * delta)
    if weight is not None:
        loss = loss * _weights("huber_loss", weight, loss)
    return reduced(loss, reduction)


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """-(t·log p + (1 - t)·log(1 - p)) of probabilities p; logarithms are bounded by -100.

    input: (...) in 0..1, target: (...) -> a number. Raises ArgumentError for an input outside
    0..1: logits belong to ``binary_cross_entropy_with_logits``.
    """
    p, t = pair("binary_cross_entropy", input, target, reduction)
    if has_data(p.value) and p.size and bool(((p < 0) | (p > 1)).any()):
        raise ArgumentError(
            "binary_cross_entropy needs probabilities between 0 and 1, but the input has values "
            "outside",
            hint="binary_cross_entropy_with_logits takes the outputs before the sigmoid",
        )
    loss = BinaryCrossEntropy()(p, t)
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without loss of digits.

    input: (...) logits, target: (...) -> a number. ``pos_weight`` (broadcasting) weighs the
    positive targets.
    """
    x, t = pair("binary_cross_entropy_with_logits", input, target, reduction)
    made = None if x.node is None else made_by(x, "Sigmoid", "Softmax")
    if made is not None:
        tell(
            f"binary_cross_entropy_with_logits got the output of {made.op.name}, but it applies "
            "sigmoid itself",
            f"leave the {made.op.name} out of the model, or use binary_cross_entropy",
            made.scope,
        )
    if pos_weight is None:
        loss = (1 - t) * x - logsigmoid(x)
    else:
        loss = (1 - t) * x - (1 + (cast(astensor(pos_weight), x.dtype) - 1) * t) * logsigmoid(x)
    return reduced(loss if weight is None else loss * weight, reduction)


def kl_div(
    input: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """Kullback-Leibler divergence: target·(log target - input), input being log-probabilities.

    input, target: (...) -> a number; reduction="batchmean" divides by the first size, as the
    mathematical definition does.
    """
    check_reduction("kl_div", reduction, ("mean", "batchmean", "sum", "none"))
    x, t = floats(input), astensor(target)
    if x.shape != t.shape:
        raise ShapeError(f"kl_div got input of shape {x.shape} and target of shape {t.shape}")
    t = cast(t, x.dtype)
    loss = exp(t) * (t - x) if log_target else xlogy(t, t) - t * x
    if reduction == "batchmean":
        return total(loss) / (x.shape[0] if x.ndim else 1)
    return reduced(loss, reduction)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target·input for Poisson counts (``log_input``), or of the rate itself.

    ``full`` adds Stirling's approximation of log(target!).
    """
    x, t = pair("poisson_nll_loss", input, target, reduction)
    loss = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        safe = maximum(t, 1)
        stirling = t * log(safe) - t + 0.5 * log(2 * math.pi * safe)
        loss = loss + where(t > 1, stirling, stirling * 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)² / var) / 2; ``var`` is kept above ``eps``."""
    x, t = astensor(input), astensor(target)
    if t.ndim in (0, x.ndim) and broadcast_shapes(x.shape, t.shape) == x.shape:
        t = broadcast_to(t, x.shape)
    x, t = pair("gaussian_nll_loss", x, t, reduction)
    v = cast(astensor(var), x.dtype)
    if v.ndim == x.ndim - 1 and v.shape == x.shape[:-1]:
        v = v.unsqueeze(-1)
    if broadcast_shapes(x.shape, v.shape, what="input and var") != x.shape:
        raise ShapeError(
            f"gaussian_nll_loss got input of shape {x.shape} and var of shape {v.shape}",
            hint="var of input's shape, or with sizes of 1",
        )
    if has_data(v.value) and v.size and bool((v < 0).any()):
        raise ArgumentError("gaussian_nll_loss: var has negative entries")
    v = v + clip(eps - v, 0, None).detach()
    loss = 0.5 * (log(v) + square(x - t) / v)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    x, t = pair("hinge_embedding_loss", input, target, reduction)
    loss = where(t != 1, clip(margin - x, 0, None), x * 0) + where(t != -1, x, x * 0)
    return reduced(loss, reduction)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target·input)) for targets 1 and -1."""
    x, t = pair("soft_margin_loss", input, target, reduction)
    return reduced(softplus(-t * x), reduction)


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """max(0, -target·(input1 - input2) + margin): which of two is to be larger."""
    a, b = pair("margin_ranking_loss", input1, input2, reduction)
    a, t = pair("margin_ranking_loss", a, target, reduction)
    return reduced(relu(-t * (a - b) + margin), reduction)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 - cos for targets 1, max(0, cos - margin) for -1.

    input1, input2: (N, D), target: (N,); or (D,) and a number -> a number.
    """
    a, b = pair("cosine_embedding_loss", input1, input2, reduction)
    t = cast(astensor(target), a.dtype)
    if t.shape != a.shape[:-1]:
        raise ShapeError(
            f"cosine_embedding_loss got inputs of shape {a.shape} and a target of shape "
            f"{t.shape}, expected {a.shape[:-1]}"
        )
    eps = 1e-12
    lengths = sqrt((total(square(a), -1) + eps) * (total(square(b), -1) + eps))
    cosine = total(a * b, -1) / lengths
    loss = where(t == 1, 1 - cosine, cosine * 0)
    loss = loss + where(t == -1, clip(cosine - margin, 0, None), cosine * 0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, |anchor - positive| - |anchor - negative| + margin), in the p-norm.

    anchor, positive, negative: (N, D) or (D,) -> a number. ``swap`` takes the nearer of anchor
    and positive for the negative: Balntas et al., BMVC 2016.
    """
    if margin <= 0:
        raise ArgumentError(f"triplet_margin_loss: margin={margin} must be above 0")
    a, b = pair("triplet_margin_loss", anchor, positive, reduction)
    a, c = pair("triplet_margin_loss", a, negative, reduction)
    near, far = _distance(a, b, p, eps), _distance(a, c, p, eps)
    if swap:
        far = minimum(far, _distance(b, c, p, eps))
    return reduced(clip(margin + near - far, 0, None), reduction)


def _distance(a: Tensor, b: Tensor, p: float, eps: float) -> Tensor:
    """The p-norm of a - b along the last axis."""
    d = absolute(a - b + eps)
    if p == 2:
        return sqrt(total(square(d), -1))
    return total(d**p, -1) ** (1 / p)
