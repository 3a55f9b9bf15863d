"""Distributions of whole numbers: Bernoulli, categorical."""

from __future__ import annotations

import math
from typing import Any

from nbdl import dtypes
from nbdl.core import Tensor
from nbdl.distributions.distribution import Distribution, parameters
from nbdl.errors import ArgumentError, IndexRangeError, ShapeError
from nbdl.ops.activation import logsigmoid, sigmoid
from nbdl.ops.arithmetic import exp, log
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.exponential import log1p, xlogy
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.movement import expand_dims
from nbdl.ops.random import rand
from nbdl.ops.searching import argmax
from nbdl.ops.selection import where
from nbdl.ops.softmax import log_softmax
from nbdl.shapes import Shape, broadcast_shapes


def _one_of(who: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ArgumentError(f"{who}: give probs or logits, and not both")


class Bernoulli(Distribution):
    """1 with a probability, else 0.  Given by ``probs`` or by ``logits`` = log(p / (1 - p))."""

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        _one_of("Bernoulli", probs, logits)
        if logits is None:
            (p,) = parameters("Bernoulli", {"probs": "a probability, 0 to 1"}, probs=probs)
            self.probs, self.logits = p, log(p) - log1p(-p)
        else:
            (self.logits,) = parameters("Bernoulli", {}, logits=logits)
            self.probs = sigmoid(self.logits)
        super().__init__(self.probs.shape)

    def _draw(self, shape: Shape) -> Tensor:
        u = rand(shape, dtype=self.probs.dtype, device=self.probs.device)
        return cast(u < self.probs, self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """log(p) at 1, log(1 - p) at 0."""
        x = self._value(value)
        yes, no = logsigmoid(self.logits), logsigmoid(-self.logits)
        return where(x == 0, no, where(x == 1, yes, x * yes + (1 - x) * no))

    def entropy(self) -> Tensor:
        """-p log(p) - (1 - p) log(1 - p)."""
        p = self.probs
        return -xlogy(p, p) - xlogy(1 - p, 1 - p)

    @property
    def mean(self) -> Tensor:
        """p."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """p (1 - p)."""
        return self.probs * (1 - self.probs)


class Categorical(Distribution):
    """One of n classes.  probs or logits: (..., n), not necessarily normalized -> draws (...)."""

    def __init__(self, probs: Any = None, logits: Any = None) -> None:
        _one_of("Categorical", probs, logits)
        if logits is None:
            (p,) = parameters("Categorical", {"probs": "not negative"}, probs=probs)
            self._check_axis(p)
            self.probs = p / total(p, -1, keepdims=True)
            self.logits = log(self.probs)
        else:
            (x,) = parameters("Categorical", {}, logits=logits)
            self._check_axis(x)
            self.logits = log_softmax(x, -1)
            self.probs = exp(self.logits)
        super().__init__(self.probs.shape[:-1])

    @staticmethod
    def _check_axis(x: Tensor) -> None:
        if x.ndim < 1 or not x.shape[-1]:
            raise ShapeError(f"Categorical needs (..., classes), got shape {x.shape}")

    def _draw(self, shape: Shape) -> Tensor:
        # The largest of logits with Gumbel noise is distributed as the softmax says.
        u = rand((*shape, self.probs.shape[-1]), dtype=dtypes.float64, device=self.probs.device)
        noise = -log(-log(u + 2.0**-54))
        return argmax(cast(self.logits, dtypes.float64) + noise, axis=-1)

    def log_prob(self, value: Any) -> Tensor:
        """The log-probability of classes.  value: integers (...) -> (...)."""
        x = astensor(value)
        classes = self.probs.shape[-1]
        if x.size and (int(x.min()) < 0 or int(x.max()) >= classes):
            raise IndexRangeError(f"Categorical.log_prob: classes are 0 to {classes - 1}, got {x}")
        shape = broadcast_shapes(x.shape, self.batch_shape, what="Categorical: value and batch")
        index = broadcast_to(cast(x, dtypes.int64), shape)
        logits = broadcast_to(self.logits, (*shape, classes))
        return take_along_axis(logits, expand_dims(index, -1), -1).squeeze(-1)

    def entropy(self) -> Tensor:
        """-Σ p log(p)."""
        return -total(xlogy(self.probs, self.probs), -1)

    @property
    def mean(self) -> Tensor:
        """NaN: classes are names, not numbers."""
        return total(self.probs, -1) * math.nan

    @property
    def variance(self) -> Tensor:
        """NaN: classes are names, not numbers."""
        return self.mean
