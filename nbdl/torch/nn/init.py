"""PyTorch's ``torch.nn.init``."""

# ruff: noqa: F401, F403 - a face: names are here to be imported

from nbdl.nn.init import *
from nbdl.nn.init import _calculate_fan_in_and_fan_out  # used by many a reset_parameters
