"""What the compiler puts in the place of composite operations gives what they give themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl.autograd.checkpoint  # noqa: F401  (it has an operation of its own)
from nbdl import dtypes
from nbdl.core import Op, Tensor, no_grad
from nbdl.core.modes import observe
from nbdl.core.tree import leaves
from nbdl.ops import cross_entropy, recurrent_lstm, reduction, statistics, without_nan
from nbdl.ops.families import Elementwise
from nbdl.shapes import Spec
from tests.ops.core_operations import CORE, OPAQUE, PARTLY
from tests.ops.table import collect
from tests.ops.test_every_op import ours

TABLE = collect()
KINDS = [np.dtype(np.float64), dtypes.float32, dtypes.float16, dtypes.bfloat16]


def is_decomposed(op: type[Op]) -> bool:
    return op.decompose is not Op.decompose


def is_core(op: Op) -> bool:
    return op.name in CORE or (isinstance(op, Elementwise) and op.kernel is not None)


CASES = [
    pytest.param(s.op, s.inputs, id=f"{name}-{i}")
    for name, found in TABLE.items()
    for i, s in enumerate(found)
    if is_decomposed(type(s.op))
]


def _tensors(inputs: tuple[Any, ...], dtype: np.dtype) -> list[Tensor]:
    return [Tensor(a.astype(dtype) if a.dtype == np.float64 else a) for a in inputs]


def _compare(op: Op, tensors: list[Tensor]) -> None:
    """Equal but for rounding: each of some dozen operations may be off by half a unit."""
    with no_grad(), np.errstate(all="ignore"):
        found = op.decompose(*tensors)
        expected = op(*tensors)
    if found is None:
        return
    assert isinstance(found, tuple) == isinstance(expected, tuple)
    for y, e in zip(leaves(found), leaves(expected), strict=True):
        assert y.spec == e.spec
        a, b = (v.numpy().astype(np.float64) for v in (y, e))
        unit = dtypes.eps(e.dtype) if e.dtype in dtypes.FLOATS else 0.0
        tolerance = unit * (1 if e.dtype in dtypes.HALVES else 32)
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=str(op))


@pytest.mark.parametrize("dtype", KINDS, ids=str)
@pytest.mark.parametrize(("op", "inputs"), CASES)
def test_decomposition_gives_what_forward_gives(op, inputs, dtype) -> None:
    _compare(op, _tensors(inputs, dtype))


@pytest.mark.parametrize(("op", "inputs"), CASES)
def test_decomposition_of_special_values(op, inputs) -> None:
    """One element at a time of each input is NaN, infinite, large, a denormal or -0."""
    for number in (np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, -0.0):
        for i, a in enumerate(inputs):
            if a.dtype == np.float64 and a.size:
                special = a.astype(np.float32)
                special.reshape(-1)[a.size // 2] = number
                _compare(op, _tensors((*inputs[:i], special, *inputs[i + 1 :]), dtypes.float32))


@pytest.mark.parametrize(("op", "inputs"), CASES)
def test_decomposition_needs_no_values_and_ends_in_core_operations(op, inputs) -> None:
    left: list[Op] = []
    specs = [Spec(a.shape, a.dtype) for a in inputs]
    with no_grad():
        found = _repeated(op, [Tensor(s) for s in specs], left)
        expected = op(*map(Tensor, specs))
    assert [y.spec for y in leaves(found)] == [y.spec for y in leaves(expected)]
    assert {o.name for o in left if not is_core(o)} <= {op.name} & set(PARTLY)


def _repeated(op: Op, inputs: list[Tensor], left: list[Op]) -> Any:
    """The decomposition of ``op``, and of everything in it; ``left`` gets what has none."""
    called: list[tuple[Op, tuple[Tensor, ...]]] = []
    with observe(lambda op, inputs, outputs, node: called.append((op, inputs))):
        found = op.decompose(*inputs)
    if found is None:
        left.append(op)
        return op(*inputs)
    for inner, given in called:
        _repeated(inner, list(given), left)
    return found


def test_what_loops_do_not_compute_stays_as_it_is() -> None:
    """Complex numbers, losses of no classes, and sequences that would be a thousand steps."""
    z = Tensor(Spec((2, 3), np.dtype(np.complex64)))
    for op in (reduction.LogSumExp((1,)), statistics.Var((1,)), statistics.Std((1,)),
               statistics.VectorNorm((1,)), without_nan.NanToNum(0.0, None, None)):  # fmt: skip
        assert op.decompose(z) is None
    long, h, w = (Tensor(Spec(s, dtypes.float32)) for s in ((1000, 2, 8), (2, 2), (8, 2)))
    assert recurrent_lstm.LSTMLayer(False).decompose(long, h, h, w) is None
    x, target = Tensor(Spec((2, 0), dtypes.float32)), Tensor(Spec((2,), dtypes.int64))
    assert cross_entropy.CrossEntropy("mean", -100, 0.0).decompose(x, target) is None


def test_every_operation_is_core_decomposed_or_excused() -> None:
    core = {
        n for n, op in ours().items()
        if n in CORE or (issubclass(op, Elementwise) and op.kernel is not None)
    }
    decomposed = {n for n, op in ours().items() if is_decomposed(op)}
    assert set(ours()) - core - decomposed - set(OPAQUE) == set(), "give it a decomposition"
    assert set(OPAQUE) & (core | decomposed) == set()
    assert set(PARTLY) <= decomposed - core
    assert set(CORE) | set(OPAQUE) <= set(ours())
