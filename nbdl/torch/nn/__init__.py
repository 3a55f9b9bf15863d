"""PyTorch's ``torch.nn``: the layers of ``nbdl.nn``, which have PyTorch's names already."""

# ruff: noqa: F401, F403 - a face: names are here to be imported

from nbdl.nn import *
from nbdl.torch.nn import functional, init, parameter, utils  # type: ignore[no-redef]
from nbdl.torch.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyConv1d,
    LazyConv2d,
    LazyConvTranspose2d,
    LazyLinear,
)
