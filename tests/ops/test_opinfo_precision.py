"""PyTorch as judge in float32 and bfloat16, where the question is how exact a result is.

The right result is PyTorch's in the next wider dtype (float64, float32), of the same numbers.
nbdl may be as far from it as its dtype's arithmetic says: ``TERMS`` roundings of the largest
number, and four times what PyTorch's own result in that dtype is off, which says how sensitive
the problem is. Dtypes, and where NaN and infinities are, must be PyTorch's.

A few samples of each entry are judged, evenly chosen; all of them with NBDL_JUDGE=all, which
``make judge`` sets.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from tests.ops.counterparts import NOT_UNIQUE
from tests.ops.judging import (
    COUNTERPARTS,
    infos,
    judge,
    ours,
    pairs,
    samples,
    theirs,
    torch,
)

pytestmark = [pytest.mark.judge, pytest.mark.filterwarnings("ignore")]
AT_MOST = 10**6 if os.environ.get("NBDL_JUDGE") == "all" else 6
TERMS = 16
UNDERFLOW = 2.0**-53
"""PyTorch's Gaussian tails are 1 - erf, which rounds what is smaller to 0."""
WIDER = {torch.float32: torch.float64, torch.bfloat16: torch.float32}
TIES = {"argsort", "mode", "msort", "sort", "topk"}
"""Numbers of 8 bits are often equal, and which of them comes first is the library's choice: only
the values are compared, their places and gradients in float64."""
NAN_IN_PYTORCH = {"nn.functional.poisson_nll_loss"}
"""The gradient of a target 0, where Stirling's formula is masked: 0 in nbdl."""
KINKED = {"grid_sampler_3d": 3}
"""How many elements of a gradient may lie on the other side of a kink: of 637,560 coordinates
some fall between two voxels to the last bit."""
DRAWN = {"nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d"}
"""PyTorch draws other windows in a wider dtype."""
INFOS = {dtype: infos(dtype) for dtype in WIDER}


@pytest.mark.parametrize("name", sorted(COUNTERPARTS))
def test_float32(name: str) -> None:
    _judge(name, torch.float32)


@pytest.mark.parametrize("name", [n for n in sorted(COUNTERPARTS) if n in INFOS[torch.bfloat16]])
def test_bfloat16(name: str) -> None:
    _judge(name, torch.bfloat16)


def _judge(name: str, dtype: Any) -> None:
    for info in INFOS[dtype][name]:
        judge(name, info, _evenly(samples(info, dtype)), _check)


def _evenly(chosen: list[Any]) -> list[Any]:
    step = (len(chosen) - 1) / max(1, AT_MOST - 1)
    return chosen if len(chosen) <= AT_MOST else [chosen[round(i * step)] for i in range(AT_MOST)]


def _check(info: Any, s: Any) -> None:
    expected = theirs(info, s)
    found = ours(info, s, expected)
    exact = expected if info.name in DRAWN else theirs(info, s.transform(_wider))
    if info.name in NOT_UNIQUE:
        return
    for (what, y, e), (_, _, right) in zip(
        pairs(found, expected), pairs(found, exact), strict=True
    ):
        assert y.dtype == e.dtype, f"{what}: {y.dtype} instead of {e.dtype}"
        if info.name in TIES and (what == "gradient" or y.dtype.kind == "i"):
            continue
        if info.name in NAN_IN_PYTORCH:
            y = np.where(np.isnan(e), e, y)
        _close(y, e, right, what, KINKED.get(info.name, 0) if what == "gradient" else 0)


def _wider(x: Any) -> Any:
    if isinstance(x, torch.Tensor) and x.dtype in WIDER:
        return x.detach().to(WIDER[x.dtype]).requires_grad_(x.requires_grad)
    return x


def _close(y: np.ndarray, e: np.ndarray, exact: np.ndarray, what: str, others: int) -> None:
    eps = _eps(y.dtype)
    kind = np.complex128 if y.dtype.kind == "c" else np.float64
    y, e, exact = y.astype(kind), e.astype(kind), exact.astype(kind)
    size = np.abs(exact[np.isfinite(exact)])
    largest = max(np.max(size, initial=0), 1 if what == "gradient" else 0)
    judges = np.max(_distance(e, exact)[np.isfinite(e) & np.isfinite(exact)], initial=0)
    allowed = TERMS * eps * largest + 4 * judges + UNDERFLOW
    error = np.where(_same(y, e), 0, _distance(y, exact))
    if np.sum(~(error <= allowed)) > others:
        raise AssertionError(
            f"{what}: off by {np.max(error):.2g}, PyTorch by {judges:.2g}, "
            f"allowed {allowed:.2g} (largest {largest:.2g})"
        )


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(_same(a, b), 0, np.abs(a - b))


def _eps(dtype: Any) -> float:
    """The distance of 1 from the next number; 0 for integers and bools."""
    if dtype.kind in "biu":
        return 0.0
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)
