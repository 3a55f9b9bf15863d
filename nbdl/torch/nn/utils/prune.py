"""PyTorch's ``torch.nn.utils.prune``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.utils.prune import *
