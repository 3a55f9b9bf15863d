"""PyTorch's ``torch.nn.utils``."""

# ruff: noqa: F401, F403 - a face: names are here to be imported

from nbdl.nn.utils import *
from nbdl.torch.nn.utils import parametrizations, parametrize, prune, rnn  # type: ignore[no-redef]
