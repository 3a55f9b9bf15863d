"""PyTorch's ``torch.nn.utils.rnn``."""

# ruff: noqa: F403 - a face: names are here to be imported

from nbdl.nn.utils.rnn import *
