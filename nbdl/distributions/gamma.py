"""The gamma distribution and those made of it: beta and Dirichlet."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import Tensor
from nbdl.distributions.distribution import Distribution, parameters
from nbdl.errors import ShapeError
from nbdl.ops.arithmetic import log
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.concatenation import stack
from nbdl.ops.conversion import cast
from nbdl.ops.exponential import log1p, xlogy
from nbdl.ops.gamma import digamma, igamma, lgamma
from nbdl.ops.powers import square
from nbdl.ops.quantiles import gamma_quantile
from nbdl.ops.random import rand
from nbdl.shapes import Shape


def standard_gamma(concentration: Tensor, shape: Shape) -> Tensor:
    """Draws of the gamma distribution of rate 1, with a gradient by the concentration."""
    a = broadcast_to(concentration, shape)
    # A draw in the middle of its 2^-53 wide cell, so never 0 or 1.
    u = rand(shape, dtype=dtypes.float64, device=a.device) + 2.0**-54
    x = gamma_quantile(cast(a, dtypes.float64), u)
    return cast(x.clip(min=float(np.finfo(np.float32).tiny)), a.dtype)


class Gamma(Distribution):
    """x^(concentration - 1) exp(-rate x), normalized."""

    has_rsample = True

    def __init__(self, concentration: Any, rate: Any) -> None:
        self.concentration, self.rate = parameters(
            "Gamma", {"concentration": "positive", "rate": "positive"},
            concentration=concentration, rate=rate,
        )  # fmt: skip
        super().__init__(self.rate.shape)

    def _draw(self, shape: Shape) -> Tensor:
        return standard_gamma(self.concentration, shape) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        """The density's logarithm."""
        x, a = self._value(value), self.concentration
        return xlogy(a, self.rate) + xlogy(a - 1, x) - self.rate * x - lgamma(a)

    def entropy(self) -> Tensor:
        """By lgamma and digamma."""
        a = self.concentration
        return a - log(self.rate) + lgamma(a) + (1 - a) * digamma(a)

    def cdf(self, value: Any) -> Tensor:
        """The regularized incomplete gamma function; no gradient by the concentration."""
        return igamma(self.concentration.detach(), self.rate * self._value(value))

    @property
    def mean(self) -> Tensor:
        """concentration / rate."""
        return self.concentration / self.rate

    @property
    def variance(self) -> Tensor:
        """concentration / rate²."""
        return self.concentration / square(self.rate)


class Dirichlet(Distribution):
    """Shares that sum to 1.  concentration: (..., n) -> draws (..., n)."""

    has_rsample = True

    def __init__(self, concentration: Any) -> None:
        (self.concentration,) = parameters(
            "Dirichlet", {"concentration": "positive"}, concentration=concentration
        )
        if self.concentration.ndim < 1:
            raise ShapeError("Dirichlet: concentration needs an axis of classes, got a number")
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:])

    def _draw(self, shape: Shape) -> Tensor:
        parts = standard_gamma(self.concentration, shape)
        return parts / total(parts, -1, keepdims=True)

    def log_prob(self, value: Any) -> Tensor:
        """The density's logarithm."""
        a = self.concentration
        return (
            total(xlogy(a - 1, self._value(value)), -1)
            + lgamma(total(a, -1))
            - total(lgamma(a), -1)
        )

    def entropy(self) -> Tensor:
        """By lgamma and digamma."""
        a = self.concentration
        n, a0 = a.shape[-1], total(a, -1)
        return (
            total(lgamma(a), -1)
            - lgamma(a0)
            - (n - a0) * digamma(a0)
            - total((a - 1) * digamma(a), -1)
        )

    @property
    def mean(self) -> Tensor:
        """concentration divided by its sum."""
        return self.concentration / total(self.concentration, -1, keepdims=True)

    @property
    def variance(self) -> Tensor:
        """mean (1 - mean) / (sum + 1)."""
        a0 = total(self.concentration, -1, keepdims=True)
        return self.mean * (1 - self.mean) / (a0 + 1)


class Beta(Distribution):
    """x^(concentration1 - 1) (1 - x)^(concentration0 - 1), normalized, on 0..1."""

    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any) -> None:
        self.concentration1, self.concentration0 = parameters(
            "Beta", {"concentration1": "positive", "concentration0": "positive"},
            concentration1=concentration1, concentration0=concentration0,
        )  # fmt: skip
        super().__init__(self.concentration1.shape)

    @property
    def _both(self) -> Dirichlet:
        return Dirichlet(stack([self.concentration1, self.concentration0], axis=-1))

    def _draw(self, shape: Shape) -> Tensor:
        return self._both._draw((*shape, 2))[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        """The density's logarithm."""
        x, a, b = self._value(value), self.concentration1, self.concentration0
        norm = lgamma(a) + lgamma(b) - lgamma(a + b)
        return xlogy(a - 1, x) + (b - 1) * log1p(-x) - norm

    def entropy(self) -> Tensor:
        """By lgamma and digamma."""
        return self._both.entropy()

    @property
    def mean(self) -> Tensor:
        """concentration1 / (concentration1 + concentration0)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        """mean (1 - mean) / (sum + 1)."""
        a0 = self.concentration1 + self.concentration0
        return self.mean * (1 - self.mean) / (a0 + 1)
