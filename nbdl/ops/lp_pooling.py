"""Pooling by the p-norm of each window."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.ops.conversion import floats
from nbdl.ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d
from nbdl.ops.windows import Size
from nbdl.shapes import as_tuple

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d"]

_AVERAGE = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}


def _norm(n: int, input: Any, p: float, kernel: Size, stride: Any, ceil_mode: bool) -> Tensor:
    if p == 0:
        raise ArgumentError(f"lp_pool{n}d: norm_type=0 has no root", hint="norm_type=2")
    mean = _AVERAGE[n](floats(input) ** p, kernel, stride, 0, ceil_mode)
    places = math.prod(as_tuple(kernel, n, "kernel_size"))
    return (mean * places) ** (1 / p)


def lp_pool1d(
    input: Any,
    norm_type: float,
    kernel_size: int,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) of each window.  input: (N, C, L) -> y: (N, C, L').  See lp_pool2d."""
    return _norm(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Any,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) of each window, p being ``norm_type``.

    input: (N, C, H, W) -> y: (N, C, H', W'). p = 1 is a sum, p towards infinity the maximum.
    Sizes as max_pool2d's. As in PyTorch no absolute value is taken: a p that is not whole is for
    inputs that are not negative; where a window is all zeros the slope for p > 1 is NaN.
    """
    return _norm(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Any,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) of each window.  input: (N, C, D, H, W) -> y: (N, C, D', H', W')."""
    return _norm(3, input, norm_type, kernel_size, stride, ceil_mode)
