"""Eager operations on large arrays, which compiled code computes."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl.backends import onednn
from nbdl.compiler import eager
from nbdl.core.op import Op
from nbdl.errors import IndexRangeError, ShapeError
from nbdl.ops.activation import Sigmoid, SigmoidGrad, Silu
from nbdl.ops.activation_gelu import Gelu
from nbdl.ops.affine import ScaleShift, ScaleShiftGrad
from nbdl.ops.broadcasting import Sum
from nbdl.ops.contraction import Matmul
from nbdl.ops.convolution import Convolution
from nbdl.ops.diagonals import Tril
from nbdl.ops.embedding import EmbeddingTable
from nbdl.ops.gathering import Gather, Spread
from nbdl.ops.normalization import Standardize
from nbdl.ops.reduction import Max, Mean
from nbdl.ops.selection import Where
from nbdl.ops.softmax import LogSoftmax, Softmax

_rng = np.random.default_rng(0)


def _floats(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return _rng.standard_normal(shape).astype(dtype)


def _compare(op: Op, *arrays: np.ndarray, ulps: float = 16) -> None:
    """Compiled code gives new arrays that are the forward rule's."""
    with np.errstate(all="ignore"):
        found, expected = eager.run(op, list(arrays)), op.forward(np, *arrays)
    assert found is not None
    several = (found, expected) if isinstance(found, tuple) else ((found,), (expected,))
    for y, e in zip(*several, strict=True):
        assert (y.shape, y.dtype) == (np.shape(e), e.dtype)
        assert not any(np.shares_memory(y, a) for a in arrays)
        eps = np.finfo(y.dtype).eps
        size = np.abs(e[np.isfinite(e)]).max(initial=1)
        np.testing.assert_allclose(y, e, rtol=ulps * eps, atol=ulps * eps * size)
        np.testing.assert_array_equal(np.signbit(y[e == 0]), np.signbit(e[e == 0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("op", [
    Gelu(), Silu(), Sigmoid(), Softmax(1), LogSoftmax(1), Sum((0,)), Sum((0, 1)), Mean((1,), True),
    Max((1,)), Standardize((1,), 1e-5), Standardize((0,), 1e-5), Tril(1),
], ids=str)  # fmt: skip
def test_results_are_those_of_numpy(op: Op, dtype: Any) -> None:
    """256 ulp: sums of 200 numbers, and exponentials of numbers up to 4 of them."""
    x = _floats(96, 200, dtype=dtype)
    for a in (x, x.T, x[::2, 3:], x[:, ::-1]):
        _compare(op, a, ulps=256)


def test_broadcast_inputs() -> None:
    _compare(Softmax(1), np.broadcast_to(_floats(96, 1), (96, 200)), ulps=64)
    _compare(ScaleShift(), _floats(96, 200), _floats(200), _floats(96, 1))
    _compare(ScaleShiftGrad((0,)), _floats(96, 200), _floats(96, 200))
    mask = _floats(96, 200) > 0
    _compare(Where(), mask, _floats(96, 200), np.zeros((), np.float32))


@pytest.mark.parametrize(
    "op", [Gelu(), Silu(), Sigmoid(), Softmax(1), Max((1,)), Sum((1,))], ids=str
)
def test_special_numbers(op: Op) -> None:
    x = _floats(64, 256)
    numbers = [np.nan, np.inf, -np.inf, -0.0, 1e-40, -1e-42, 80.0]
    x[::8, : len(numbers)] = numbers
    x[1::8, 0], x[2::8, 1], x[3::8, 2] = np.nan, np.inf, -np.inf
    _compare(op, x, ulps=256)


def test_a_tensor_of_many_elements_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Op] = []
    monkeypatch.setattr("nbdl.core.op.compiled", lambda op, arrays: seen.append(op))
    x = nbdl.asarray(_floats(128, 128)).requires_grad_()
    nbdl.nn.functional.gelu(x).sum().backward()
    nbdl.nn.functional.gelu(x[:4, :4])
    assert [op.name for op in seen] == ["gelu", "gelu_grad"]


def test_errors_are_the_operations_own() -> None:
    x = nbdl.asarray(_floats(256, 256))
    with pytest.raises(ShapeError, match="matmul"):
        x @ nbdl.asarray(_floats(255, 256))
    assert eager.run(Matmul(), [_floats(256, 256), _floats(255, 256)]) is None


def test_several_threads_share_a_plan() -> None:
    op = SigmoidGrad()
    inputs = [[_floats(64, 300), _floats(64, 300)] for _ in range(4)]
    expected = [op.forward(np, *arrays) for arrays in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(100):
            if not np.allclose(eager.run(op, inputs[i]), expected[i], rtol=1e-5, atol=1e-6):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_plans_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eager, "KEPT", 4)
    monkeypatch.setattr(eager, "_plans", {})
    for n in range(20, 32):
        _compare(Silu(), _floats(n, n))
    assert len(eager._plans) == 4


def test_temporary_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eager, "ROOM", 100_000)
    monkeypatch.setattr(eager, "_plans", {})
    for n in range(30, 40):
        y = Convolution((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        eager.run(y, [_floats(2, 8, n, n), _floats(8, 8, 3, 3)])
        kept = [bound.nbytes for free in eager._plans.values() for bound in free or ()]
        assert sum(kept[:-1]) <= 100_000


def test_embedding_rows_are_added_up() -> None:
    ids = _rng.integers(0, 50, 300)
    _compare(EmbeddingTable(None, 50), ids, _floats(300, 40), ulps=64)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gathered_and_spread(axis: int, dtype: Any) -> None:
    x = _floats(20, 30, 40, dtype=dtype)
    index = _rng.integers(-x.shape[axis], x.shape[axis], x.shape)
    np.testing.assert_array_equal(
        Gather(axis).forward(np, x, index), np.take_along_axis(x, index, axis)
    )
    expected = np.zeros(x.shape, dtype)
    places = list(np.indices(x.shape))
    places[axis] = index
    np.add.at(expected, tuple(places), x)
    np.testing.assert_array_equal(Spread(axis, x.shape).forward(np, x, index), expected)
    index[3, 4, 5] = x.shape[axis]
    with pytest.raises(IndexRangeError):
        nbdl.take_along_axis(x, index, axis)


def test_import_loads_no_compiler() -> None:
    code = (
        "import sys, numpy as np, nbdl; x = nbdl.ones(8); (x + x).numpy();"
        "assert 'llvmlite' not in sys.modules and 'nbdl.compiler' not in sys.modules;"
        "nbdl.nn.functional.gelu(nbdl.ones(1 << 14)); assert 'llvmlite' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "available", lambda: False)
    monkeypatch.setattr(eager, "_plans", {})
    assert eager.run(Matmul(), [_floats(200, 200), _floats(200, 200)]) is None
    _compare(Softmax(1), _floats(100, 200).T, ulps=64)
