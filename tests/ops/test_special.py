"""Special functions of several arguments: derivatives, limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, DtypeError, GradientError
from nbdl.testing import check_grad

A, X = np.array([0.5, 1.5, 3.0]), np.array([0.3, 2.0, 2.5])


@pytest.mark.parametrize("function", [nbdl.igamma, nbdl.igammac, lambda a, x: nbdl.zeta(a + 1, x)])
def test_derivative_by_the_second_argument(function) -> None:
    assert check_grad(lambda x: function(nbdl.tensor(A), x), X)


@pytest.mark.parametrize("function", [nbdl.igamma, nbdl.igammac, nbdl.zeta])
def test_derivative_by_the_first_argument_is_refused_not_silently_zero(function) -> None:
    a = nbdl.tensor(A + 1, requires_grad=True)
    with pytest.raises(GradientError, match="no derivative by"):
        function(a, X).sum().backward()


def test_values_at_the_ends() -> None:
    inf = float("inf")
    x = nbdl.tensor([0.0, inf])
    assert nbdl.lgamma(x).tolist() == [inf, inf]
    assert nbdl.igamma(1.0, x).tolist() == [0, 1]
    assert nbdl.ndtri(nbdl.tensor([0.0, 0.5, 1.0])).tolist() == [-inf, 0, inf]
    assert nbdl.bessel_y0(nbdl.tensor(0.0)).item() == -inf
    assert nbdl.i1(nbdl.tensor(0.0)).item() == 0
    x = nbdl.tensor(0.0, requires_grad=True)
    assert nbdl.grad(nbdl.i1(x), x)[0].item() == 0.5


def test_whole_numbers_become_floats_and_complex_ones_are_refused() -> None:
    assert nbdl.digamma(nbdl.tensor([1, 2])).dtype == nbdl.float32
    with pytest.raises(DtypeError, match="lgamma"):
        nbdl.lgamma(nbdl.tensor([1j]))


def test_orders_that_do_not_exist() -> None:
    with pytest.raises(ArgumentError, match="n=-1"):
        nbdl.polygamma(-1, 1.0)
    with pytest.raises(ArgumentError, match="p=0"):
        nbdl.mvlgamma(3.0, 0)
