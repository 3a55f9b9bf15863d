"""Initialisers: ranges, moments and structure."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.random import Generator, default_generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError, NbdlError, ShapeError
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


def fit(x, name, *args):
    """How likely a deviation as large as that of ``x`` from the distribution is."""
    stats = pytest.importorskip("scipy.stats")
    return stats.kstest(x.astype(float).ravel(), getattr(stats, name)(*args).cdf).pvalue


FAN_IN, FAN_OUT = 300, 200


@pytest.mark.parametrize(
    ("function", "distribution"),
    [
        (lambda p: init.uniform_(p), ("uniform", 0, 1)),
        (lambda p: init.uniform_(p, -2, 6), ("uniform", -2, 8)),
        (lambda p: init.normal_(p), ("norm", 0, 1)),
        (lambda p: init.normal_(p, 3, 0.5), ("norm", 3, 0.5)),
        (lambda p: init.trunc_normal_(p), ("truncnorm", -2, 2)),
        (lambda p: init.trunc_normal_(p, 1, 2, 0, 7), ("truncnorm", -0.5, 3, 1, 2)),
        (lambda p: init.trunc_normal_(p, 0, 1, 5, 6), ("truncnorm", 5, 6)),
        (lambda p: init.trunc_normal_(p, 0, 1, -12, -10), ("truncnorm", -12, -10)),
        (lambda p: init.trunc_normal_(p, 0, 1, 10, 12), ("truncnorm", 10, 12)),
        (lambda p: init.trunc_normal_(p, 0, 1, -99, 99), ("norm", 0, 1)),
        (lambda p: init.xavier_uniform_(p, 2.0), ("uniform", -2 * (6 / 500) ** 0.5,
                                                   4 * (6 / 500) ** 0.5)),
        (lambda p: init.xavier_normal_(p), ("norm", 0, (2 / 500) ** 0.5)),
        (lambda p: init.kaiming_uniform_(p), ("uniform", -((6 / 300) ** 0.5),
                                               2 * (6 / 300) ** 0.5)),
        (lambda p: init.kaiming_uniform_(p, math.sqrt(5)), ("uniform", -(300**-0.5),
                                                             2 * 300**-0.5)),
        (lambda p: init.kaiming_normal_(p, 0.2, "fan_out"), ("norm", 0, (2 / 1.04 / 200) ** 0.5)),
        (lambda p: init.kaiming_normal_(p, nonlinearity="tanh"), ("norm", 0, 5 / 3 / 300**0.5)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_have_their_distribution(function, distribution, dtype):
    nbdl.manual_seed(1)
    p = nn.Parameter(nbdl.zeros((FAN_OUT, FAN_IN), dtype=dtype))
    assert function(p) is p
    x = p.numpy()
    assert x.dtype == dtype
    assert fit(x, *distribution) > 1e-3
    nbdl.manual_seed(1)
    np.testing.assert_array_equal(function(nn.Parameter(nbdl.zeros(x.shape, dtype=dtype))), x)
    assert (function(p).numpy() != x).mean() > 0.9


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["uniform_", "normal_", "trunc_normal_", "xavier_normal_",
                                  "kaiming_uniform_", "orthogonal_"])  # fmt: skip
def test_half_precision_has_the_same_moments(name, dtype):
    def filled(dtype):
        nbdl.manual_seed(0)
        return getattr(init, name)(nbdl.zeros((100, 100), dtype=dtype))

    x, y = (filled(d).numpy().astype(float) for d in (dtype, "float32"))
    assert filled(dtype).dtype == nbdl.dtypes.as_dtype(dtype)
    assert x.std() == pytest.approx(y.std(), rel=0.02)
    assert abs(x.mean() - y.mean()) < 0.02 * y.std() + 2**-8 * abs(y.mean())


def test_a_generator_of_one_s_own_is_drawn_from():
    for name, extra in [("uniform_", ()), ("normal_", ()), ("trunc_normal_", ()),
                        ("xavier_uniform_", ()), ("kaiming_normal_", ()), ("orthogonal_", ()),
                        ("sparse_", (0.5,))]:  # fmt: skip
        before = default_generator().state()
        x, y = (getattr(init, name)(nbdl.zeros((6, 4)), *extra, generator=Generator(7))
                for _ in range(2))  # fmt: skip
        np.testing.assert_array_equal(x.numpy(), y.numpy())
        assert default_generator().state() == before


@pytest.mark.parametrize(("a", "b"), [(-2, 2), (0.5, 0.6), (-1, 5), (8, 9), (40, 41)])
def test_truncated_normal_stays_inside(a, b):
    x = init.trunc_normal_(blank(100, 100), 0.0, 1.0, a, b).numpy()
    assert x.min() >= a
    assert x.max() <= b


@pytest.mark.judge
def test_what_is_not_drawn_is_pytorch_s():
    import torch

    theirs = torch.nn.init
    names = [*init._GAINS, "leaky_relu"]
    assert [init.calculate_gain(n) for n in names] == [theirs.calculate_gain(n) for n in names]
    assert init.calculate_gain("leaky_relu", 0.3) == theirs.calculate_gain("leaky_relu", 0.3)
    for name, shape, extra in [
        ("eye_", (3, 5), ()), ("eye_", (5, 3), ()), ("constant_", (2, 3), (7,)),
        ("ones_", (2,), ()), ("zeros_", (2,), ()), ("dirac_", (3, 2, 5), ()),
        ("dirac_", (2, 3, 4, 3), ()), ("dirac_", (6, 2, 3, 3, 3), (3,)),
    ]:  # fmt: skip
        ours = getattr(init, name)(Tensor(np.full(shape, 9.0)), *extra)
        expected = getattr(theirs, name)(torch.full(shape, 9.0), *extra)
        np.testing.assert_array_equal(ours.numpy(), expected.numpy(), err_msg=name)
    old = {n for n in theirs.__all__ if not n.endswith("_") and n != "calculate_gain"}
    for name in set(theirs.__all__) - old:  # the names without _ are deprecated there
        expected = inspect.signature(getattr(theirs, name)).parameters
        got = inspect.signature(getattr(init, name)).parameters
        assert list(got) == list(expected), name
        assert [p.default for p in got.values()] == [p.default for p in expected.values()], name


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: init.uniform_(blank(2), 3, 1), ArgumentError, "a <= b, got a=3, b=1"),
        (lambda: init.normal_(blank(2), 0, -1), ArgumentError, "std >= 0, got -1"),
        (lambda: init.trunc_normal_(blank(2), 0, 0), ArgumentError, "std > 0 and a < b, got std=0"),
        (lambda: init.trunc_normal_(blank(2), a=2, b=1), ArgumentError, "a=2, b=1"),
        (lambda: init.eye_(blank(2)), ShapeError, "2 axes, got shape"),
        (lambda: init.dirac_(blank(2, 2)), ShapeError, r"got shape \(2, 2\)"),
        (lambda: init.dirac_(blank(3, 2, 2), 2), ShapeError, "multiple of groups=2"),
        (lambda: init.dirac_(blank(3, 2, 2), 0), ArgumentError, "groups of at least 1"),
        (lambda: init.orthogonal_(blank(3)), ShapeError, "2 axes or more"),
        (lambda: init.sparse_(blank(3), 0.1), ShapeError, "2 axes, got shape"),
        (lambda: init.sparse_(blank(3, 3), 1.5), ArgumentError, "sparsity from 0 to 1, got 1.5"),
        (lambda: init.calculate_gain("leaky_relu", "x"), ArgumentError, "param='x' must be"),
        (lambda: init.normal_(nn.Linear(None, 2).weight), ArgumentError, "no shape yet"),
        (lambda: init.normal_(nbdl.zeros((2,), dtype="int64")), NbdlError, "int64"),
    ],
)
def test_what_cannot_be_filled_is_refused_in_words(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_fixed_values():
    assert init.constant_(blank(2), 7).tolist() == [7, 7]
    assert init.ones_(blank(1)).tolist() == [1]
    assert init.zeros_(init.ones_(blank(1))).tolist() == [0]
    assert init.eye_(blank(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_dirac_passes_channels_through():
    w = init.dirac_(blank(4, 2, 3, 3), groups=2).numpy()
    assert w.sum() == 4
    assert w[0, 0, 1, 1] == w[1, 1, 1, 1] == w[2, 0, 1, 1] == w[3, 1, 1, 1] == 1


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
    assert len({tuple(column == 0) for column in x.T}) > 1
    x = init.sparse_(blank(200, 50), 0.255, std=2.0).numpy()
    assert ((x == 0).sum(axis=0) == 51).all()
    assert fit(x[x != 0], "norm", 0, 2) > 1e-3


def test_orthogonal_matrices_have_no_preferred_direction():
    nbdl.manual_seed(0)
    first = np.array([init.orthogonal_(nbdl.zeros((2, 2))).numpy()[0] for _ in range(300)])
    assert fit(np.arctan2(*first.T), "uniform", -math.pi, 2 * math.pi) > 1e-3
