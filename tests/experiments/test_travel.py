"""Runs of which only files are left: back to their checkpoints, and on from there."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError, FileError
from nbdl.training.checkpointing import travel
from nbdl.training.checkpointing.checkpoints import checkpoint_files, folder_of

N = 60


def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 8)).astype(np.float32), rng.integers(0, 3, N)


def made():
    nbdl.manual_seed(3)
    return nn.Sequential(nn.Linear(8, 12), nn.Dropout(0.3), nn.Linear(12, 3))


@pytest.fixture
def gone(monkeypatch):
    """A run that was saved after step 11, and what it was; no memory of it is left."""
    run = nbdl.train(made(), images(), val=images(), epochs=4, batch_size=8, progress=False,
                     schedule="cosine", history=8,
                     callbacks=lambda run: run.save() if run.epoch == 2 else None)  # fmt: skip
    monkeypatch.setattr(travel, "_traveling", {})
    return run


def test_the_model_of_a_checkpoint(gone):
    record = nbdl.runs()[gone.id]
    saved = record.steps_kept[0]
    assert record.steps_kept[-1] == 32
    net = made()
    then = record.at(32, net)
    assert (then[0].weight.numpy() == gone.model[0].weight.numpy()).all()
    assert (net[0].weight.numpy() != then[0].weight.numpy()).any()
    assert then._name == "Sequential at step 32"
    assert (record.at(saved, net)[0].weight.numpy() == gone.at(saved)[0].weight.numpy()).all()


def test_a_branch_does_what_the_run_has_done(gone):
    record = nbdl.runs()[gone.id]
    branch = record.branch(record.steps_kept[0], made(), images(), val=images(), progress=False)
    for name in ("loss", "accuracy", "val_loss", "lr"):
        for before, now in zip(gone.history.series(name), branch.history.series(name), strict=True):
            assert (before == now).all(), name
    assert branch.config["parent"].startswith(f"branch of {gone.id}")


def test_while_the_run_is_in_memory_its_snapshots_are_there():
    run = nbdl.train(made(), images(), epochs=4, batch_size=8, progress=False, history=8)
    record = nbdl.runs()[run.id]
    assert record.steps_kept == run.steps_kept
    assert (record.at(9)[0].weight.numpy() == run.at(9)[0].weight.numpy()).all()
    branch = record.branch(9, progress=False)
    assert (branch.history["loss"] == run.history["loss"]).all()


def test_what_is_not_there_is_told_with_what_is(gone):
    record = nbdl.runs()[gone.id]
    with pytest.raises(ArgumentError, match=r"no step 3 .* its checkpoints are of") as caught:
        record.at(3, made())
    assert "step" in caught.value.hint
    with pytest.raises(ArgumentError, match="not in memory"):
        record.at(32)
    with pytest.raises(ArgumentError, match="not built like"):
        record.at(32, nn.Sequential(nn.Linear(8, 3)))
    with pytest.raises(ArgumentError, match="whole number"):
        record.at("x", made())
    with pytest.raises(ArgumentError, match="needs its model, data, val again"):
        record.branch(32)
    path = checkpoint_files(folder_of(record.store.path, record.id))[-1]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FileError, match=path.name):
        record.at(32, made())
