"""Mixtures of distributions of one kind."""

from __future__ import annotations

from typing import Any

from nbdl.core import Tensor
from nbdl.distributions.discrete import Categorical
from nbdl.distributions.distribution import Distribution
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.gathering import take_along_axis
from nbdl.ops.movement import expand_dims, reshape
from nbdl.ops.powers import square
from nbdl.ops.reduction import logsumexp
from nbdl.shapes import Shape


class MixtureSameFamily(Distribution):
    """One of k components, chosen by a categorical distribution.

    Args:
        mixture_distribution: Categorical of batch shape (...) over k classes.
        component_distribution: its last batch axis has size k.
    """

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ArgumentError("MixtureSameFamily: mixture_distribution must be a Categorical")
        batch = component_distribution.batch_shape
        k = mixture_distribution.probs.shape[-1]
        if not batch or batch[-1] != k:
            raise ShapeError(
                f"MixtureSameFamily: {k} weights, but the components have batch_shape {batch}",
                hint="the components lie along the last batch axis",
            )
        self.mixture, self.component = mixture_distribution, component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape)

    def _along_events(self, x: Tensor) -> Tensor:
        return reshape(x, (*x.shape, *(1,) * len(self.event_shape)))

    def _draw(self, shape: Shape) -> Tensor:
        events = len(self.event_shape)
        draws = shape[: len(shape) - events]
        k = self.mixture.probs.shape[-1]
        every = self.component._draw((*draws, k, *self.event_shape))
        chosen = broadcast_to(
            self._along_events(expand_dims(self.mixture._draw(draws), -1)),
            (*draws, 1, *self.event_shape),
        )
        return take_along_axis(every, chosen, -1 - events).squeeze(-1 - events)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the weighted sum of the components' probabilities."""
        events = len(self.event_shape)
        x = expand_dims(self._value(value), -1 - events)
        return logsumexp(self.component.log_prob(x) + self.mixture.logits, axis=-1)

    def _mixed(self, x: Tensor) -> Tensor:
        weights = self._along_events(self.mixture.probs)
        return total(weights * x, -1 - len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """The weighted mean of the components' means."""
        return self._mixed(self.component.mean)

    @property
    def variance(self) -> Tensor:
        """The mean variance, and the variance of the means."""
        spread = self.component.mean - expand_dims(self.mean, -1 - len(self.event_shape))
        return self._mixed(self.component.variance + square(spread))

    def cdf(self, value: Any) -> Tensor:
        """The weighted mean of the components' cdf."""
        x = expand_dims(self._value(value), -1)
        return total(self.mixture.probs * self.component.cdf(x), -1)
