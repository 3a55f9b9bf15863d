"""PyTorch's ``torch.nn.functional``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.functional import *
