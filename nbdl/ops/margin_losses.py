"""Losses of margins between classes, and of triplets with any distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from nbdl.ops.activation import logsigmoid
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.creation import zeros_like
from nbdl.ops.cross_entropy import check_reduction
from nbdl.ops.cumulative import cumprod
from nbdl.ops.gathering import gather, scatter_add, take
from nbdl.ops.loss import reduced
from nbdl.ops.movement import reshape
from nbdl.ops.rectifier import relu
from nbdl.ops.resampling import pairwise_distance
from nbdl.ops.selection import clip, minimum, where

__all__ = [
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _classes(name: str, input: Any, target: Any, per_class: bool) -> tuple[Tensor, Tensor, bool]:
    """Scores (N, C) and class numbers (N,) or (N, C), and whether the batch axis was added."""
    x, t = floats(input), astensor(target)
    if not x.ndim and not t.ndim:  # one score, of the only class
        x, t = reshape(x, (1,)), reshape(t, (1,))
    if t.dtype.kind not in "iu":
        raise DtypeError(f"{name}: targets must be class numbers, got {t.dtype}",
                         hint="target.to('int64')")  # fmt: skip
    expected = x.shape if per_class else x.shape[:-1]
    if x.ndim not in (1, 2) or t.shape not in (expected, (1,) * (x.ndim == 1 and not per_class)):
        raise ShapeError(
            f"{name} got input of shape {x.shape} and target of shape {t.shape}, expected "
            f"(batch, classes) and {'(batch, classes)' if per_class else '(batch,)'}"
        )
    low = -1 if per_class else 0
    if backends.has_data(t.value) and t.size:
        least, most = int(t.value.min()), int(t.value.max())
        if least < low or most >= x.shape[-1]:
            raise IndexRangeError(
                f"{name}: target {least if least < low else most} is not a class 0.."
                f"{x.shape[-1] - 1}"
            )
    if x.ndim == 1:
        shape = (1, x.shape[0])
        return reshape(x, shape), reshape(t, shape if per_class else (1,)), True
    return x, t, False


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Σᵢ max(0, margin - x[target] + x[i])ᵖ / C over all other classes i.

    input: (N, C) scores, target: (N,) class numbers; or (C,) and a number -> a number, or (N,)
    for reduction="none". ``weight``: (C,), multiplies the loss of each target's class.
    Raises ShapeError, DtypeError, IndexRangeError; ArgumentError for a p other than 1 and 2.
    """
    check_reduction("multi_margin_loss", reduction)
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: p={p} must be 1 or 2")
    x, t, single = _classes("multi_margin_loss", input, target, False)
    column = reshape(t, (t.shape[0], 1))
    z = relu(margin - gather(x, 1, column) + x)
    z = z if p == 1 else z * z
    numbers = astensor(np.arange(x.shape[1])[None], like=x)
    loss = total(where(numbers == column, 0.0, z), 1) / x.shape[1]
    if weight is not None:
        w = cast(astensor(weight, like=x), x.dtype)
        if w.shape != (x.shape[1],):
            raise ShapeError(
                f"multi_margin_loss got weight of shape {w.shape} for {x.shape[1]} classes"
            )
        loss = loss * take(w, t, axis=0)
    return reduced(loss[0] if single else loss, reduction)


def multilabel_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """Σ max(0, 1 - x[j] + x[i]) / C over the target's classes j and all other classes i.

    input: (N, C) scores, target: (N, C) class numbers, those after the first -1 do not count;
    or (C,) each -> a number, or (N,) for reduction="none".
    """
    check_reduction("multilabel_margin_loss", reduction)
    x, t, single = _classes("multilabel_margin_loss", input, target, True)
    n, c = x.shape
    counts = cast(cumprod(cast(t >= 0, dtypes.int64), 1), x.dtype)
    t = clip(t, 0, None)
    mine = scatter_add(zeros_like(x), 1, t, counts) > 0
    gap = 1 - reshape(gather(x, 1, t), (n, c, 1)) + reshape(x, (n, 1, c))
    gap = where(reshape(mine, (n, 1, c)), 0.0, relu(gap))
    loss = total(total(gap, 2) * counts, 1) / c
    return reduced(loss[0] if single else loss, reduction)


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """The mean over classes of binary cross-entropies of logits.

    input: (..., C) logits, target: the same shape, of 0 and 1 -> a number, or (...) for
    reduction="none". ``weight``: (C,), multiplies the classes.
    """
    check_reduction("multilabel_soft_margin_loss", reduction)
    x = floats(input)
    t = cast(astensor(target, like=x), x.dtype)
    if x.shape != t.shape or not x.ndim:
        raise ShapeError(
            f"multilabel_soft_margin_loss got input of shape {x.shape} and target of shape "
            f"{t.shape}; both are (..., classes)"
        )
    loss = -(t * logsigmoid(x) + (1 - t) * logsigmoid(-x))
    if weight is not None:
        loss = loss * astensor(weight, like=x)
    return reduced(total(loss, -1) / x.shape[-1], reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for a distance d of one's own.

    anchor, positive, negative: (N, D) -> a number, or (N,) for reduction="none".

    Args:
        distance_function: of two tensors; default ``pairwise_distance``.
        margin: by how much the negative is to be farther away.
        swap: take the nearer of anchor and positive for the negative: Balntas et al., BMVC 2016.
        reduction: "mean", "sum" or "none".
    """
    name = "triplet_margin_with_distance_loss"
    check_reduction(name, reduction)
    if margin <= 0:
        raise ArgumentError(f"{name}: margin={margin} must be above 0")
    a, p, n = floats(anchor), floats(positive), floats(negative)
    if not a.ndim == p.ndim == n.ndim:
        raise ShapeError(
            f"{name} got anchor {a.shape}, positive {p.shape} and negative {n.shape}, which must "
            "have equally many axes"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = minimum(far, distance(p, n))
    return reduced(clip(margin + near - far, 0, None), reduction)
