"""PyTorch's ``torch.nn.init``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.init import *
