"""NaN and infinite values in a training: it stops, says where they began, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.training import last_run
from nbdl.training.finite import NotFiniteError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


class Root(nn.Module):
    """The square root of what may be negative: wrong, but found out late."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.register_buffer("calls", nbdl.zeros(()))
        self.late = late

    def forward(self, x):
        if self.training:
            self.calls.add_(1.0)
        shift = nbdl.where(self.calls > self.late, 100.0, -100.0)
        return nbdl.sqrt(x - shift)


def model(late):
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), Root(late), nn.Dropout(0.2), nn.Linear(8, 3))


@pytest.mark.parametrize("compile", [False, True])
def test_the_operation_layer_and_line_that_made_the_first_nan_are_named(compile):
    net = model(late=5)
    with pytest.raises(NotFiniteError, match="the loss became NaN") as caught:
        nbdl.train(net, (X, Y), batch_size=16, store=False, compile=compile)
    text = str(caught.value)
    assert "It began here: Sqrt made the first NaN" in text
    assert "its inputs were finite" in text
    assert "In layer: 1 (Root)" in text
    assert "nbdl.sqrt(x - shift)" in text
    run = last_run()
    assert (run.status, run.step) == ("failed", 5)
    assert net[1].calls.item() == 5, "the state of the last whole step"
    assert all(np.isfinite(p.numpy()).all() for p in net.parameters())


def test_looking_for_the_origin_leaves_random_numbers_and_buffers_alone():
    net = model(late=2)
    with pytest.raises(NotFiniteError):
        nbdl.train(net, (X, Y), batch_size=16, store=False, compile=False)
    draws = last_run().generator.draw
    good = model(late=100)
    run = nbdl.train(good, (X, Y), batch_size=16, store=False, compile=False, max_steps=2)
    assert draws == run.generator.draw
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), good.state_dict()[name].numpy(), err_msg=name)


def test_a_gradient_that_becomes_infinite_is_traced_to_its_operation():
    class Sharp(nn.Module):
        def forward(self, x):
            return nbdl.sqrt(x * 0.0)  # its value is fine, its slope is infinite

    net = nn.Sequential(nn.Linear(4, 3), Sharp())
    with pytest.raises(NotFiniteError, match=r"gradient of '0\.weight' became NaN") as caught:
        nbdl.train(net, (X, Y), store=False)
    assert "the gradient of Sqrt has the first Inf in backward" in str(caught.value)
    assert "In layer: 1 (Sharp)" in str(caught.value)


def test_data_that_is_not_finite_is_blamed_and_no_operation():
    x = X.copy()
    x[3, 1] = np.nan
    with pytest.raises(NotFiniteError, match="the inputs of this batch have NaN") as caught:
        nbdl.train(nn.Linear(4, 3), (x, Y), store=False, check=False)
    assert "It began here" not in str(caught.value)


def test_keras_says_it_too():
    from nbdl import keras

    net = keras.Sequential([
        keras.layers.Dense(8, input_shape=(4,)),
        keras.layers.Lambda(lambda x: nbdl.log(x - 100.0)),
        keras.layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    net.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(NotFiniteError) as caught:
        net.fit(X, Y, verbose=0)
    assert "It began here: Log made the first NaN" in str(caught.value)
