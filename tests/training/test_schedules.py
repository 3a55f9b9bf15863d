"""Schedules by name over a run."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError
from nbdl.optim import lr_scheduler
from nbdl.training import SCHEDULES

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = np.arange(40) % 3


def rates(schedule, epochs=5, **options):
    """The learning rate of each of the 4 x 5 steps, as a run with lr=0.1 used it."""
    used = []

    class Watch(nbdl.optim.SGD):
        def step(self, closure=None):
            used.append(self.param_groups[0]["lr"])
            return super().step(closure)

    model = nn.Linear(4, 3)
    nbdl.train(
        model, (X, Y), optim=Watch, lr=0.1, epochs=epochs, batch_size=10, schedule=schedule,
        store=False, **options,
    )  # fmt: skip
    return np.array(used)


@pytest.mark.parametrize("name", SCHEDULES.names())
def test_each_schedule_goes_through_a_whole_run(name):
    lr = rates(name)
    assert len(lr) == 20
    assert (lr > 0).all()
    assert (lr <= 0.1 + 1e-9).all()
    if name != "plateau":
        assert len(set(lr)) > 1


def test_schedules_fit_the_length_of_the_run():
    n = np.arange(20)
    np.testing.assert_allclose(rates("cosine"), 0.05 * (1 + np.cos(np.pi * n / 20)), rtol=1e-5)
    np.testing.assert_allclose(rates("linear"), 0.1 * (1 - n / 20), rtol=1e-5)
    one = rates("one_cycle")
    assert one.argmax() in (5, 6)
    assert one.max() == pytest.approx(0.1, rel=0.01)
    warm = rates("warmup_cosine", epochs=10)
    assert warm[0] == pytest.approx(0.05)
    assert warm.argmax() in (1, 2)


def test_arguments_and_schedulers_of_ones_own():
    lr = rates("step(step_size=2, gamma=0.5)")
    np.testing.assert_allclose(lr, np.repeat([0.1, 0.1, 0.05, 0.05, 0.025], 4))
    lr = rates(lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.5))
    np.testing.assert_allclose(lr, np.repeat(0.1 * 0.5 ** np.arange(5), 4))


def test_a_plateau_is_looked_for_in_the_validation_loss():
    lr = rates("plateau(patience=0, threshold=1e9)", val=(X, Y))
    assert lr[-1] < 0.01


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("step(stepsize=2)", "did you mean 'step_size'"),
        (3, "a schedule is a name"),
        (lambda optimizer: 3, "gave no scheduler"),
    ],
)
def test_what_is_no_schedule_is_said(schedule, words):
    with pytest.raises(ArgumentError, match=words):
        rates(schedule)


def test_data_without_a_length_is_said():
    with pytest.raises(ArgumentError, match=r"data has no length\n.*max_steps"):
        nbdl.train(nn.Linear(4, 3), lambda: iter([(X, Y)]), schedule="cosine")
