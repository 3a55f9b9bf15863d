"""Every optimizer trains by its name, those that need a closure or have two places included."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.errors import ArgumentError, TrainingError
from nbdl.training import OPTIMIZERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))


def fit(model, optimizer, batch_size=20, **options):
    return nbdl.train(
        model, (X, CLASSES), optim=optimizer, batch_size=batch_size, store=False, **options
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_model_learns_with_every_optimizer(name):
    rates = {"adadelta": 5.0, "lbfgs": 0.1}
    whole = name in ("lbfgs", "rprop")  # these are not for batches
    run = fit(net(), name, len(X) if whole else 20, epochs=8, lr=rates.get(name, 0.02))
    losses = run.history["loss"]
    assert run.step == (8 if whole else 24)
    assert losses[-3:].mean() < losses[:3].mean()


def test_all_names_of_optim_are_names_of_training():
    assert set(OPTIMIZERS) == set(optim.OPTIMIZERS)
    assert OPTIMIZERS["L-BFGS"].cls is optim.LBFGS
    assert OPTIMIZERS["sgd"].lr == 1e-2
    assert OPTIMIZERS["lbfgs"].lr == 1.0
    with pytest.raises(ArgumentError, match="did you mean 'schedulefree'"):
        fit(net(), "schedulefre")
    with pytest.raises(ArgumentError, match="did you mean 'momentum'"):
        fit(net(), "sam(momentun=0.9)")


def test_options_go_through_a_wrapper_to_what_is_inside():
    run = fit(net(), "sam(base_optimizer='adamw', rho=0.1, weight_decay=0.5)", lr=0.02, epochs=1)
    (optimizer,) = run.optimizers
    assert (type(optimizer.base), optimizer.rho) == (optim.AdamW, 0.1)
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    assert run.lr == optimizer.base.param_groups[0]["lr"] == 0.02


def test_muon_by_name_or_class_gets_the_hidden_matrices():
    for given in ("muon", optim.MuonAdamW):
        model = net()
        (optimizer,) = fit(model, given, epochs=1).optimizers
        assert [len(group["params"]) for group in optimizer.param_groups] == [1, 3]
        assert optimizer.param_groups[0]["params"][0] is model[0].weight


def test_the_loss_of_a_step_is_that_before_it():
    model = net()
    outputs = model(nbdl.tensor(X))
    before = nn.functional.cross_entropy(outputs, nbdl.tensor(CLASSES)).item()
    run = fit(model, "lbfgs", len(X), epochs=1)
    assert run.history["loss"][0] == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("name", ["lbfgs", "lbfgs(line_search_fn='strong_wolfe')", "sam"])
def test_a_loss_that_breaks_leaves_the_weights_of_the_step_before(name):
    model = net()
    seen = []

    def loss(outputs, targets):
        seen.append([p.numpy().copy() for p in model.parameters()])
        value = nn.functional.cross_entropy(outputs, targets)
        return value * float("nan") if len(seen) > 40 else value

    with pytest.raises(TrainingError, match="the loss became NaN"):
        fit(model, name, loss=loss, epochs=50)
    for p, expected in zip(model.parameters(), seen[-1], strict=True):
        np.testing.assert_array_equal(p.numpy(), expected)


def test_a_line_search_may_try_points_where_the_loss_is_no_number():
    model = nn.Linear(1, 1)
    model.weight.data, model.bias.data = nbdl.tensor([[4.0]]), nbdl.zeros((1,))
    data = np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)

    def loss(outputs, targets):
        value = outputs.mean()
        return value.sqrt() * (value - 3)  # NaN below 0, least at 1

    with np.errstate(invalid="ignore"):
        run = nbdl.train(
            model, data, loss=loss, optim="lbfgs(line_search_fn='strong_wolfe')", lr=50.0,
            epochs=2, store=False,
        )  # fmt: skip
    assert model(nbdl.ones((1, 1))).item() == pytest.approx(1, abs=1e-3)
    assert run.history.last("loss") == pytest.approx(-2, abs=1e-3)


def test_a_schedule_free_optimizer_is_evaluated_at_its_mean():
    model = net()
    optimizer = optim.AdamWScheduleFree(model.parameters(), lr=0.05)
    places = []

    def look(run):
        places.append((optimizer.param_groups[0]["train_mode"], model[0].weight.numpy().copy()))

    run = fit(model, optimizer, epochs=3, val=(X, CLASSES), callbacks=look)
    assert [training for training, _ in places] == [False] * 3
    np.testing.assert_array_equal(model[0].weight.numpy(), places[-1][1])
    value = nbdl.training.evaluate(model, (X, CLASSES))
    assert run.results["loss"] == pytest.approx(value["loss"], rel=1e-6)
    optimizer.train()
    assert (model[0].weight.numpy() != places[-1][1]).any()
