"""Which dtype each operation runs in under autocast, judged by PyTorch."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core import op
from nbdl.errors import ArgumentError
from nbdl.ops.autocast import KINDS, active_dtype

F = nn.functional

CASES = {
    "matmul": (lambda n, F, a, b: a @ b, (4, 6), (6, 3)),
    "linear": (lambda n, F, a, b, c: F.linear(a, b, c), (4, 6), (3, 6), (3,)),
    "conv1d": (lambda n, F, a, b: F.conv1d(a, b), (2, 3, 8), (5, 3, 3)),
    "conv2d": (lambda n, F, a, b, c: F.conv2d(a, b, c), (2, 3, 8, 8), (5, 3, 3, 3), (5,)),
    "conv_transpose2d": (lambda n, F, a, b: F.conv_transpose2d(a, b), (2, 3, 8, 8), (3, 5, 3, 3)),
    "attention": (lambda n, F, *a: F.scaled_dot_product_attention(*a), *[(2, 5, 8)] * 3),
    "einsum": (lambda n, F, a, b: n.einsum("ij,jk->ik", a, b), (4, 6), (6, 3)),
    "relu": (lambda n, F, a: F.relu(a), (4, 6)),
    "add": (lambda n, F, a, b: a + b, (4, 6), (4, 6)),
    "gelu": (lambda n, F, a: F.gelu(a), (4, 6)),
    "max_pool": (lambda n, F, a: F.max_pool2d(a, 2), (2, 3, 8, 8)),
    "exp": (lambda n, F, a: n.exp(a), (4, 6)),
    "softmax": (lambda n, F, a: F.softmax(a, -1), (4, 6)),
    "log_softmax": (lambda n, F, a: F.log_softmax(a, -1), (4, 6)),
    "layer_norm": (lambda n, F, a: F.layer_norm(a, (6,)), (4, 6)),
    "batch_norm": (lambda n, F, a: F.batch_norm(a, None, None, training=True), (2, 3, 8, 8)),
    "sum": (lambda n, F, a: a.sum(), (4, 6)),
    "mean": (lambda n, F, a: a.mean(), (4, 6)),
    "pow": (lambda n, F, a: a**2, (4, 6)),
    "norm": (lambda n, F, a: n.linalg.vector_norm(a), (4, 6)),
    "prod": (lambda n, F, a: n.prod(a), (4, 6)),
    "mse_loss": (lambda n, F, a, b: F.mse_loss(a, b), (4, 6), (4, 6)),
    "smooth_l1": (lambda n, F, a, b: F.smooth_l1_loss(a, b), (4, 6), (4, 6)),
    "cross_entropy": (lambda n, F, a: F.cross_entropy(a, n.tensor([0, 1, 2, 3])), (4, 6)),
    "bce": (lambda n, F, a, b: F.binary_cross_entropy_with_logits(a, F.sigmoid(b)), (4, 6), (4, 6)),
}
WIDE_AS_ON_CUDA = {"exp", "softmax", "log_softmax", "layer_norm", "batch_norm", "sum", "mean",
                   "pow", "norm"}  # fmt: skip
"""PyTorch's autocast computes these in float32 on CUDA (all but batch norm and the mean), and
leaves them in half precision on the CPU; here they are float32 everywhere."""


@pytest.mark.judge
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_dtypes_and_numbers_are_pytorchs(name, half):
    torch = pytest.importorskip("torch")
    function, *shapes = CASES[name]
    arrays = [np.random.default_rng(i).normal(size=s).astype("f4") for i, s in enumerate(shapes)]
    ours, theirs = [nbdl.tensor(x) for x in arrays], [torch.tensor(x) for x in arrays]
    if half:
        ours, theirs = [x.to("bfloat16") for x in ours], [x.bfloat16() for x in theirs]
    with nbdl.autocast("bfloat16"):
        mine = function(nbdl, F, *ours)
    with torch.autocast("cpu", torch.bfloat16):
        judge = function(torch, torch.nn.functional, *theirs)
    expected = str(judge.dtype).removeprefix("torch.")
    if half and name in WIDE_AS_ON_CUDA:
        expected = "float32"
    assert str(mine.dtype) == expected
    np.testing.assert_allclose(
        mine.to("float32").numpy(), judge.float().numpy(), rtol=2e-2, atol=2e-2
    )


def test_gradients_and_weights_stay_float32():
    layer = nn.Linear(4, 2)
    with nbdl.autocast("float16"):
        y = layer(nbdl.ones((3, 4)))
        loss = (y**2).mean()
    assert (y.dtype, loss.dtype) == (nbdl.float16, nbdl.float32)
    loss.backward()
    assert layer.weight.dtype == layer.weight.grad.dtype == nbdl.float32


def test_float64_and_whole_numbers_are_left_alone():
    x, table = nbdl.ones((2, 2), dtype="float64"), nbdl.ones((5, 3))
    with nbdl.autocast():
        assert (x @ x).dtype == nbdl.float64
        assert F.embedding(nbdl.tensor([1, 2]), table).dtype == nbdl.float32


def test_a_block_is_of_its_thread_and_ends_with_an_error():
    seen = []
    with nbdl.autocast():
        thread = threading.Thread(target=lambda: seen.append(active_dtype()))
        thread.start()
        thread.join()
        assert active_dtype() == nbdl.bfloat16
    assert seen == [None]
    with pytest.raises(ZeroDivisionError), nbdl.autocast():
        raise ZeroDivisionError
    assert active_dtype() is None


def test_every_name_of_the_table_is_an_operation():
    names = {kind.__name__ for kind in op.registry.values()}
    assert not set(KINDS) - names


@pytest.mark.parametrize("wrong", ["float32", "int32", "half-ish"])
def test_what_is_no_half_precision(wrong):
    with pytest.raises(Exception, match=wrong) as caught:
        nbdl.autocast(wrong)
    assert isinstance(caught.value, (ArgumentError, nbdl.errors.NbdlError))
