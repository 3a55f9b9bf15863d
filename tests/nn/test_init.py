"""Initialisers: ranges, moments and structure."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError, ShapeError
from nbdl.nn import init


def blank(*shape: int) -> nn.Parameter:
    nbdl.manual_seed(0)
    return nn.Parameter(Tensor(np.zeros(shape, np.float32)))


def test_functions_fill_in_place_and_keep_the_leaf():
    p = blank(3, 4)
    assert init.uniform_(p) is p
    assert p.requires_grad
    assert p.is_leaf
    assert p.dtype == np.float32


def test_a_part_of_a_parameter_is_initialised_through_data():
    p = blank(4, 2)
    init.ones_(p.data[1:3])
    init.constant_(p.data[3], 5)
    assert p.tolist() == [[0, 0], [1, 1], [1, 1], [5, 5]]
    with pytest.raises(GradientError, match=r"GetItem made(.|\n)*init.zeros_\(p.data\[0\]\)"):
        init.ones_(p[1])


def test_uniform_and_normal_have_their_moments():
    x = init.uniform_(blank(100, 100), -2, 6).numpy()
    assert x.min() >= -2
    assert x.max() < 6
    assert abs(x.mean() - 2) < 0.1
    y = init.normal_(blank(100, 100), 3, 0.5).numpy()
    assert abs(y.mean() - 3) < 0.02
    assert abs(y.std() - 0.5) < 0.02
    with pytest.raises(ArgumentError, match="std >= 0"):
        init.normal_(blank(2), 0, -1)


@pytest.mark.parametrize(("a", "b"), [(-2, 2), (0.5, 0.6), (-1, 5)])
def test_truncated_normal_stays_inside_and_has_the_right_mean(a, b):
    x = init.trunc_normal_(blank(100, 100), 0.0, 1.0, a, b).numpy()
    assert x.min() >= a
    assert x.max() <= b
    density = lambda v: math.exp(-v * v / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    below = lambda v: (1 + math.erf(v / math.sqrt(2))) / 2  # noqa: E731
    expected = (density(a) - density(b)) / (below(b) - below(a))
    assert abs(x.mean() - expected) < 0.03


def test_fixed_values():
    assert init.constant_(blank(2), 7).tolist() == [7, 7]
    assert init.ones_(blank(1)).tolist() == [1]
    assert init.zeros_(init.ones_(blank(1))).tolist() == [0]
    assert init.eye_(blank(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ShapeError, match="2 axes, got shape"):
        init.eye_(blank(2))


def test_dirac_passes_channels_through():
    w = init.dirac_(blank(4, 2, 3, 3), groups=2).numpy()
    assert w.sum() == 4
    assert w[0, 0, 1, 1] == w[1, 1, 1, 1] == w[2, 0, 1, 1] == w[3, 1, 1, 1] == 1


@pytest.mark.parametrize(
    ("function", "std"),
    [
        (lambda p: init.xavier_uniform_(p, 2.0), 2 * math.sqrt(2 / (300 + 200))),
        (lambda p: init.xavier_normal_(p), math.sqrt(2 / (300 + 200))),
        (lambda p: init.kaiming_uniform_(p, nonlinearity="relu"), math.sqrt(2 / 300)),
        (lambda p: init.kaiming_normal_(p, mode="fan_out", a=0.2), math.sqrt(2 / 1.04 / 200)),
    ],
)
def test_variances_follow_the_fans(function, std):
    x = function(blank(200, 300)).numpy()
    assert abs(x.std() / std - 1) < 0.02
    assert abs(x.mean()) < 0.05 * std


def test_fans_count_the_window_and_need_two_axes():
    assert init._calculate_fan_in_and_fan_out(blank(4, 3, 5, 5)) == (75, 100)
    with pytest.raises(ShapeError, match="2 axes or more"):
        init.xavier_uniform_(blank(3))
    with pytest.raises(ArgumentError, match="unknown mode 'fan_inn'; did you mean 'fan_in'"):
        init.kaiming_normal_(blank(3, 3), mode="fan_inn")
    with pytest.raises(ArgumentError, match="unknown nonlinearity"):
        init.calculate_gain("rellu")


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal_is(shape):
    x = init.orthogonal_(blank(*shape), gain=2).numpy().reshape(shape[0], -1).astype(float)
    small = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_sparse_leaves_a_share_of_zeros_in_each_column():
    x = init.sparse_(blank(10, 6), 0.3).numpy()
    assert ((x == 0).sum(axis=0) == 3).all()


def test_gains():
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)
