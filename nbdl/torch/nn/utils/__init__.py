"""PyTorch's ``torch.nn.utils``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.utils import *
