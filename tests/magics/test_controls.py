"""``%train net --pause`` and its like: what the dashboard's buttons do, as words."""

from __future__ import annotations

import time

import pytest

from tests.magics.kernel import LATER_S

LONG = "%train lenet train --epochs 100000"


@pytest.fixture
def training(lenet):
    """A kernel in which lenet is being trained."""
    lenet.run(LONG)
    time.sleep(LATER_S)
    lenet.until("run.step > 0")
    yield lenet
    lenet.run("run.stop(); run.join(10)")


def test_pause_step_resume_and_stop(training):
    assert training.run("%train lenet --pause").said.strip() == ""
    training.until("run.status == 'paused'")
    before = int(training.value("run.step"))
    training.run("%train lenet --single-step")
    training.until(f"run.status == 'paused' and run.step == {before + 1}")
    training.run("%train lenet --resume")
    training.until(f"run.status == 'running' and run.step > {before + 1}")
    training.run("%train run --stop")
    training.until("run.status == 'stopped'")


def test_numbers_are_given_with_their_word(training):
    training.run("%train lenet --set-lr 0.25")
    training.until("run.lr == 0.25")
    training.run("%train lenet --set-lr {1 / 8}")
    training.until("run.lr == 0.125")
    training.run("%train lenet --add-epochs 5")
    assert training.value("run.epochs") == "100005"


def test_save_writes_a_checkpoint_that_stays(training):
    training.run("%train lenet --save")
    training.until("any('saved' in p.name for p in run.checkpoints.folder.glob('*'))")


@pytest.mark.parametrize(
    ("words", "message", "part"),
    [
        ("lenet --set-lr fast", "'fast'", "fast"),
        ("lenet --set-lr -1", "-1", ""),
        ("lenet --add-epochs 0", "add_epochs", ""),
        ("lenet --pause --stop", "--pause stands alone: %train lenet --pause", "--stop"),
        ("lenet train --stop", "--stop stands alone: %train lenet --stop", "--stop"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(training, words, message, part):
    cell = training.run(f"%train {words}")
    assert message in cell.said
    if part:
        assert cell.underlined == part
    assert training.value("run.status, run.epochs, run.lr") == "('running', 100000, 0.001)"


def test_what_is_not_being_trained_cannot_be_controlled(lenet):
    cell = lenet.run("%train lenet --stop")
    assert "lenet is not being trained" in cell.said
    assert cell.underlined == "lenet"


def test_the_help_has_them(lenet):
    said = lenet.run("%train --help").said
    for word in ("--pause", "--single-step", "--stop", "--save", "--set-lr RATE", "--add-epochs N"):
        assert word in said
