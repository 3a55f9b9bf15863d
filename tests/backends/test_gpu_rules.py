"""Every sample of the table also with (pretended) CuPy arrays: forward and gradient."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import dtypes
from nbdl.core.tree import leaves
from nbdl.errors import DeviceError
from tests.ops.table import collect

CASES = [
    pytest.param(s, id=f"{name}-{i}")
    for name, found in collect().items()
    for i, s in enumerate(found)
]


def results(s, device: str) -> list[np.ndarray]:
    """Outputs, then the gradients of their sum."""
    xs = [nbdl.Tensor(a).to(device) for a in s.inputs]
    floats = [x.requires_grad_() for x in xs if x.dtype in dtypes.FLOATS]
    ys = list(leaves(s.op(*xs)))
    assert all(y.device.type == device for y in ys)
    found = [y.cpu().numpy() for y in ys]
    kept = [y for y in ys if y.requires_grad]
    if kept and s.options.get("order", 2):
        ones = [nbdl.ones_like(y) for y in kept]
        grads = nbdl.grad(kept, floats, ones, allow_unused=True)
        assert all(g is None or g.device.type == device for g in grads)
        found += [g.cpu().numpy() for g in grads if g is not None]
    return found


@pytest.mark.parametrize("s", CASES)
def test_same_result_on_the_gpu(gpu, s) -> None:
    cpu = results(s, "cpu")
    for y, e in zip(results(s, "cuda"), cpu, strict=True):
        assert type(y) is np.ndarray
        assert y.shape == e.shape
        assert np.allclose(y, e, rtol=1e-9, atol=1e-12, equal_nan=True)


DOORS = [
    lambda x: nbdl.pad(x, (1, 2), "reflect"),
    lambda x: nbdl.pad(x, (1, 2, 1, 0), "circular"),
    lambda x: nbdl.repeat(x, [1, 0, 2], axis=0),
    lambda x: nbdl.one_hot(x.argmax(1), 4),
    lambda x: nbdl.topk(x, 2)[0],
    lambda x: nbdl.sort(x, 0, descending=True),
    lambda x: x[[0, 2]],
    lambda x: x[x > 0],
    lambda x: x[:, np.array([1, 0])],
    lambda x: x[nbdl.tensor([2, 1]), 1:],
    lambda x: nbdl.take(x, [1, 1], axis=1),
    lambda x: nbdl.take_along_axis(x, np.array([[0], [1], [2]]), 1),
    lambda x: nbdl.cummax(x, 1)[0],
    lambda x: nbdl.unique(x),
    lambda x: nbdl.nonzero(x > 0)[1],
    lambda x: nbdl.scatter_add(x, 0, np.array([[0, 0, 1, 1]]), x),
    lambda x: nbdl.index_add(x, 0, [1, 1, 0], x),
    lambda x: nbdl.where(x > 0, x, 0.5),
    lambda x: nbdl.einsum("ij,kj->ik", x, x),
    lambda x: nbdl.median(x, 1),
    lambda x: nbdl.isin(x, [1.0, 2.0]),
    lambda x: nbdl.lerp(x, x * 2, 0.3),
    lambda x: nbdl.logaddexp2(x, 1.0),
    lambda x: nbdl.searchsorted(nbdl.sort(x, 1), x),
    lambda x: nbdl.nn.functional.gelu(x) + nbdl.nn.functional.softmax(x, 1),
]


@pytest.mark.parametrize("door", DOORS)
def test_functions_stay_on_the_gpu(gpu, door) -> None:
    x = nbdl.randn(3, 4, generator=nbdl.Generator(5))
    y = door(x.to("cuda"))
    assert y.device == "cuda:0"
    assert np.allclose(y.cpu().numpy(), door(x).numpy(), rtol=1e-6)


def test_two_devices_in_one_operation_are_named(gpu) -> None:
    with pytest.raises(DeviceError, match="cpu and cuda:0"):
        nbdl.ones(2) + nbdl.ones(2, device="cuda")


def test_numbers_follow_the_tensor_to_its_device(gpu) -> None:
    x = nbdl.ones(2, device="cuda")
    y = (x * 3 + 1) / 2
    y += 1
    y[0] = 7
    assert y.device == "cuda:0"
    assert y.cpu().tolist() == [7, 3]
    assert repr(x) == "tensor([1., 1.], device='cuda:0')"


def test_random_numbers_are_the_same_on_both(gpu) -> None:
    for make in (nbdl.rand, nbdl.randn):
        a = make(9, generator=nbdl.Generator(3))
        b = make(9, generator=nbdl.Generator(3), device="cuda")
        assert b.device == "cuda:0"
        assert np.allclose(a.numpy(), b.cpu().numpy(), rtol=1e-6)


def test_gradients_cross_devices(gpu) -> None:
    x = nbdl.tensor([1.0, 2.0], requires_grad=True)
    (x.to("cuda") * 3).sum().backward()
    assert x.grad.device == "cpu"
    assert x.grad.tolist() == [3, 3]
