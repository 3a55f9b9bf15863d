"""The learning-rate finder: what it suggests works, and nothing is changed by looking."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn, optim
from nbdl.errors import ArgumentError, TrainingError
from nbdl.inspection.static.lr_finder import lr_finder_svg
from nbdl.training import LRFinder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2),
                         nn.Linear(16, 2))  # fmt: skip


def cnn():
    nbdl.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "sgd(momentum=0.9)"])
def test_a_network_trained_with_the_suggestion_reads_digits(optimizer):
    train, val = data.digits().split(0.8, stratify=True)
    found = nbdl.lr_find(cnn(), train, optim=optimizer)
    model = cnn()
    run = nbdl.train(
        model, train, val=val, optim=optimizer, lr=found.suggestion, epochs=4, store=False
    )
    assert run.epoch_values[-1]["val_accuracy"] > 0.9
    slow = nbdl.train(
        cnn(), train, optim=optimizer, lr=found.suggestion / 100, epochs=4, store=False
    )
    assert run.history["loss"][-20:].mean() < slow.history["loss"][-20:].mean() / 4


def test_nothing_is_changed_by_looking():
    model = net()
    optimizer = optim.AdamW(model.parameters(), lr=0.003)
    loader = data.DataLoader((X, Y), 16, shuffle=True, seed=5)
    nbdl.train(model, loader, optim=optimizer, epochs=1, max_steps=4, store=False)
    nbdl.manual_seed(77)
    tensors = [*model.parameters(), *model.buffers()]
    values = [t.value for t in tensors]
    state = {name: value.copy() for name, value in optimizer.state[tensors[0]].items()
             if isinstance(value, np.ndarray)}  # fmt: skip
    place, draws = loader.state_dict(), nbdl.core.random.default_generator().state()
    found = nbdl.lr_find(model, loader, optim=optimizer, steps=30)
    assert isinstance(found, LRFinder)
    assert all(t.value is v for t, v in zip(tensors, values, strict=True))
    assert optimizer.param_groups[0]["lr"] == 0.003
    for name, value in state.items():
        np.testing.assert_array_equal(optimizer.state[tensors[0]][name], value)
    assert loader.state_dict() == place
    assert nbdl.core.random.default_generator().state() == draws
    assert all(module.training for module in model.modules())


def test_the_rates_grow_by_one_factor_and_the_sweep_repeats_exactly():
    one, two = (nbdl.lr_find(net(), (X, Y), start=1e-4, end=1.0, steps=20) for _ in range(2))
    np.testing.assert_allclose(one.lrs[0], 1e-4)
    np.testing.assert_allclose(np.diff(np.log(one.lrs)), np.log(1e4) / 19)
    np.testing.assert_array_equal(one.losses, two.losses)


def test_it_ends_where_the_loss_diverges():
    found = nbdl.lr_find(net(), (X, Y), optim="sgd", start=1e-3, end=1e6, steps=60)
    assert found.diverged
    assert len(found.lrs) < 60
    assert "where the loss diverged" in found.words()[0]
    assert found.suggestion == pytest.approx(min(found.steepest, found.minimum / 10), rel=0.05)


def test_a_curve_that_never_falls_has_no_suggestion():
    lrs = np.geomspace(1e-3, 1, 20)
    found = LRFinder("net", lrs, np.linspace(1, 2, 20), np.linspace(1, 2, 20), 1.0, False)
    assert found.suggestion is None
    assert "never fell" in found.text()
    assert "never fell" in lr_finder_svg(found)


def test_the_steepest_fall_is_by_the_logarithm_of_the_rate():
    lrs = np.geomspace(1e-4, 1e2, 61)
    falling = 2 - 1 / (1 + np.exp(-4 * (np.log10(lrs) + 1)))  # steepest at 0.1
    rising = falling + np.maximum(0, np.log10(lrs)) * 3
    found = LRFinder("net", lrs, rising, rising, 1e2, False)
    assert found.steepest == pytest.approx(0.1, rel=1e-6)
    assert found.minimum == pytest.approx(1.0)
    assert found.suggestion == pytest.approx(0.1)


def test_its_picture_says_what_its_words_say():
    found = nbdl.lr_find(net(), (X, Y), steps=40)
    svg = lr_finder_svg(found)
    assert f"suggested {found.suggestion:.1e}" in svg
    assert f"lr={found.suggestion:g}" in svg
    assert f"lr={found.suggestion:g}" in repr(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0.1, "end": 0.01}, "there is no sweep from 0.1 to 0.01"),
        ({"start": -1.0}, "start must be a positive number"),
        ({"end": float("inf")}, "end must be a positive number"),
        ({"steps": 1}, "in 1 steps"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"optim": "addam"}, "unknown optimizer 'addam'"),
    ],
)
def test_what_is_no_sweep(options, message):
    with pytest.raises(ArgumentError, match=message):
        nbdl.lr_find(net(), (X, Y), **options)


def test_a_generator_is_not_used_up():
    batches = iter([(X, Y)])
    with pytest.raises(ArgumentError, match="would be used up"):
        nbdl.lr_find(net(), batches)
    assert next(batches)[0] is X


def test_a_loss_that_is_nan_from_the_start_is_an_error():
    with pytest.raises(TrainingError, match="the loss became NaN"):
        nbdl.lr_find(net(), (X * np.nan, Y), steps=10)
