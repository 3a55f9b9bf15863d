"""checkpoint: the same values and gradients, less memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.autograd import checkpoint, gradient, vmap


def block() -> nn.Module:
    nbdl.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.5), nn.Linear(16, 6))


def test_same_value_and_gradients_dropout_included() -> None:
    net = block()
    x = nbdl.randn(4, 6, requires_grad=True)
    results = []
    for run in (lambda: net(x), lambda: checkpoint(net, x)):
        nbdl.manual_seed(9)
        net.zero_grad()
        x.grad = None
        y = run()
        after = nbdl.rand(2)
        (y**2).sum().backward()
        results.append([y, after, x.grad, *(p.grad for p in net.parameters())])
    for plain, again in zip(*results, strict=True):
        np.testing.assert_array_equal(plain.numpy(), again.numpy())


def test_inputs_with_a_history_several_outputs_and_keywords() -> None:
    a = nbdl.tensor(np.array([0.3, -1.0]), requires_grad=True)

    def function(x, *, y):
        return x * y, {"s": (x + y).sum()}

    first, rest = checkpoint(function, a * 2, y=a.exp())
    found = nbdl.grad(first.sum() + rest["s"], a)[0]
    expected = gradient(lambda a: (2 * a * a.exp()).sum() + (2 * a + a.exp()).sum())(a.detach())
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-12)


def test_second_derivatives() -> None:
    a = nbdl.tensor(np.array([0.3, -1.0]), requires_grad=True)
    (g,) = nbdl.grad(checkpoint(lambda x: (x**3).sum(), a), a, create_graph=True)
    (g2,) = nbdl.grad(g.sum(), a)
    np.testing.assert_allclose(g2.numpy(), 6 * a.numpy(), 1e-12)


def test_inside_vmap_and_without_gradients_it_is_the_function() -> None:
    x = nbdl.tensor(np.ones((3, 2)))
    y = vmap(gradient(lambda x: checkpoint(lambda t: (t**2).sum(), x)))(x)
    np.testing.assert_array_equal(y.numpy(), 2 * x.numpy())
    with nbdl.no_grad():
        assert not checkpoint(lambda t: t * 2, x).requires_grad


def test_a_function_that_uses_no_gradient_has_none() -> None:
    assert not checkpoint(lambda t: t * 2, nbdl.ones(2)).requires_grad


@pytest.mark.alone
def test_activations_are_not_kept() -> None:
    def deep(x):
        for _ in range(20):
            x = x.sin()
        return x

    def peak(run) -> int:
        x = nbdl.ones(100_000, requires_grad=True)
        tracemalloc.start()
        for _ in range(5):
            x = run(x)
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return kept

    assert peak(lambda x: checkpoint(deep, x)) < peak(deep) / 10
