"""PyTorch's ``torch.optim.lr_scheduler``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.optim.lr_scheduler import *
