"""Keras's initializers: their distributions, fans of Keras's layout, names and configurations."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras import initializers, layers

IN, OUT = 300, 200
SHRUNK = 0.87962566103423978
"""Standard deviation of a normal distribution cut off at two of its own."""


def fit(x, name, *args):
    """How likely a deviation as large as that of ``x`` from the distribution is."""
    stats = pytest.importorskip("scipy.stats")
    return stats.kstest(x.astype(float).ravel(), getattr(stats, name)(*args).cdf).pvalue


def uniform(limit):
    return "uniform", -limit, 2 * limit


def truncated(variance):
    return "truncnorm", -2, 2, 0, math.sqrt(variance) / SHRUNK


DRAWN = [
    (initializers.RandomUniform(), uniform(0.05)),
    (initializers.RandomUniform(-1, 3), ("uniform", -1, 4)),
    (initializers.RandomNormal(), ("norm", 0, 0.05)),
    (initializers.RandomNormal(1.0, 2.0), ("norm", 1, 2)),
    (initializers.TruncatedNormal(1.0, 2.0), ("truncnorm", -2, 2, 1, 2)),
    (initializers.VarianceScaling(), truncated(1 / IN)),
    (initializers.VarianceScaling(3.0, "fan_out", "uniform"), uniform((9 / OUT) ** 0.5)),
    (initializers.VarianceScaling(3.0, "fan_avg", "untruncated_normal"),
     ("norm", 0, (3 / 250) ** 0.5)),
    (initializers.GlorotUniform(), uniform((6 / (IN + OUT)) ** 0.5)),
    (initializers.GlorotNormal(), truncated(2 / (IN + OUT))),
    (initializers.HeUniform(), uniform((6 / IN) ** 0.5)),
    (initializers.HeNormal(), truncated(2 / IN)),
    (initializers.LecunUniform(), uniform((3 / IN) ** 0.5)),
    (initializers.LecunNormal(), truncated(1 / IN)),
]  # fmt: skip


@pytest.mark.parametrize(("initializer", "distribution"), DRAWN)
def test_numbers_have_their_distribution(initializer, distribution):
    nbdl.manual_seed(0)
    x = initializer((IN, OUT))
    assert (x.shape, x.dtype) == ((IN, OUT), np.float32)
    assert fit(x, *distribution) > 1e-3
    nbdl.manual_seed(0)
    np.testing.assert_array_equal(initializer((IN, OUT)), x)
    assert (initializer((IN, OUT)) != x).any()


@pytest.mark.parametrize("initializer", [i for i, _ in DRAWN] + [initializers.Orthogonal()])
def test_a_seed_gives_the_same_numbers_at_each_call_and_disturbs_nobody(initializer):
    seeded = initializer.from_config({**initializer.get_config(), "seed": 3})
    before = nbdl.core.random.default_generator().state()
    np.testing.assert_array_equal(seeded((4, 5)), seeded((4, 5)))
    assert nbdl.core.random.default_generator().state() == before
    other = initializer.from_config({**initializer.get_config(), "seed": 4})
    assert (seeded((4, 5)) != other((4, 5))).any()


def test_fans_are_those_of_channels_last():
    assert initializers.fans((3, 3, 16, 32)) == (144, 288)
    assert initializers.fans((10,)) == (10, 10)
    assert initializers.fans(()) == (1, 1)
    limit = (6 / (144 + 288)) ** 0.5
    assert fit(initializers.GlorotUniform(1)((3, 3, 16, 32)), *uniform(limit)) > 1e-3


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 2, 4), (4, 4)])
def test_orthogonal_is(shape):
    x = initializers.Orthogonal(gain=2.0, seed=1)(shape).reshape(-1, shape[-1]).astype(float)
    small = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_fixed_values():
    np.testing.assert_array_equal(initializers.Zeros()((2, 1)), [[0], [0]])
    np.testing.assert_array_equal(initializers.Ones()((2,)), [1, 1])
    np.testing.assert_array_equal(initializers.Constant(3)((2,)), [3, 3])
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])
    assert initializers.Ones()((2,), dtype="float64").dtype == np.float64


@pytest.mark.parametrize("name", sorted(initializers.INITIALIZERS))
def test_names_and_configurations_lead_to_the_same(name):
    cls = initializers.INITIALIZERS[name]
    made = initializers.get(name)
    assert type(made) is cls is type(initializers.get(cls))
    again = initializers.get(initializers.serialize(made))
    assert type(again) is cls
    assert repr(again) == repr(made)
    assert type(initializers.get(cls.__name__)) is cls
    assert initializers.get(made) is made


def test_all_of_keras_s_are_here():
    keras = {"Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
             "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones",
             "Orthogonal", "OrthogonalInitializer", "RandomNormal", "RandomUniform",
             "TruncatedNormal", "VarianceScaling", "Zeros", "deserialize", "get",
             "serialize"}  # fmt: skip
    assert keras <= set(dir(initializers))


def test_a_layer_takes_them_in_any_spelling():
    for given in ("he_normal", "HeNormal", initializers.HeNormal(), initializers.HeNormal):
        nbdl.manual_seed(0)
        layer = layers.Dense(50, kernel_initializer=given, bias_initializer="ones")
        layer.build((None, 40))
        kernel, bias = layer.get_weights()
        nbdl.manual_seed(0)
        np.testing.assert_array_equal(kernel, initializers.HeNormal()((40, 50)))
        assert (bias == 1).all()
    layer = layers.Dense(2, kernel_initializer=lambda shape, dtype=None: np.full(shape, 7.0))
    layer.build((None, 3))
    assert (layer.get_weights()[0] == 7).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: initializers.get("he_norml"), ArgumentError, "did you mean 'he_normal'"),
        (lambda: initializers.get(3), ArgumentError, "must be a name or a function, got 3"),
        (lambda: initializers.get({"name": "x"}), ArgumentError, "no initializer's configuration"),
        (lambda: initializers.VarianceScaling(-1), ArgumentError, "scale=-1 must be positive"),
        (lambda: initializers.VarianceScaling(mode="fan"), ArgumentError, "mode='fan' one of"),
        (lambda: initializers.VarianceScaling(distribution="n"), ArgumentError, "distribution='n'"),
        (lambda: initializers.Identity()((2, 2, 2)), ShapeError, r"2 axes, got \(2, 2, 2\)"),
        (lambda: initializers.Orthogonal()((2,)), ShapeError, r"2 axes or more, got \(2,\)"),
    ],
)
def test_wrong_ones_are_refused_in_words(make, error, words):
    with pytest.raises(error, match=words):
        make()
