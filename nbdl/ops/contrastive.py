"""Losses of embeddings that are to be near or far, and of a student that follows a teacher."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.ops.arithmetic import exp
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor, cast, floats
from nbdl.ops.cross_entropy import check_reduction, cross_entropy
from nbdl.ops.distances import cdist
from nbdl.ops.loss import reduced
from nbdl.ops.movement import reshape
from nbdl.ops.rectifier import relu
from nbdl.ops.reduction import max as largest
from nbdl.ops.reduction import min as smallest
from nbdl.ops.selection import where
from nbdl.ops.softmax import log_softmax
from nbdl.ops.statistics import normalize

__all__ = ["batch_hard_triplet_loss", "distillation_loss", "info_nce_loss", "nt_xent_loss"]


def _vectors(name: str, *given: Any) -> list[Tensor]:
    """Embeddings of one shape (N, D)."""
    xs = [floats(x) for x in given]
    if any(x.ndim != 2 or x.shape != xs[0].shape for x in xs):
        raise ShapeError(
            f"{name} needs embeddings (batch, size), all of one shape, got "
            f"{' and '.join(str(x.shape) for x in xs)}"
        )
    return xs


def _check_temperature(name: str, temperature: float) -> None:
    if not temperature > 0:
        raise ArgumentError(f"{name}: temperature={temperature} must be above 0")


def info_nce_loss(
    query: Any,
    positive: Any,
    negatives: Any = None,
    temperature: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of finding each query's own positive among others, by cosine.

    Oord et al.: "Representation learning with contrastive predictive coding", 2018.
    query, positive: (N, D) -> a number, or (N,) for reduction="none".

    Args:
        negatives: (M, D) that belong to no query; default: the other queries' positives.
        temperature: what the cosines are divided by.
        reduction: "mean", "sum" or "none".
    """
    name = "info_nce_loss"
    q, p = (normalize(x, axis=1) for x in _vectors(name, query, positive))
    _check_temperature(name, temperature)
    if negatives is None:
        target = astensor(np.arange(q.shape[0]), like=q)
        return cross_entropy(matmul(q, p.mT) / temperature, target, reduction=reduction)
    others = floats(negatives)
    if others.ndim != 2 or others.shape[1] != q.shape[1]:
        raise ShapeError(
            f"{name} got negatives of shape {others.shape} for queries of shape {q.shape}, "
            f"expected (M, {q.shape[1]})"
        )
    own = total(q * p, 1, keepdims=True)
    scores = concat([own, matmul(q, normalize(others, axis=1).mT)], axis=1)
    target = astensor(np.zeros(q.shape[0], np.int64), like=q)
    return cross_entropy(scores / temperature, target, reduction=reduction)


def nt_xent_loss(
    z1: Any, z2: Any, temperature: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """Each of two views finds the other among all 2·N - 1 views of the batch, by cosine.

    Chen et al.: "A simple framework for contrastive learning of visual representations", ICML
    2020. z1, z2: (N, D) -> a number, or (2·N,) for reduction="none".
    """
    name = "nt_xent_loss"
    first, second = _vectors(name, z1, z2)
    _check_temperature(name, temperature)
    n = first.shape[0]
    z = normalize(concat([first, second], axis=0), axis=1)
    itself = astensor(np.eye(2 * n, dtype=bool), like=z)
    scores = where(itself, -np.inf, matmul(z, z.mT) / temperature)
    target = astensor(np.roll(np.arange(2 * n), n), like=z)
    return cross_entropy(scores, target, reduction=reduction)


def batch_hard_triplet_loss(
    input: Any, labels: Any, margin: float = 0.3, reduction: str = "mean"
) -> Tensor:
    """max(0, margin + farthest of the same label - nearest of another), for each embedding.

    Hermans et al.: "In defense of the triplet loss for person re-identification", 2017.
    input: (N, D), labels: (N,) integers -> a number, or (N,) for reduction="none". Embeddings
    without another of their label, or without one of another label, give 0 and do not count in
    the mean.
    """
    name = "batch_hard_triplet_loss"
    check_reduction(name, reduction)
    (x,) = _vectors(name, input)
    t = astensor(labels, like=x)
    if t.shape != (x.shape[0],):
        raise ShapeError(f"{name} got labels of shape {t.shape} for embeddings {x.shape}")
    if t.dtype.kind not in "iu":
        raise DtypeError(f"{name}: labels must be integers, got {t.dtype}")
    n = x.shape[0]
    same = reshape(t, (n, 1)) == reshape(t, (1, n))
    other = ~same
    same = same & astensor(~np.eye(n, dtype=bool), like=x)
    d = cdist(x, x)
    far = largest(where(same, d, 0.0), axis=1)
    near = smallest(where(other, d, np.inf), axis=1)
    counted = same.any(axis=1) & other.any(axis=1)
    loss = where(counted, relu(margin + far - where(counted, near, 0.0)), 0.0)
    if reduction != "mean":
        return reduced(loss, reduction)
    count = total(cast(counted, x.dtype))
    return total(loss) / where(count > 0, count, 1.0)


def distillation_loss(
    input: Any, teacher: Any, temperature: float = 2.0, reduction: str = "mean"
) -> Tensor:
    """T² · KL(teacher || student), of softmaxes at temperature T.

    Hinton et al.: "Distilling the knowledge in a neural network", 2015. input, teacher:
    (N, C) logits -> a number, or (N,) for reduction="none". No gradient flows to the teacher.
    """
    name = "distillation_loss"
    check_reduction(name, reduction)
    student, given = _vectors(name, input, teacher)
    _check_temperature(name, temperature)
    log_p = log_softmax(given.detach() / temperature, 1)
    log_q = log_softmax(student / temperature, 1)
    return reduced(total(exp(log_p) * (log_p - log_q), 1) * temperature**2, reduction)
