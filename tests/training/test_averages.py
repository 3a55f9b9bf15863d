"""The exponential mean of weights: what is validated is what one gets."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError
from nbdl.training.checkpointing.state import capture, restore

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def fit(model, **options):
    options = {"batch_size": 16, "epochs": 3, "lr": 0.1, "optim": "sgd", "ema": 0.8} | options
    return nbdl.train(model, (X, Y), store=False, **options)


@pytest.mark.parametrize("compile", [False, True])
def test_the_mean_is_that_of_an_averaged_model_by_hand(compile):
    model, other = net(), net()
    by_hand = nn.AveragedModel(other, multi_avg_fn=nn.get_ema_multi_avg_fn(0.8))

    class Update(nbdl.training.Callback):
        def on_step_end(self, run):
            by_hand.update_parameters(other)

    run = fit(model, compile=compile)
    plain = fit(other, ema=None, callbacks=Update(), compile=compile)
    np.testing.assert_allclose(run.history["loss"], plain.history["loss"], rtol=1e-6)
    for p, a, e in zip(model.parameters(), by_hand.module.parameters(), run.ema.module.parameters(),
                       strict=True):  # fmt: skip
        np.testing.assert_allclose(p.numpy(), a.numpy(), rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(p.numpy(), e.numpy())


@pytest.mark.judge
def test_it_is_pytorchs_averaged_model():
    import torch

    model = nn.Linear(4, 3)
    judge = torch.nn.Linear(4, 3)
    judge.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    swa = torch.optim.swa_utils
    mean = swa.AveragedModel(judge, multi_avg_fn=swa.get_ema_multi_avg_fn(0.8))
    nbdl.train(model, lambda: [(X, Y)], epochs=8, lr=0.5, optim="sgd", ema=0.8, store=False)
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.5)
    for _ in range(8):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(judge(torch.tensor(X)), torch.tensor(Y)).backward()
        optimizer.step()
        mean.update_parameters(judge)
    np.testing.assert_allclose(
        model.weight.numpy(), mean.module.weight.detach().numpy(), rtol=1e-4, atol=1e-6
    )


def test_what_is_validated_is_what_one_gets():
    model = net()
    run = fit(model, val=(X, Y), epochs=4)
    assert nbdl.evaluate(model, (X, Y))["loss"] == pytest.approx(run.results["loss"], rel=1e-6)


def test_early_stopping_restores_the_best_mean():
    model = net()
    run = fit(model, val=(X, Y), lr=2.0, epochs=8,
              early_stopping={"patience": 8, "restore_best": True})  # fmt: skip
    best = min(values["val_loss"] for values in run.epoch_values)
    statistics_moved = nbdl.evaluate(model, (X, Y))["loss"]
    assert statistics_moved == pytest.approx(best, rel=1e-5)


def test_training_goes_on_with_its_own_weights_after_a_validation():
    one, two = net(), net()
    with_val = fit(one, val=(X, Y))
    without = fit(two, ema=None)
    np.testing.assert_array_equal(with_val.history["loss"], without.history["loss"])


def test_the_state_of_a_run_has_both():
    model, states = net(), []
    fit(model, epochs=2, val=(X, Y), callbacks=lambda run: states.append(capture(run)))
    parts = states[0].rest["parts"]["averages"]
    assert parts["raw"] is not None
    again = net()
    run = fit(again, epochs=1)
    averages = run.parts["averages"]
    restore(run, states[0])
    assert averages.raw is not None
    mean = again[0].weight.numpy().copy()
    averages.train()
    assert (again[0].weight.numpy() != mean).any()


@pytest.mark.parametrize("wrong", [0, 1, 1.5, -0.1, "much", True])
def test_what_is_no_decay(wrong):
    with pytest.raises(ArgumentError, match="ema must be between 0 and 1"):
        fit(net(), ema=wrong)
