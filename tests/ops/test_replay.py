"""Fast gradient rules whose own derivative is a composition: up to the third derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl.nn import functional as F
from nbdl.ops import recurrent_gru, recurrent_lstm, recurrent_plain
from nbdl.testing import check_grad
from tests.ops.sample import normal


def gradients(function: Any) -> Any:
    """The gradients of the sum of squares of ``function``, as a function of its inputs."""

    def slopes(*xs: Any) -> Any:
        with nbdl.enable_grad():
            xs = tuple(x if x.requires_grad else x.detach().requires_grad_() for x in xs)
            y = function(*xs)
            ys = y if isinstance(y, tuple) else (y,)
            return nbdl.grad(sum((v * v).sum() for v in ys), xs, create_graph=True)

    return slopes


def weighted_cross_entropy(x: Any, weight: Any) -> Any:
    return F.cross_entropy(x, np.array([2, 0, 1]), weight, label_smoothing=0.2, reduction="none")


def mean_cross_entropy(x: Any, weight: Any) -> Any:
    return F.cross_entropy(x, np.array([2, -100, 1]), weight)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x: F.layer_norm(x, 3), [(2, 3)]),
        (lambda x: F.batch_norm(x, None, None, training=True), [(3, 2)]),
        (weighted_cross_entropy, [(3, 3), (3,)]),
        (mean_cross_entropy, [(3, 3), (3,)]),
        (lambda x, w: F.nll_loss(x, np.array([2, 0]), w), [(2, 3), (3,)]),
        (recurrent_plain.RNNLayer(True, "tanh"), [(2, 1, 2), (1, 2), (2, 2)]),
        (recurrent_lstm.LSTMLayer(False), [(2, 1, 4), (1, 1), (1, 1), (4, 1)]),
        (recurrent_gru.GRULayer(False), [(2, 1, 3), (1, 1), (3, 1), (3,)]),
    ],
)
def test_third_derivatives(function: Any, shapes: Any) -> None:
    # Weights of classes are positive; all else may be.
    check_grad(gradients(function), *(np.abs(normal(*shape)) + 0.1 for shape in shapes))
