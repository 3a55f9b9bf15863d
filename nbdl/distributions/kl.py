"""Kullback-Leibler divergence between two distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

from nbdl.core import Tensor
from nbdl.distributions.continuous import Laplace, Normal, Uniform
from nbdl.distributions.discrete import Bernoulli, Categorical
from nbdl.distributions.distribution import Distribution, Independent
from nbdl.distributions.gamma import Beta, Dirichlet, Gamma
from nbdl.distributions.multivariate import MultivariateNormal
from nbdl.errors import ArgumentError
from nbdl.ops.arithmetic import exp, log
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.diagonals import diagonal
from nbdl.ops.exponential import xlogy
from nbdl.ops.gamma import digamma, lgamma
from nbdl.ops.linalg_solving import solve_triangular
from nbdl.ops.movement import expand_dims
from nbdl.ops.powers import square
from nbdl.ops.rounding import abs
from nbdl.ops.selection import where

Rule = Callable[..., Tensor]
_RULES: dict[tuple[type, type], Rule] = {}


def register_kl(p: type, q: type) -> Callable[[Rule], Rule]:
    """Decorator: the divergence of distributions of class ``p`` from those of class ``q``."""

    def registered(rule: Rule) -> Rule:
        _RULES[p, q] = rule
        return rule

    return registered


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean under p of log p(x) - log q(x), in nats.  -> batch_shape.

    Raises ArgumentError for pairs without a closed form (``register_kl`` adds one).
    """
    for kind in type(p).__mro__:
        for other in type(q).__mro__:
            if (kind, other) in _RULES:
                return _RULES[kind, other](p, q)
    raise ArgumentError(
        f"no closed form is known for the divergence of {type(p).__name__} from "
        f"{type(q).__name__}",
        hint="a mean over samples: (p.log_prob(x) - q.log_prob(x)).mean(0), x = p.sample((1000,))",
    )


@register_kl(Normal, Normal)
def _normals(p: Normal, q: Normal) -> Tensor:
    ratio = square(p.scale / q.scale)
    return (ratio + square((p.loc - q.loc) / q.scale) - 1 - log(ratio)) / 2


@register_kl(Laplace, Laplace)
def _laplaces(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, abs(p.loc - q.loc)
    return -log(ratio) + distance / q.scale + ratio * exp(-distance / p.scale) - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Uniform, q: Uniform) -> Tensor:
    inside = (p.low >= q.low) & (p.high <= q.high)
    return where(inside, log((q.high - q.low) / (p.high - p.low)), math.inf)


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Bernoulli, q: Bernoulli) -> Tensor:
    a, b = p.probs, q.probs
    return xlogy(a, a) - xlogy(a, b) + xlogy(1 - a, 1 - a) - xlogy(1 - a, 1 - b)


@register_kl(Categorical, Categorical)
def _categoricals(p: Categorical, q: Categorical) -> Tensor:
    return total(xlogy(p.probs, p.probs) - xlogy(p.probs, q.probs), -1)


@register_kl(Gamma, Gamma)
def _gammas(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * log(p.rate / q.rate)
        + lgamma(b) - lgamma(a)
        + (a - b) * digamma(a)
        + (q.rate - p.rate) * (a / p.rate)
    )  # fmt: skip


@register_kl(Dirichlet, Dirichlet)
def _dirichlets(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    sum_a = total(a, -1)
    return (
        lgamma(sum_a) - lgamma(total(b, -1))
        - total(lgamma(a) - lgamma(b), -1)
        + total((a - b) * (digamma(a) - expand_dims(digamma(sum_a), -1)), -1)
    )  # fmt: skip


@register_kl(Beta, Beta)
def _betas(p: Beta, q: Beta) -> Tensor:
    return _dirichlets(p._both, q._both)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normals(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    log_det = total(log(diagonal(q.scale_tril)) - log(diagonal(p.scale_tril)), -1)
    spread = solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    offset = solve_triangular(q.scale_tril, expand_dims(q.loc - p.loc, -1), upper=False)
    n = p.loc.shape[-1]
    return log_det + (total(square(spread), (-2, -1)) + total(square(offset), (-2, -1)) - n) / 2


@register_kl(Independent, Independent)
def _independents(p: Independent, q: Independent) -> Tensor:
    if p.axes != q.axes:
        raise ArgumentError(f"kl_divergence: {p.axes} and {q.axes} axes are one draw")
    return p._add_up(kl_divergence(p.base, q.base))
