"""Softmax over many classes, rare ones in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, IndexRangeError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn.containers import ModuleList, Sequential
from nbdl.nn.linear import Linear
from nbdl.nn.module import Module
from nbdl.ops.concatenation import concat
from nbdl.ops.conversion import astensor
from nbdl.ops.gathering import gather, index_add, take
from nbdl.ops.masks import nonzero
from nbdl.ops.movement import reshape
from nbdl.ops.searching import argmax
from nbdl.ops.selection import clip, where


class AdaptiveOutput(NamedTuple):
    """Log-probabilities of the targets, and the loss: minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over very many classes: E. Grave and others, ICML 2017.

    Frequent classes and one entry for each cluster of rare ones are in the head; a cluster's
    own scores are computed only where a target is in it. Classes are numbered by falling
    frequency.

    input: (batch, in_features), target: (batch,) class numbers -> (output: (batch,), loss).

    Args:
        in_features: size of the input's vectors.
        n_classes: how many classes.
        cutoffs: where clusters begin, rising, between 1 and n_classes - 1.
        div_value: by how much the size inside falls from cluster to cluster.
        head_bias: whether the head adds a bias.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        given = [int(c) for c in cutoffs]
        if given != sorted(set(given)) or not given or given[0] < 1 or given[-1] >= n_classes:
            raise ArgumentError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs={list(cutoffs)} must rise, from 1 to at "
                f"most n_classes - 1 = {n_classes - 1}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*given, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = given[0]
        self.n_clusters = len(given)
        self.head_size = self.shortlist_size + self.n_clusters
        place = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **place)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inside = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inside, bias=False, **place),
                    Linear(inside, size, bias=False, **place),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveOutput:
        """input: (batch, in_features), target: (batch,) -> (output: (batch,), loss)."""
        self._check(input_, target_)
        single = target_.ndim == 0
        x = reshape(input_, (1, -1)) if single else input_
        target = reshape(target_, (1,)) if single else target_
        head = F.log_softmax(self.head(x), 1)
        entry = target
        for i, low in enumerate(self.cutoffs[:-1]):
            entry = where((target >= low) & (target < self.cutoffs[i + 1]),
                          self.shortlist_size + i, entry)  # fmt: skip
        output = gather(head, 1, reshape(entry, (-1, 1)))[:, 0]
        for i, low in enumerate(self.cutoffs[:-1]):
            output = self._with_cluster(i, x, target - low, output)
        loss = -output.mean()
        return AdaptiveOutput(output[0] if single else output, loss)

    def _with_cluster(self, i: int, x: Tensor, relative: Tensor, output: Tensor) -> Tensor:
        """Add log-probabilities within cluster i where the target is in it."""
        size = self.cutoffs[i + 1] - self.cutoffs[i]
        here = (relative >= 0) & (relative < size)
        if backends.has_data(here.value):
            (rows,) = nonzero(here)
        else:  # while shapes are checked nobody knows which rows
            rows = astensor(np.arange(x.shape[0]))
        if not rows.size:
            return output
        scores = F.log_softmax(self.tail[i](take(x, rows, axis=0)), 1)
        place = clip(take(relative, rows, axis=0), 0, size - 1)
        return index_add(output, 0, rows, gather(scores, 1, reshape(place, (-1, 1)))[:, 0])

    def _check(self, x: Tensor, target: Tensor) -> None:
        if target.ndim > 1 or x.shape != (*target.shape, self.in_features):
            raise ShapeError(
                f"AdaptiveLogSoftmaxWithLoss got input of shape {x.shape} and target of shape "
                f"{target.shape}, expected (batch, {self.in_features}) and (batch,)"
            )
        if backends.has_data(target.value) and target.size:
            low, high = int(target.value.min()), int(target.value.max())
            if low < 0 or high >= self.n_classes:
                raise IndexRangeError(
                    f"AdaptiveLogSoftmaxWithLoss: target {low if low < 0 else high} is not a "
                    f"class 0..{self.n_classes - 1}"
                )

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes.  input: (batch, in_features) -> (batch, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            entry = self.shortlist_size + i
            parts.append(F.log_softmax(cluster(input), 1) + head[:, entry : entry + 1])
        return concat(parts, axis=1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class.  input: (batch, in_features) -> (batch,) int64."""
        return argmax(self.log_prob(input), axis=1)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.in_features}, {self.n_classes}, cutoffs={self.cutoffs[:-1]}"
