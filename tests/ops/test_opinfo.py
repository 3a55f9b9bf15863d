"""PyTorch as judge: every float64 and complex128 sample of OpInfo, outputs and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.counterparts import NOT_UNIQUE
from tests.ops.counterparts_linalg import REAL_ONLY
from tests.ops.judging import COUNTERPARTS, infos, judge, ours, pairs, samples, theirs, torch

pytestmark = [pytest.mark.judge, pytest.mark.filterwarnings("ignore")]
INFOS = infos(torch.float64)
COMPLEX_INFOS = infos(torch.complex128)


def _check(info: Any, s: Any) -> None:
    expected = theirs(info, s)
    found = ours(info, s, expected)
    if info.name not in NOT_UNIQUE:
        for what, y, e in pairs(found, expected):
            np.testing.assert_allclose(y, e, rtol=1e-7, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("name", sorted(COUNTERPARTS))
def test_agrees_with_pytorch(name: str) -> None:
    assert INFOS[name], f"OpInfo has no {name}"
    for info in INFOS[name]:
        judge(name, info, samples(info, torch.float64), _check)


@pytest.mark.parametrize("name", [n for n in sorted(COUNTERPARTS) if n in COMPLEX_INFOS])
def test_complex_numbers_agree_with_pytorch(name: str) -> None:
    if name in REAL_ONLY:
        pytest.skip(f"nbdl's {name} takes real numbers only")
    for info in COMPLEX_INFOS[name]:
        judge(name, info, samples(info, torch.complex128), _check)
