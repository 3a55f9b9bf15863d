"""How tensors are printed, and what set_printoptions changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    nbdl.set_printoptions(profile="default")


def test_digits_elements_and_lines() -> None:
    x = nbdl.tensor([1.23456, 2.0])
    assert repr(x) == "tensor([1.2346, 2.0000])"
    nbdl.set_printoptions(precision=2)
    assert repr(x) == "tensor([1.23, 2.00])"
    nbdl.set_printoptions(threshold=5, edgeitems=1)
    assert repr(nbdl.arange(10)) == "tensor([0, ..., 9])"
    nbdl.set_printoptions(threshold=float("inf"), linewidth=20)
    assert repr(nbdl.arange(10)).count("\n") == 2
    assert nbdl.get_printoptions().precision == 2


def test_scientific_notation() -> None:
    x = nbdl.tensor([1e-6, 1.0])
    nbdl.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([1.0000e-06, 1.0000e+00])"
    nbdl.set_printoptions(sci_mode=False, precision=3)
    assert repr(x) == "tensor([0.000, 1.000])"
    assert repr(nbdl.arange(2)) == "tensor([0, 1])"


def test_profiles_are_pytorch_s() -> None:
    nbdl.set_printoptions(profile="full")
    assert "..." not in repr(nbdl.zeros(1000))
    nbdl.set_printoptions(profile="short")
    assert repr(nbdl.tensor([1.23456])) == "tensor([1.23])"
    nbdl.set_printoptions(profile="default")
    assert repr(nbdl.tensor([1.23456])) == "tensor([1.2346])"


def test_what_cannot_be_is_refused_and_numpy_s_options_stay() -> None:
    before = np.get_printoptions()
    with pytest.raises(ArgumentError, match="profile of set_printoptions"):
        nbdl.set_printoptions(profile="ful")
    with pytest.raises(ArgumentError, match="precision=-1"):
        nbdl.set_printoptions(precision=-1)
    nbdl.set_printoptions(precision=1, threshold=1)
    repr(nbdl.arange(5))
    assert np.get_printoptions() == before
