"""Verification: what rounding explains, and a planted error that it does not."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler import MismatchError, compare, longest_sum
from nbdl.compiler.verify import tolerance
from nbdl.errors import MistakeWarning
from nbdl.ops.activation import Sigmoid
from tests.compiler.graphs import traced

F32 = np.dtype(np.float32)


def test_tolerance_follows_dtype_and_the_length_of_sums():
    eps = np.finfo(np.float32).eps
    assert tolerance(F32, 1) == 32 * eps
    assert tolerance(F32, 10_000) == 100 * tolerance(F32, 1)
    assert tolerance(np.dtype(np.float64), 4) < 1e-13


@pytest.mark.parametrize(
    ("function", "shapes", "terms"),
    [
        (lambda x: x + 1, [(50, 40)], 1),
        (lambda x: x.sum(axis=0), [(50, 40)], 50),
        (lambda x: x.sum(), [(50, 40)], 2000),
        (lambda x, y: x @ y, [(3, 70), (70, 5)], 70),
        (lambda x, y: nn.functional.conv2d(x, y), [(2, 3, 8, 8), (4, 3, 5, 5)], 75),
    ],
)
def test_the_longest_sum(function, shapes, terms):
    assert longest_sum(traced(function, *shapes)) == terms


def arrays(**given):
    return {name.replace("_", " "): np.asarray(a, np.float32) for name, a in given.items()}


def test_rounding_is_let_through_and_more_is_not():
    right = np.linspace(1, 2, 100, dtype=np.float32)
    eps = np.finfo(np.float32).eps
    compare(arrays(loss=right * (1 + 10 * eps)), arrays(loss=right), 1)
    with pytest.raises(MismatchError, match="the compiled step's loss differs"):
        compare(arrays(loss=right * (1 + 100 * eps)), arrays(loss=right), 1)
    compare(arrays(loss=right * (1 + 100 * eps)), arrays(loss=right), 100)


def test_the_worst_is_named():
    right = arrays(gradient_of_a=[1, 2], gradient_of_b=[1, 2])
    found = arrays(gradient_of_a=[1.1, 2], gradient_of_b=[1.5, 2])
    with pytest.raises(MismatchError, match="gradient of b differs from the eager one's by"):
        compare(found, right, 1)


def test_one_wrong_element_of_many_is_found():
    right = np.ones(100_000, np.float32)
    found = right.copy()
    found[777] = 1.01
    with pytest.raises(MismatchError):
        compare({"x": found}, {"x": right}, 1)


def test_what_is_nothing_but_rounding_is_measured_by_its_kind():
    right = arrays(gradient_of_weight=[1.0, -2.0], gradient_of_bias=[1e-9, -2e-9])
    found = arrays(gradient_of_weight=[1.0, -2.0], gradient_of_bias=[-3e-9, 5e-9])
    compare(found, right, 1)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_must_be_the_same(number):
    compare(arrays(x=[number, 1]), arrays(x=[number, 1]), 1)
    for other in (0.0, np.nan if np.isinf(number) else np.inf, -number):
        if not (np.isnan(other) and np.isnan(number)):
            with pytest.raises(MismatchError):
                compare(arrays(x=[other, 1]), arrays(x=[number, 1]), 1)


def test_whole_numbers_must_be_equal():
    compare({"n": np.array([1, 2])}, {"n": np.array([1, 2])}, 1)
    with pytest.raises(MismatchError):
        compare({"n": np.array([1, 3])}, {"n": np.array([1, 2])}, 1)


# ----- a planted error ------------------------------------------------------------------------


@pytest.fixture
def wrong_sigmoid(monkeypatch):
    """A kernel text that is a thousandth off."""
    right = Sigmoid.kernel
    monkeypatch.setattr(Sigmoid, "kernel", f"({right}) * 1.001")


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))


X = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)


def train(**options):
    model = net()
    run = nbdl.train(model, (X, X[:, :2]), loss="mse", epochs=3, batch_size=8, store=False,
                     progress=False, **options)  # fmt: skip
    return run, model


def test_a_planted_error_is_found_and_the_training_goes_on_eagerly(wrong_sigmoid):
    run, model = train(compile=True)
    [note] = [text for _, kind, text in run.history.events if kind == "note"]
    assert re.search(r"goes on uncompiled: the compiled step's .+ differs from the eager", note)
    assert note.endswith("it begins with sigmoid of layer '1'")
    eager, right = train(compile=False)
    np.testing.assert_array_equal(run.history["loss"], eager.history["loss"])
    for p, q in zip(model.parameters(), right.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_a_compiled_function_finds_it_too(wrong_sigmoid):
    function = nbdl.compile(nn.Sigmoid())
    with nbdl.no_grad(), pytest.warns(MistakeWarning, match="is not compiled: .* differs"):
        found = function(nbdl.tensor(X))
    np.testing.assert_allclose(found.numpy(), 1 / (1 + np.exp(-X)), 1e-6)


def test_without_a_planted_error_nothing_is_said():
    run, _ = train(compile=True)
    notes = [text for _, kind, text in run.history.events if kind == "note"]
    assert all(text.startswith("compiled") for text in notes)
