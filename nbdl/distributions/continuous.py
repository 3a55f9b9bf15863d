"""Distributions of single real numbers: normal, Laplace, uniform, Student's t."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core import Tensor
from nbdl.distributions.distribution import LOG_2PI, Distribution, parameters
from nbdl.distributions.gamma import standard_gamma
from nbdl.errors import ArgumentError
from nbdl.ops.arithmetic import log
from nbdl.ops.exponential import expm1, log1p
from nbdl.ops.gamma import digamma, lgamma
from nbdl.ops.gaussian import ndtr, ndtri
from nbdl.ops.powers import rsqrt, square
from nbdl.ops.random import rand, randn
from nbdl.ops.rounding import abs, sign
from nbdl.ops.selection import where
from nbdl.shapes import Shape


class Normal(Distribution):
    """The normal distribution of mean ``loc`` and standard deviation ``scale``."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = parameters("Normal", {"scale": "positive"}, loc=loc, scale=scale)
        super().__init__(self.loc.shape)

    def _draw(self, shape: Shape) -> Tensor:
        noise = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.scale * noise

    def log_prob(self, value: Any) -> Tensor:
        """-(value - loc)² / (2 scale²) - log(scale) - log(2π)/2."""
        x = self._value(value)
        return square((x - self.loc) / self.scale) * -0.5 - log(self.scale) - LOG_2PI / 2

    def entropy(self) -> Tensor:
        """(1 + log(2π))/2 + log(scale)."""
        return log(self.scale) + (1 + LOG_2PI) / 2

    def cdf(self, value: Any) -> Tensor:
        """ndtr((value - loc) / scale)."""
        return ndtr((self._value(value) - self.loc) / self.scale)

    def icdf(self, value: Any) -> Tensor:
        """loc + scale · ndtri(value)."""
        return self.loc + self.scale * ndtri(self._value(value))

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """scale²."""
        return square(self.scale)


class Laplace(Distribution):
    """exp(-abs(x - loc) / scale) / (2 scale)."""

    has_rsample = True

    def __init__(self, loc: Any, scale: Any) -> None:
        self.loc, self.scale = parameters("Laplace", {"scale": "positive"}, loc=loc, scale=scale)
        super().__init__(self.loc.shape)

    def _draw(self, shape: Shape) -> Tensor:
        u = rand(shape, dtype=self.loc.dtype, device=self.loc.device) - 0.5
        return self.loc - self.scale * (sign(u) * log1p(abs(u) * -2))

    def log_prob(self, value: Any) -> Tensor:
        """-abs(value - loc) / scale - log(2 scale)."""
        return -abs(self._value(value) - self.loc) / self.scale - log(self.scale * 2)

    def entropy(self) -> Tensor:
        """1 + log(2 scale)."""
        return log(self.scale * 2) + 1

    def cdf(self, value: Any) -> Tensor:
        """Half an exponential on each side of loc."""
        z = (self._value(value) - self.loc) / self.scale
        return 0.5 - sign(z) * expm1(-abs(z)) * 0.5

    def icdf(self, value: Any) -> Tensor:
        """The inverse of ``cdf``."""
        p = self._value(value) - 0.5
        return self.loc - self.scale * sign(p) * log1p(abs(p) * -2)

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """2 scale²."""
        return square(self.scale) * 2


class Uniform(Distribution):
    """Equal density from ``low`` up to ``high``."""

    has_rsample = True

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = parameters("Uniform", {}, low=low, high=high)
        if not bool((self.low.detach() < self.high.detach()).all()):
            raise ArgumentError("Uniform: low must be below high everywhere")
        super().__init__(self.low.shape)

    def _draw(self, shape: Shape) -> Tensor:
        u = rand(shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Any) -> Tensor:
        """-log(high - low) inside, -inf outside."""
        x = self._value(value)
        inside = (x >= self.low) & (x < self.high)
        return where(inside, -log(self.high - self.low), -math.inf)

    def entropy(self) -> Tensor:
        """log(high - low)."""
        return log(self.high - self.low)

    def cdf(self, value: Any) -> Tensor:
        """The share of the interval below value."""
        return ((self._value(value) - self.low) / (self.high - self.low)).clip(0, 1)

    def icdf(self, value: Any) -> Tensor:
        """low + value · (high - low)."""
        return self.low + self._value(value) * (self.high - self.low)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        """(high - low)² / 12."""
        return square(self.high - self.low) / 12


class StudentT(Distribution):
    """Student's t of ``df`` degrees of freedom, shifted by ``loc`` and scaled."""

    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> None:
        self.df, self.loc, self.scale = parameters(
            "StudentT", {"df": "positive", "scale": "positive"}, df=df, loc=loc, scale=scale
        )
        super().__init__(self.df.shape)

    def _draw(self, shape: Shape) -> Tensor:
        noise = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        chi_square = standard_gamma(self.df / 2, shape) * 2
        return self.loc + self.scale * noise * rsqrt(chi_square / self.df)

    def log_prob(self, value: Any) -> Tensor:
        """The density's logarithm, in (1 + z²/df)^(-(df + 1)/2)."""
        z = (self._value(value) - self.loc) / self.scale
        norm = log(self.scale) + log(self.df) * 0.5 + math.log(math.pi) / 2
        norm = norm + lgamma(self.df / 2) - lgamma((self.df + 1) / 2)
        return (self.df + 1) * -0.5 * log1p(square(z) / self.df) - norm

    def entropy(self) -> Tensor:
        """By the beta and digamma functions."""
        half, next_half = self.df / 2, (self.df + 1) / 2
        log_beta = lgamma(half) + math.log(math.pi) / 2 - lgamma(next_half)
        return (
            log(self.scale)
            + next_half * (digamma(next_half) - digamma(half))
            + log(self.df) * 0.5
            + log_beta
        )

    @property
    def mean(self) -> Tensor:
        """loc where df > 1, else NaN."""
        return where(self.df > 1, self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        """scale² df / (df - 2) where df > 2; inf for df in (1, 2], else NaN."""
        finite = self.df > 2
        value = square(self.scale) * self.df / where(finite, self.df - 2, 1)
        return where(finite, value, where(self.df > 1, math.inf, math.nan))
