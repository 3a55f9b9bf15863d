"""Memory: cheap values computed again, budgets, and loops that write in place of what they read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler import CompiledStep
from nbdl.errors import ArgumentError
from nbdl.nn.functional import cross_entropy

X = np.random.default_rng(0).normal(size=(32, 8, 32, 32)).astype(np.float32)
Y = np.arange(32) % 10


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(
        *itertools.chain(*(
            (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.ReLU())
            for _ in range(4)
        )),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    )  # fmt: skip


def compiled(budget=None):
    """Losses of three steps, weights after them, and the arena."""
    model = net()
    optimizer = nbdl.optim.SGD(model.parameters(), lr=0.05)

    def step(x, y):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    run = CompiledStep(step, tensors, model.modules(), budget)
    losses = [float(run([X, Y])) for _ in range(3)]
    executable, _ = run.executable([X, Y])
    return losses, [p.numpy() for p in model.parameters()], executable.plan.memory.nbytes


@pytest.mark.parametrize("budget", [None, 6_000_000, 1])
def test_a_budget_changes_no_result(budget):
    model, (losses, weights, _) = net(), compiled(budget)
    optimizer = nbdl.optim.SGD(model.parameters(), lr=0.05)
    for expected in losses:
        optimizer.zero_grad()
        loss = cross_entropy(model(nbdl.tensor(X)), nbdl.tensor(Y))
        loss.backward()
        optimizer.step()
        assert loss.item() == pytest.approx(expected, rel=1e-5)
    for p, w in zip(model.parameters(), weights, strict=True):
        np.testing.assert_allclose(p.numpy(), w, rtol=1e-4, atol=1e-5)


def test_a_budget_makes_the_arena_smaller():
    free, tight = compiled()[2], compiled(1)[2]
    assert tight < 0.9 * free


def test_a_budget_is_a_number_of_bytes():
    with pytest.raises(ArgumentError, match="memory_budget must be a number of bytes, got 0"):
        nbdl.compile(net(), memory_budget=0)


def test_a_result_that_is_repeated_is_not_written_over_itself():
    """What a mean takes apart along an axis of its own is read once and written once."""
    x = np.random.default_rng(1).normal(size=(32, 256, 7)).astype(np.float32)

    def gradient(x, dy):
        mean = x.mean(-1)
        return (mean * dy).reshape((32, 256, 1)) * 2 + (x * 0), mean

    dy = np.random.default_rng(2).normal(size=(32, 256)).astype(np.float32)
    found, _ = CompiledStep(gradient, {})([x, dy])
    expected, _ = gradient(nbdl.tensor(x), nbdl.tensor(dy))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)
