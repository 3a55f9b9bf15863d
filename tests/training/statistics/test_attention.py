"""What a run says of its data, and what it does not say of data that is right."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import keras, nn


def told(model: nn.Module, x, y, **options) -> list[str]:
    nbdl.manual_seed(0)
    run = nbdl.train(model, (x, y), store=False, **options)
    return [text for _, kind, text in run.history.events if kind == "warning"]


def bytes_of_images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (64, 1, 8, 8)).astype("float32"), rng.integers(0, 4, 64)


class Divided(nn.Module):
    """Normalizes in its forward."""

    def __init__(self) -> None:
        self.linear = nn.Linear(64, 4)

    def forward(self, x):
        return self.linear((x / 255).flatten(1))


def test_large_inputs_of_the_first_weights_are_told_through_a_flatten() -> None:
    x, y = bytes_of_images()
    (text,) = told(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), x, y, epochs=2)
    assert "of the input has the mean" in text
    assert "In layer: 1 (Linear)" in text
    (text,) = told(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 4)), x, y)
    assert "In layer: 0 (Conv2d)" in text
    assert "x / 255" in text


@pytest.mark.parametrize(
    "model",
    [
        lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 4)),
        lambda: nn.Sequential(nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 4)),
        Divided,
    ],
    ids=["batch norm", "layer norm", "forward"],
)
def test_models_that_normalize_their_inputs_are_not_spoken_of(model) -> None:
    assert told(model(), *bytes_of_images(), epochs=1) == []


def test_inputs_that_are_normalized_are_not_spoken_of() -> None:
    x, y = bytes_of_images()
    assert told(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), x / 255, y, epochs=1) == []


@pytest.mark.parametrize(("shuffled", "spoken"), [(True, 1), (False, 0)])
def test_keras_fit_tells_of_labels_in_another_order(shuffled: bool, spoken: int) -> None:
    nbdl.manual_seed(0)
    model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(*clusters(shuffled), epochs=6, verbose=0)
    heard = [text for _, kind, text in model._fit_run.history.events if kind == "warning"]
    assert len(heard) == spoken
    assert all("nothing but the classes' frequencies" in text for text in heard)


def test_keras_fit_tells_too() -> None:
    x, y = bytes_of_images()
    model = keras.Sequential([keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x.reshape(64, 64), y, epochs=1, verbose=0)
    events = model._fit_run.history.events
    assert ["layers.BatchNormalization()" in t for _, kind, t in events if kind == "warning"] == [
        True
    ]


def clusters(shuffled: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.choice(3, size=1600, p=[0.6, 0.3, 0.1])
    x = rng.normal(size=(1600, 8)).astype("float32") + 0.5 * np.eye(3, 8, dtype="float32")[y]
    return (x[rng.permutation(1600)] if shuffled else x), y


@pytest.mark.parametrize(
    ("shuffled", "options", "spoken"),
    [
        (True, {}, 1),
        (True, {"loss": nn.CrossEntropyLoss()}, 1),
        (False, {}, 0),
        (True, {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)}, 0),
        (True, {"epochs": 2}, 0),
        (True, {"batch_size": 400}, 0),
    ],
    ids=["shuffled", "a layer", "in order", "another loss", "too early", "too few steps"],
)
def test_labels_in_another_order_are_told(shuffled: bool, options: dict, spoken: int) -> None:
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    options = {"epochs": 6, "batch_size": 32, "lr": 0.01, **options}
    found = told(net, *clusters(shuffled), **options)
    assert len(found) == spoken
    assert all("nothing but the classes' frequencies" in text for text in found)
