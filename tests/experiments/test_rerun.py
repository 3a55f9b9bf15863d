"""A run trained again: the same to the last bit, or what is not the same."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import ArgumentError
from nbdl.experiments.rerun import find
from nbdl.training.archive.origin import fingerprint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 60)


def net(seed=1):
    nbdl.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def train(model, xy=(X, Y), **options):
    return nbdl.train(model, xy, **{"epochs": 2, "batch_size": 16, "progress": False, **options})


def test_the_same_model_data_and_options_give_the_same_numbers():
    train(net(), val=0.25, lr=0.05)
    again = nbdl.runs()[0].rerun(net(), (X, Y))
    assert again.identical
    assert again.differences == []
    assert again.compared > 10
    assert "identical" in repr(again)
    assert len(nbdl.runs()) == 2


def test_sizes_that_are_found_at_the_start_are_drawn_from_the_same_chance():
    def unbuilt():
        return nn.Sequential(nn.Linear(None, 3))

    nbdl.manual_seed(3)
    train(unbuilt())
    nbdl.manual_seed(99)
    assert nbdl.runs()[0].rerun(unbuilt(), (X, Y)).identical


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run.rerun(net(2), (X, Y)), "weights: "),
        (lambda run: run.rerun(net(), (X + 1, Y)), "data: tuple of 2, float32[60×4]"),
        (lambda run: run.rerun(net(), (X, Y), lr=0.5), "lr: 0.001 then, 0.5 now"),
        (lambda run: run.rerun(net(), (X, Y), seed=4), "seed: 0 then, 4 now"),
    ],
)
def test_the_first_other_step_and_what_differs_are_told(change, said):
    train(net(), lr=0.001)
    again = change(nbdl.runs()[0])
    assert not again.identical
    assert again.different[0] in (1, 2)
    assert said in repr(again)
    assert "different from step" in repr(again)


def test_a_run_that_was_stopped_is_repeated_as_far_as_it_came():
    class Stop(nbdl.training.Callback):
        def on_step_end(self, run):
            if run.step == 3:
                run.stop()

    train(net(), callbacks=Stop(), schedule="cosine")
    again = nbdl.runs()[0].rerun(net(), (X, Y))
    assert again.run.step == 3
    assert again.run.status == "stopped"
    assert again.identical


def test_a_learning_rate_set_by_hand_is_told():
    def set_lr(run):
        if run.epoch == 1:
            run.set_lr(0.2)

    train(net(), callbacks=set_lr)
    again = nbdl.runs()[0].rerun(net(), (X, Y))
    assert again.different[0] == 5
    assert "by hand: learning rate 0.2" in repr(again)


def test_functions_are_asked_for_by_name():
    def my_loss(outputs, targets):
        return nn.functional.cross_entropy(outputs, targets)

    train(net(), loss=my_loss)
    run = nbdl.runs()[0]
    with pytest.raises(ArgumentError, match=r"loss of the run \w+ was an object, my_loss"):
        run.rerun(net(), (X, Y))
    assert run.rerun(net(), (X, Y), loss=my_loss).identical


def test_what_is_missing_is_said():
    train(net(), val=(X, Y))
    run = nbdl.runs()[0]
    with pytest.raises(ArgumentError, match=r"needs the model and the data and the val of"):
        run.rerun()
    with pytest.raises(ArgumentError, match="needs the val of"):
        run.rerun(net(), (X, Y))
    assert run.rerun(net(), (X, Y), val=(X, Y)).identical


def test_a_loop_of_ones_own_is_not_repeated():
    for _ in nbdl.track([(X, Y), (X, Y)], progress=False):
        pass
    with pytest.raises(ArgumentError, match="was not started by train"):
        nbdl.runs()[0].rerun(net(), (X, Y))


def test_data_is_found_among_variables():
    whole = data.TensorDataset(X, Y)
    part, rest = whole.split(0.5)
    loader = data.DataLoader(part, 8, shuffle=True)
    variables = {"a": 1, "np": np, "rest": rest, "loader": loader, "part": part, "whole": whole,
                 "x": X, "y": Y, "tensor": nbdl.tensor(Y)}  # fmt: skip
    assert find(fingerprint(part), variables) is part
    assert find(fingerprint(loader), variables) is loader
    assert find(fingerprint(whole), variables) is whole
    assert find(fingerprint((X, Y)), variables) == (X, Y)
    assert find(fingerprint((X + 1, Y)), variables) is None
    assert find(fingerprint({"x": X}), variables) is None

    class Hostile:
        def __len__(self):
            raise RuntimeError("boom")

    assert find(fingerprint(X), {"h": Hostile(), "x": X}) is X
