"""Keras's optimizers against their formulas, step by step in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError
from nbdl.keras import optimizers

STEPS = 8
E = 1e-7


def sgd(p, gradients, lr=0.01, momentum=0.0, nesterov=False, decay=0.0):
    v = 0
    for g in gradients:
        v = momentum * v - lr * g
        p = p * (1 - lr * decay) + (momentum * v - lr * g if nesterov else v)
    return p


def adam(p, gradients, lr=0.001, b1=0.9, b2=0.999, eps=E, amsgrad=False, decay=0.0):
    m = v = largest = 0
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v)
        alpha = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        p = p * (1 - lr * decay) - alpha * m / (np.sqrt(largest if amsgrad else v) + eps)
    return p


def rmsprop(p, gradients, lr=0.001, rho=0.9, momentum=0.0, eps=E, centered=False):
    v = mean = buffer = 0
    for g in gradients:
        v, mean = rho * v + (1 - rho) * g * g, rho * mean + (1 - rho) * g
        step = lr * g / np.sqrt((v - mean * mean if centered else v) + eps)
        buffer = momentum * buffer + step
        p = p - (buffer if momentum else step)
    return p


def adagrad(p, gradients, lr=0.001, start=0.1, eps=E):
    a = start
    for g in gradients:
        a = a + g * g
        p = p - lr * g / np.sqrt(a + eps)
    return p


def lion(p, gradients, lr=0.001, b1=0.9, b2=0.99):
    m = 0
    for g in gradients:
        p = p - lr * np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
    return p


def clipped(limit):
    return lambda p, gradients: sgd(
        p, [g * min(1, limit / np.linalg.norm(g)) for g in gradients], 0.1
    )


CASES = [
    (optimizers.SGD(), sgd),
    (optimizers.SGD(0.1, momentum=0.9), lambda p, g: sgd(p, g, 0.1, 0.9)),
    (optimizers.SGD(0.1, momentum=0.9, nesterov=True), lambda p, g: sgd(p, g, 0.1, 0.9, True)),
    (optimizers.SGD(0.1, 0.9, weight_decay=0.1), lambda p, g: sgd(p, g, 0.1, 0.9, decay=0.1)),
    (optimizers.Adam(), adam),
    (optimizers.Adam(0.1, amsgrad=True, epsilon=1e-3),
     lambda p, g: adam(p, g, 0.1, amsgrad=True, eps=1e-3)),
    (optimizers.Adam(0.1, 0.8, 0.9), lambda p, g: adam(p, g, 0.1, 0.8, 0.9)),
    (optimizers.AdamW(), lambda p, g: adam(p, g, decay=0.004)),
    (optimizers.RMSprop(), rmsprop),
    (optimizers.RMSprop(0.1, 0.8, 0.5, centered=True),
     lambda p, g: rmsprop(p, g, 0.1, 0.8, 0.5, centered=True)),
    (optimizers.Adagrad(0.1), lambda p, g: adagrad(p, g, 0.1)),
    (optimizers.Lion(), lion),
    (optimizers.SGD(0.1, clipnorm=0.5), clipped(0.5)),
    (optimizers.SGD(0.1, clipvalue=0.3),
     lambda p, g: sgd(p, [np.clip(x, -0.3, 0.3) for x in g], 0.1)),
    (optimizers.SGD(0.1, global_clipnorm=0.5), clipped(0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("optimizer", "formula"), CASES)
def test_steps_follow_the_formula(optimizer, formula):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 2)), rng.normal(size=(STEPS, 3, 2))
    p = nbdl.tensor(start, requires_grad=True)
    optimizer.bind([p])
    for g in gradients:
        p.grad = nbdl.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(p.detach(), formula(start, gradients), rtol=1e-6)


def test_clipnorm_is_of_each_gradient_and_global_clipnorm_of_all_together():
    one, both = optimizers.SGD(1.0, clipnorm=1.0), optimizers.SGD(1.0, global_clipnorm=1.0)
    for optimizer, expected in ((one, [1, 1]), (both, [0.6, 0.8])):
        ps = [nbdl.zeros(1, requires_grad=True) for _ in range(2)]
        optimizer.bind(ps)
        for p, g in zip(ps, (3.0, 4.0), strict=True):
            p.grad = nbdl.tensor([g])
        optimizer.step()
        np.testing.assert_allclose([-p.item() for p in ps], expected, rtol=1e-5)


def test_the_learning_rate_can_be_read_and_written():
    optimizer = optimizers.Adam(0.5)
    assert optimizer.learning_rate == optimizer.lr == 0.5
    optimizer.learning_rate = 0.25
    optimizer.bind([nbdl.zeros(1, requires_grad=True)])
    assert optimizer.learning_rate == 0.25
    optimizer.lr = 0.125
    assert optimizer.param_groups[0]["lr"] == 0.125
    assert optimizer.get_config()["learning_rate"] == 0.125


def test_optimizers_by_name_and_what_is_refused():
    assert type(optimizers.get("ADAM")) is optimizers.Adam
    assert type(optimizers.get("RMSprop")) is optimizers.RMSprop
    assert type(optimizers.get(optimizers.SGD)) is optimizers.SGD
    with pytest.raises(ArgumentError, match="unknown optimizer 'addam'; did you mean 'adam'"):
        optimizers.get("addam")
    with pytest.raises(ArgumentError, match="an optimizer is a name or one of"):
        optimizers.get(3)
    with pytest.raises(ArgumentError, match="learning_rate"):
        optimizers.SGD(-1)
    with pytest.raises(ArgumentError, match="only one of clipnorm, clipvalue"):
        optimizers.SGD(clipnorm=1, clipvalue=1)
    with pytest.raises(ArgumentError, match="bound to no model"):
        optimizers.SGD().step()
