"""Additions and assignments by index in a fixed order: what a GPU does in deterministic mode."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

import nbdl
from nbdl import backends
from nbdl.backends import ordered
from nbdl.ops.sorting import bincount

rng = np.random.default_rng(0)

CASES = {
    "rows": ((5, 3), rng.integers(0, 5, 40)),
    "a pair": ((5, 3), (rng.integers(0, 5, 40), rng.integers(0, 3, 40))),
    "a grid": ((5, 3), (rng.integers(0, 5, (4, 6)),)),
    "a slice between": ((5, 4, 3), (rng.integers(0, 5, 7), slice(1, 3), rng.integers(0, 3, 7))),
    "an ellipsis": ((5, 4, 3), (..., rng.integers(0, 3, 9))),
    "a mask": ((5, 3), rng.random((5, 3)) > 0.5),
    "none": ((5, 3), np.zeros(0, int)),
    "rows of nothing": ((5, 0), np.array([1, 1])),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("contiguous", [True, False])
def test_it_adds_as_numpy_does(name, contiguous):
    shape, index = CASES[name]
    total = rng.integers(0, 9, shape).astype(np.float32)
    total = total if contiguous else np.asfortranarray(total)
    values = rng.integers(-9, 9, total[index].shape).astype(np.float32)
    expected = total.copy()
    np.add.at(expected, index, values)
    ordered.add_at(np, total, index, values)
    np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("name", CASES)
def test_the_last_of_several_is_assigned(name):
    shape, index = CASES[name]
    total = rng.normal(size=shape)
    for values in (rng.normal(size=total[index].shape), 3.0):
        expected = total.copy()
        expected[index] = values
        ordered.put_at(np, total, index, values)
        np.testing.assert_array_equal(total, expected)


@pytest.fixture
def gpu(monkeypatch):
    """A library that is not NumPy but does as it does, and what its atomic additions were given."""
    calls = []

    def atomic(total, index, values):
        calls.append(total.shape)
        np.add.at(total, index, values)

    monkeypatch.setattr(backends.cuda, "scatter_add", atomic)
    return SimpleNamespace(**{k: getattr(np, k) for k in dir(np) if k[0] != "_"}), calls


@pytest.mark.parametrize("mode", [False, True])
def test_atomic_additions_are_made_only_where_order_does_not_matter(gpu, mode, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    xp, calls = gpu
    total = np.zeros((3, 2), np.float32)
    nbdl.use_deterministic_algorithms(mode)
    try:
        assert nbdl.are_deterministic_algorithms_enabled() is mode
        backends.add_at(xp, total, np.array([1, 1, 2]), np.ones((3, 2), np.float32))
        backends.put_at(xp, total, np.array([0, 0]), np.array([[5.0] * 2, [7.0] * 2]))
    finally:
        nbdl.use_deterministic_algorithms(False)
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert total.tolist() == [[7, 7], [2, 2], [1, 1]]
    assert bool(calls) is not mode


def test_weights_are_counted_in_order(gpu, monkeypatch):
    xp, calls = gpu
    monkeypatch.setattr(backends, "namespace", lambda value: xp)
    monkeypatch.setattr(backends.cuda, "to_host", lambda value: value)
    found = bincount(nbdl.tensor([0, 2, 2]), nbdl.tensor([0.5, 1.0, 2.0]), minlength=4)
    assert found.value.tolist() == [0.5, 0.0, 3.0, 0.0]
    assert calls


def test_a_thread_may_have_its_own_mode():
    seen = []

    def work():
        ordered.take_mode(True)
        seen.append(nbdl.are_deterministic_algorithms_enabled())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (seen, nbdl.are_deterministic_algorithms_enabled()) == ([True], False)
