"""The compared networks are the same in both frameworks: losses and gradients, small sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
from benchmarks.models import EXAMPLES, Example, weights

KINDS = ("float64", "float32")


def _loss_and_gradients(
    framework: Any, example: Example, kind: str
) -> tuple[float, dict[str, np.ndarray]]:
    network = example.network(framework, True)
    shapes = {path: tuple(p.shape) for path, p in network.named_parameters()}
    start = {path: framework.asarray(value) for path, value in weights(shapes).items()}
    network.load_state_dict({**network.state_dict(), **start})
    network = network.to(getattr(framework, kind))
    x, y = (
        framework.asarray(a.astype(kind) if a.dtype.kind == "f" else a)
        for a in example.sample(small=True)
    )
    loss = example.loss(framework.nn.functional, network(x), y)
    loss.backward()
    return float(loss.detach()), {
        path: (p.grad.to_dense() if example.sparse else p.grad).numpy()
        for path, p in network.named_parameters()
    }


def _longest_sum(example: Example, gradients: dict[str, np.ndarray]) -> int:
    """Terms in the longest sum: over a whole batch, or over what one output reads."""
    batch = max(a.size for a in example.sample(small=True))
    return max(batch, *(g.size // g.shape[0] for g in gradients.values()))


@pytest.mark.judge
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_losses_and_gradients_are_pytorchs(name: str, kind: str):
    torch = pytest.importorskip("torch")
    example = EXAMPLES[name]
    right, expected = _loss_and_gradients(torch, example, "float64")
    loss, gradients = _loss_and_gradients(nbdl, example, kind)
    assert list(gradients) == list(expected)
    tolerance = _longest_sum(example, expected) * float(np.finfo(kind).eps)
    assert abs(loss - right) <= tolerance * abs(right)
    largest = max(np.abs(g).max() for g in expected.values())
    for path, gradient in gradients.items():
        assert gradient.dtype == kind
        assert np.abs(gradient - expected[path]).max() <= tolerance * largest, path


def test_every_parameter_of_every_network_gets_a_gradient():
    for name, example in EXAMPLES.items():
        _, gradients = _loss_and_gradients(nbdl, example, "float32")
        assert all(np.abs(g).max() > 0 for g in gradients.values()), name


def test_batches_and_weights_are_the_same_whenever_they_are_asked_for():
    for example in EXAMPLES.values():
        for one, other in zip(example.sample(small=True), example.sample(small=True), strict=True):
            assert np.array_equal(one, other)
        assert len(example.sample(3, small=True)[0]) == 3
    shapes = {"0.weight": (4, 9), "1.weight": (5000,), "1.bias": (5000,)}
    first, again = weights(shapes), weights(dict(reversed(shapes.items())))
    assert all(np.array_equal(first[path], again[path]) for path in shapes)
    assert abs(first["1.weight"].mean() - 1) < 0.01
    assert abs(first["1.bias"].mean()) < 0.01
