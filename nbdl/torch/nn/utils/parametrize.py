"""PyTorch's ``torch.nn.utils.parametrize``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.utils.parametrize import *
