"""PyTorch's ``torch.nn``: the layers of ``nbdl.nn``, which have PyTorch's names already."""

# ruff: noqa: F401, F403 - a face: names are here to be imported

from nbdl.nn import *

# isort: split
# The star brings nbdl.nn's own functional, init and utils: PyTorch's take their places.
import nbdl.torch.nn.functional as functional  # type: ignore[no-redef]
import nbdl.torch.nn.init as init  # type: ignore[no-redef]
import nbdl.torch.nn.parameter as parameter
import nbdl.torch.nn.utils as utils  # type: ignore[no-redef]
from nbdl.torch.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyConvTranspose1d,
    LazyConvTranspose2d,
    LazyConvTranspose3d,
    LazyInstanceNorm1d,
    LazyInstanceNorm2d,
    LazyInstanceNorm3d,
    LazyLinear,
)
