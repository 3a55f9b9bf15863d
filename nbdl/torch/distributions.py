"""PyTorch's ``torch.distributions``: those of ``nbdl.distributions``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.distributions import *
