"""Devices: clear errors without CuPy or a GPU; the same results with them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import nbdl
from nbdl import backends
from nbdl.backends import Device
from nbdl.errors import DeviceError, MissingError


def has_gpu() -> bool:
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    return bool(cupy.cuda.is_available())


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_without_cupy_the_error_says_what_to_install() -> None:
    for ask in (lambda: nbdl.ones(2, device="cuda"), lambda: nbdl.ones(2).cuda(),
                lambda: nbdl.set_default_device("cuda:1")):  # fmt: skip
        with pytest.raises(MissingError, match=r"needs CuPy(.|\n)*pip install 'nbdl\[cuda12\]'"):
            ask()
    assert nbdl.default_device() == "cpu"


class _NoGpu:
    """CuPy as it answers on a machine without a GPU."""

    class cuda:
        class runtime:
            getDeviceCount = staticmethod(lambda: 0)

        is_available = staticmethod(lambda: False)


def test_with_cupy_but_without_a_gpu_the_error_says_so(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", lambda name: _NoGpu)
    with pytest.raises(DeviceError, match="no NVIDIA GPU was found"):
        nbdl.ones(2).to("cuda")


def test_names_of_devices() -> None:
    assert Device("cuda") == "cuda:0"
    assert Device("cuda", 1).index == 1
    assert nbdl.ones(1).device == "cpu"
    with pytest.raises(DeviceError, match=r"unknown device 'gpu'(.|\n)*'cuda'"):
        nbdl.ones(2, device="gpu")


def test_meta_is_a_device_without_data() -> None:
    assert nbdl.ones((2, 3)).to("meta").shape == (2, 3)
    assert nbdl.empty_spec((2,)).to("cpu").device == "meta"  # there is nothing to move


def test_no_floating_point_warnings_and_numpys_own_settings_stay() -> None:
    with np.errstate(all="raise"):
        assert nbdl.log(nbdl.tensor([0.0])).item() == -np.inf
        assert nbdl.exp(nbdl.tensor([1e4])).item() == np.inf
        with pytest.raises(FloatingPointError):
            np.log(np.zeros(1))
        with pytest.raises(nbdl.errors.ShapeError):
            nbdl.ones(2) + nbdl.ones(3)
        with pytest.raises(FloatingPointError):  # also after an error inside an operation
            np.log(np.zeros(1))


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="no CuPy with a GPU")
def test_to_device_moves_values_and_gradients() -> None:
    x = nbdl.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("cuda") * 3
    assert y.device == "cuda:0"
    y.sum().backward()
    assert x.grad.device == "cpu"
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(DeviceError, match="cpu and cuda:0"):
        x + y


@pytest.mark.parametrize(
    "index",
    [
        np.arange(2000) % 7,
        (np.array([1, -1, 1]), slice(None, None, 2)),
        (slice(1, 3), np.array([0, -4, 0])),
        (Ellipsis, np.zeros(40, int)),
        (np.zeros(300, int), slice(None), np.ones(300, int)),
        (None, 2, np.ones((1, 5), int)),
        (np.array([True, False, True, False, False, False, True]), slice(1)),
    ],
)
def test_add_at_of_many_values_is_numpys(index):
    shape = (7, 4, 300)
    ours, numpys = np.zeros(shape), np.zeros(shape)
    values = np.random.default_rng(0).random(ours[index].shape)
    backends.add_at(np, ours, index, values)
    np.add.at(numpys, index, values)
    np.testing.assert_array_equal(ours, numpys)
