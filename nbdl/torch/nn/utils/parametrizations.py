"""PyTorch's ``torch.nn.utils.parametrizations``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.utils.parametrizations import *
