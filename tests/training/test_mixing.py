"""Mixup and CutMix: mixtures in the right proportion, by the run's own chance."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core import random
from nbdl.errors import ArgumentError, DataError
from nbdl.training.batches import Batch
from nbdl.training.mixing import Mixing
from nbdl.training.names import as_loss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)
IMAGES = RNG.normal(size=(32, 2, 8, 6)).astype(np.float32)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def fit(model, data=(X, Y), **options):
    options = {"batch_size": 16, "epochs": 3, "lr": 0.05} | options
    return nbdl.train(model, data, store=False, **options)


def mixed(x, y, seed=0, loss="cross_entropy", classes=3, **alphas):
    mixing = Mixing(alphas.get("mixup"), alphas.get("cutmix"), as_loss(loss), classes)
    with random.use(random.Generator(seed)):
        return mixing(Batch((nbdl.Tensor(x),), {}, nbdl.Tensor(y), len(x)))


def test_mixup_takes_means_of_two_samples_and_of_their_classes():
    batch = mixed(X, Y, mixup=0.4)
    shares = batch.targets.numpy()
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    one_hot = np.eye(3, dtype=np.float32)[Y]
    system = np.concatenate([X, one_hot], 1)
    for value in np.concatenate([batch.inputs[0].numpy(), shares], 1)[:8]:
        candidates = [
            (i, t) for i in range(64) for j in range(64)
            for t in [_share(value, system[i], system[j])] if t is not None
        ]  # fmt: skip
        assert candidates


def _share(value, a, b):
    """The t with value = t a + (1 - t) b, or None."""
    d = a - b
    if not d.any():
        return 1.0 if np.allclose(value, a, atol=1e-5) else None
    t = float(((value - b) @ d) / (d @ d))
    return t if 0 <= t <= 1 and np.allclose(value, t * a + (1 - t) * b, atol=1e-5) else None


def test_cutmix_puts_a_rectangle_of_one_image_into_another():
    batch = mixed(IMAGES, np.arange(32) % 3, seed=3, cutmix=1.0)
    x = batch.inputs[0].numpy()
    own = (x == IMAGES).all(axis=1)  # (batch, height, width)
    patch = ~own.all(axis=0)
    rows, columns = np.flatnonzero(patch.any(1)), np.flatnonzero(patch.any(0))
    assert patch[np.ix_(rows, columns)].all()  # one rectangle, the same in all images
    share = 1 - patch.mean()
    targets = batch.targets.numpy()
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    allowed = np.array([0.0, share, 1 - share, 1.0])
    assert np.isclose(targets[..., None], allowed, atol=1e-6).any(-1).all()


def test_labels_are_those_of_the_greater_part():
    for seed in range(6):
        batch = mixed(X, Y, seed=seed, mixup=1.0)
        np.testing.assert_array_equal(batch.targets.numpy().argmax(1), batch.labels.numpy())


def test_numbers_are_mixed_as_numbers():
    batch = mixed(X, X[:, :1], loss="mse", classes=None, mixup=0.4)
    np.testing.assert_allclose(batch.targets.numpy(), batch.inputs[0].numpy()[:, :1], rtol=1e-5,
                               atol=1e-6)  # fmt: skip


def test_with_both_each_batch_has_one():
    kinds = {
        bool(np.isin(mixed(IMAGES, np.zeros(32, int), seed=s, mixup=0.5, cutmix=1.0)
                     .inputs[0].numpy(), IMAGES).all())
        for s in range(12)
    }  # fmt: skip
    assert kinds == {True, False}


@pytest.mark.judge
def test_the_loss_is_pytorchs_of_the_same_mixture():
    import torch

    batch = mixed(X, Y, mixup=0.4)
    model = net()
    judge = torch.nn.functional.cross_entropy(
        torch.tensor(model(batch.inputs[0]).numpy()), torch.tensor(batch.targets.numpy())
    )
    ours = nn.functional.cross_entropy(model(batch.inputs[0]), batch.targets)
    assert ours.item() == pytest.approx(judge.item(), rel=1e-5)


def test_a_training_repeats_compiled_or_not():
    one, two, three = (fit(net(), mixup=0.4, compile=c) for c in (False, False, True))
    np.testing.assert_array_equal(one.history["loss"], two.history["loss"])
    np.testing.assert_allclose(one.history["loss"], three.history["loss"], rtol=1e-4)
    other = fit(net(), mixup=0.4, seed=1)
    assert (one.history["loss"] != other.history["loss"]).any()
    assert one.history["accuracy"][-1] <= 1


def test_chance_outside_of_the_run_is_not_drawn_from():
    nbdl.manual_seed(9)
    before = random.default_generator().state()
    fit(nn.Linear(4, 3), mixup=0.4, max_steps=2)
    after = random.default_generator().state()
    assert after["seed"] == before["seed"]


@pytest.mark.parametrize(
    ("model", "data", "options", "kind", "said"),
    [
        (net, (X, Y), {"mixup": -1}, ArgumentError, "mixup must be a positive number"),
        (net, (X, Y), {"cutmix": 1.0}, DataError, "cutmix is for images"),
        (net, (X, Y), {"mixup": 0.2, "loss": "nll"}, ArgumentError, "which nll does not take"),
        (lambda: nn.Sequential(nn.Embedding(5, 8), nn.Flatten(), nn.Linear(16, 3)),
         (np.ones((64, 2), int), Y), {"mixup": 0.2}, DataError, "mixes inputs that are floats"),
        (net, iter([(X, Y)]), {"mixup": 0.2, "batch_size": None, "epochs": 1}, ArgumentError,
         "must know the number of classes"),
    ],
)  # fmt: skip
def test_what_cannot_be_mixed(model, data, options, kind, said):
    with pytest.raises(kind, match=said):
        fit(model(), data, **options)
