"""What a run says of its compilation."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError


class Branching(nn.Module):
    """Looks at its values, which cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        y = self.linear(x)
        return y if float(y.sum().item()) > 0 else -y


def trained(model, *, count=20, **options):
    x = np.random.default_rng(0).normal(size=(count, 4)).astype("float32")
    data = nbdl.tensor(x), nbdl.tensor(np.arange(count) % 2)
    settings = {"epochs": 2, "batch_size": 5, "store": False, "progress": False}
    return nbdl.train(model, data, **settings | options)


def notes(run):
    return [text for _, kind, text in run.history.events if kind == "note"]


def test_a_compiled_run_says_from_which_step_on_and_what_it_took():
    run = trained(nn.Linear(4, 2), compile=True)
    [note] = notes(run)
    assert re.fullmatch(r"compiled from step 2 on, in \d+\.\d\d s", note)
    assert run.plan().calls


def test_a_batch_of_another_size_is_compiled_once_more():
    run = trained(nn.Linear(4, 2), count=22, compile=True)
    first, second = notes(run)
    assert first.startswith("compiled from step 2 on, in ")
    assert second.startswith("compiled once more at step 5, in ")


def test_a_run_that_cannot_be_compiled_says_why_once():
    run = trained(Branching(), compile=True)
    [note] = notes(run)
    assert note.startswith("the training goes on uncompiled: the values of a tensor float32[]")
    assert run.status == "finished"
    with pytest.raises(ArgumentError, match="is not compiled"):
        run.plan()


@pytest.mark.parametrize("wanted", [False, None])
def test_a_run_that_need_not_be_compiled_says_nothing(wanted):
    run = trained(nn.Linear(4, 2), compile=wanted)
    assert notes(run) == []
    assert run.compiled is None


def test_a_step_of_ones_own_is_not_compiled_in_silence():
    with pytest.raises(ArgumentError, match="compile= does not go with step="):
        nbdl.train(step=lambda batch: None, data=[(1, 2)], compile=True, store=False)
    run = nbdl.train(
        step=lambda batch: None, data=[(1, 2)], epochs=1, compile=False, store=False, progress=False
    )
    assert run.status == "finished"


def test_compile_is_yes_no_or_not_said():
    x, y = np.zeros((4, 2), np.float32), np.zeros(4, np.int64)
    with pytest.raises(ArgumentError, match="compile must be True, False or None"):
        nbdl.train(nn.Linear(2, 2), (x, y), compile="yes", store=False)


def test_whether_it_pays_depends_on_the_training_and_not_on_the_machine():
    assert notes(trained(nn.Linear(4, 2), epochs=300)) == []
    [note] = notes(trained(nn.Linear(4, 2), epochs=360))
    assert note.startswith("compiled from step 2 on, in ")
