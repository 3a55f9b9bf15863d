"""Names of losses, optimizers, metrics and schedules."""

from __future__ import annotations

import pytest

from nbdl import nn, optim
from nbdl.errors import ArgumentError
from nbdl.training import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from nbdl.training.names import as_loss, parse


def test_every_name_stands_for_something_that_is_there():
    for name in LOSSES:
        assert callable(getattr(nn.functional, LOSSES[name].function))
    for name in OPTIMIZERS:
        assert issubclass(OPTIMIZERS[name].cls, optim.Optimizer)
    for name in SCHEDULES:
        assert hasattr(optim.lr_scheduler, SCHEDULES[name].cls)
    for name in METRICS:
        assert METRICS[name]().name in (name, "top5")


def test_spelling_is_forgiven_and_arguments_may_follow():
    assert LOSSES.resolve("Cross-Entropy") == "cross_entropy"
    assert LOSSES.resolve("mean_squared_error") == "mse"
    assert "MSE" in LOSSES
    assert "sgd(momentum=0.9)" in OPTIMIZERS
    assert "top3" in METRICS
    assert "topsy" not in METRICS
    assert 3 not in METRICS
    assert "sgd" in OPTIMIZERS.names()


def test_an_unknown_name_names_the_nearest_and_all():
    with pytest.raises(ArgumentError, match=r"'hubr'; did you mean 'huber'.*\n.*cross_entropy"):
        LOSSES["hubr"]


def test_arguments_are_literals():
    assert parse("sgd") == ("sgd", {})
    assert parse("sgd(momentum=0.9, nesterov=True)") == ("sgd", {"momentum": 0.9, "nesterov": True})
    for bad in ("sgd(", "sgd(open('x'))", "sgd(a=open('x'))", "sgd(**x)", "sgd(a=1).step()"):
        with pytest.raises(ArgumentError, match="cannot be read as a name with arguments"):
            parse(bad)


def test_layers_of_losses_are_checked_like_their_functions():
    assert as_loss(nn.CrossEntropyLoss()).kind is LOSSES["cross_entropy"]
    assert as_loss(lambda o, t: o).kind is None
