"""Distributions: draws (with gradients where they have any), log-probabilities, entropy, KL.

Names and arguments are PyTorch's ``torch.distributions``.
"""

from nbdl.distributions.continuous import Laplace, Normal, StudentT, Uniform
from nbdl.distributions.discrete import Bernoulli, Categorical
from nbdl.distributions.distribution import Distribution, Independent
from nbdl.distributions.gamma import Beta, Dirichlet, Gamma
from nbdl.distributions.kl import kl_divergence, register_kl
from nbdl.distributions.mixture import MixtureSameFamily
from nbdl.distributions.multivariate import MultivariateNormal

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Dirichlet",
    "Distribution",
    "Gamma",
    "Independent",
    "Laplace",
    "MixtureSameFamily",
    "MultivariateNormal",
    "Normal",
    "StudentT",
    "Uniform",
    "kl_divergence",
    "register_kl",
]
