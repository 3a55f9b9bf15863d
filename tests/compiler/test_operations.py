"""Every operation of the table, compiled, gives what it gives eagerly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbdl import dtypes
from nbdl.compiler import CompiledStep
from nbdl.core import Op, Tensor, no_grad
from nbdl.core.tree import leaves
from tests.ops.core_operations import OPAQUE
from tests.ops.table import collect

CASES = [
    pytest.param(s.op, s.inputs, id=f"{name}-{i}")
    for name, found in collect().items()
    for i, s in enumerate(found)
    if name not in OPAQUE and not any(a.dtype.kind == "c" for a in s.inputs)
]
SPECIAL = (np.nan, np.inf, -np.inf, -0.0)


def _floats(inputs: tuple[Any, ...], dtype: type) -> list[np.ndarray]:
    return [np.array(a, dtype if a.dtype == np.float64 else a.dtype, order="C") for a in inputs]


def _compare(op: Op, step: CompiledStep, arrays: list[np.ndarray]) -> None:
    with no_grad(), np.errstate(all="ignore"):
        expected = leaves(op(*map(Tensor, arrays)))
        found: Any = step(arrays)
    several = found if isinstance(found, tuple) else (found,)
    for y, e in zip(several, expected, strict=True):
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        a, b = y.astype(np.float64), e.numpy().astype(np.float64)
        tolerance = 100 * dtypes.eps(e.dtype) if e.dtype in dtypes.FLOATS else 0.0
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=str(op))


@pytest.mark.parametrize(("op", "inputs"), CASES)
def test_compiled_operation(op: Op, inputs: tuple[Any, ...]) -> None:
    """Float32 with special values, one at a time, and float64."""
    step = CompiledStep(lambda *xs: op(*xs), {})
    _compare(op, step, _floats(inputs, np.float64))
    _compare(op, step, _floats(inputs, np.float32))
    if op.name.startswith("convolution"):
        return  # oneDNN passes by the zeros of padding, which NumPy multiplies with infinity
    for number in SPECIAL:
        for i, a in enumerate(inputs):
            if a.dtype == np.float64 and a.size:
                arrays = _floats(inputs, np.float32)
                arrays[i].reshape(-1)[a.size // 2] = number
                _compare(op, step, arrays)
