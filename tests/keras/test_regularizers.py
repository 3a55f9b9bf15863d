"""Penalties on weights and outputs: their values, their gradients, and the losses they are in."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import keras
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras import layers, regularizers

X = np.linspace(-1, 1, 24).reshape(8, 3).astype("float32")
Y = np.linspace(0, 1, 8).reshape(8, 1).astype("float32")


def test_values_are_the_sums_that_their_names_say() -> None:
    x = nbdl.tensor(X)
    size, square = np.abs(X).sum(), (X**2).sum()
    for regularizer, value in (
        (regularizers.L1(0.3), 0.3 * size), (regularizers.L2(0.2), 0.2 * square),
        (regularizers.L1L2(0.1, 0.2), 0.1 * size + 0.2 * square),
        (regularizers.l1_l2(l1=0.1, l2=0), 0.1 * size), (regularizers.get("l2"), 0.01 * square),
    ):  # fmt: skip
        np.testing.assert_allclose(regularizer(x).item(), value, rtol=1e-5)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_is_the_mean_cosine(mode: str) -> None:
    a = X if mode == "rows" else X.T
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    pairs = np.abs(np.triu(unit @ unit.T, 1)).sum() / (len(a) * (len(a) - 1) / 2)
    found = regularizers.OrthogonalRegularizer(0.5, mode)(nbdl.tensor(X))
    np.testing.assert_allclose(found.item(), 0.5 * pairs, rtol=1e-5)
    with pytest.raises(ShapeError, match="is for matrices"):
        regularizers.OrthogonalRegularizer()(nbdl.ones(3))


def test_names_configurations_and_mistakes() -> None:
    made = regularizers.L1L2(0.1, 0.2)
    again = regularizers.get(regularizers.serialize(made))
    assert again.get_config() == made.get_config() == {"l1": 0.1, "l2": 0.2}
    assert repr(made) == "L1L2(l1=0.1, l2=0.2)"
    assert regularizers.get(None) is None
    assert isinstance(regularizers.get(regularizers.L1), regularizers.L1)
    with pytest.raises(ArgumentError, match="l2"):
        regularizers.get("l3")
    with pytest.raises(ArgumentError, match="l1=-1 must be a number of at least 0"):
        regularizers.L1(-1)
    with pytest.raises(ArgumentError, match="kernel_regularizer"):
        layers.Dense(2, kernel_regulariser="l2")


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        (lambda **r: layers.Dense(2, **r), (3,), {"kernel": "kernel", "bias": "bias"}),
        (lambda **r: layers.Conv1D(2, 2, **r), (5, 3), {"kernel": "kernel", "bias": "bias"}),
        (lambda **r: layers.Embedding(7, 2, **r), (4,), {"embeddings": "embeddings"}),
        (lambda **r: layers.BatchNormalization(**r), (3,), {"gamma": "gamma", "beta": "beta"}),
        (lambda **r: layers.LayerNormalization(**r), (3,), {"gamma": "gamma", "beta": "beta"}),
        (lambda **r: layers.LSTM(2, **r), (4, 3),
         {"kernel": "kernel", "recurrent": "recurrent_kernel", "bias": "bias"}),
    ],
    ids=["Dense", "Conv1D", "Embedding", "BatchNormalization", "LayerNormalization", "LSTM"],
)  # fmt: skip
def test_each_weight_has_its_penalty(layer, shape, weights) -> None:
    for word, label in weights.items():
        made = layer(**{f"{word}_regularizer": regularizers.L2(0.5)})
        made(nbdl.ones((2, *shape)))
        weight = getattr(made, label).numpy()
        (loss,) = made.losses
        np.testing.assert_allclose(loss.item(), 0.5 * (weight**2).sum(), rtol=1e-5)
        made.trainable = False
        assert made.losses == []


def model(**regularizer) -> keras.Sequential:
    nbdl.manual_seed(0)
    made = keras.Sequential([layers.Input((3,)), layers.Dense(4, "tanh", **regularizer),
                             layers.Dense(1)])  # fmt: skip
    made.compile(keras.optimizers.SGD(0.1), "mse")
    return made


@pytest.mark.parametrize("epochs", [1, 300])
def test_fit_minimises_the_loss_with_the_penalty(epochs: int) -> None:
    penalized = model(kernel_regularizer=regularizers.L1L2(0.001, 0.02))
    plain = model()
    for _ in range(3):  # the same steps by hand
        kernel = plain.layers[0].kernel
        loss = ((plain(nbdl.tensor(X)) - nbdl.tensor(Y)) ** 2).mean()
        loss = loss + 0.001 * kernel.abs().sum() + 0.02 * (kernel**2).sum()
        for w, g in zip(plain.trainable_weights, nbdl.grad(loss, plain.trainable_weights),
                        strict=True):  # fmt: skip
            w.data = (w - 0.1 * g).detach()
    penalized.fit(X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False)
    for a, b in zip(penalized.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    history = penalized.fit(X, Y, batch_size=8, epochs=epochs, verbose=0)
    with_penalty = penalized.evaluate(X, Y, verbose=0)
    without = float(((penalized.predict(X, verbose=0) - Y) ** 2).mean())
    penalty = sum(v.item() for v in penalized.losses)
    np.testing.assert_allclose(with_penalty, without + penalty, rtol=1e-5)
    assert history.history["loss"][-1] >= penalty > 0


def test_outputs_and_added_losses_count_until_the_next_call() -> None:
    made = model(activity_regularizer=regularizers.L2(0.1))
    hidden = made.layers[0](nbdl.tensor(X))
    made(nbdl.tensor(X))
    made(nbdl.tensor(X))
    (loss,) = made.losses
    np.testing.assert_allclose(loss.item(), 0.1 * (hidden.numpy() ** 2).sum(), rtol=1e-5)
    before = np.abs(hidden.numpy()).mean()
    made.fit(X, Y, epochs=60, verbose=0)
    assert np.abs(made.layers[0](nbdl.tensor(X)).numpy()).mean() < before / 2


def test_a_layer_of_ones_own_adds_losses_and_regularizes_its_weights() -> None:
    class Scaled(layers.Layer):
        def build(self, input_shape) -> None:
            self.w = self.add_weight((input_shape[-1],), "ones", name="w", regularizer="l2")

        def call(self, x):
            self.add_loss(x.mean() * 3)
            return x * self.w

    layer = Scaled()
    layer(nbdl.ones((2, 3)))
    layer(nbdl.ones((2, 3)))
    assert sorted(round(v.item(), 5) for v in layer.losses) == [0.03, 3.0]
