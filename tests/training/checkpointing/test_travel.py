"""Time travel: the model as it was at a step, and training on from there."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import ArgumentError
from nbdl.training import Callback
from nbdl.training.checkpointing.travel import as_ring

N = 60


def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 8)).astype(np.float32), rng.integers(0, 3, N)


def normed():
    nbdl.manual_seed(3)
    return nn.Sequential(
        nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 3)
    )


def trained(model=None, **changes):
    given = {"history": 8, "epochs": 4, "batch_size": 8, "progress": False, "store": False}
    return nbdl.train(normed() if model is None else model, images(), **(given | changes))


class Watch(Callback):
    """Keeps copies of weights and buffers after each step."""

    def __init__(self, model):
        self.model, self.seen = model, {}

    def on_step_end(self, run):
        members = (*self.model.named_parameters(), *self.model.named_buffers())
        self.seen[run.step] = {name: t.numpy().copy() for name, t in members}


def state(model):
    members = (*model.named_parameters(), *model.named_buffers())
    return {name: t.numpy() for name, t in members}


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


# ----- at a step --------------------------------------------------------------------------------


@pytest.mark.parametrize("compile", [False, True])
def test_the_model_is_as_it_was_to_the_bit(compile):
    model = normed()
    watch = Watch(model)
    run = trained(model, callbacks=[watch], compile=compile)
    assert run.steps_kept[0] == 0
    assert run.steps_kept[-1] == run.step == 32
    for step in run.steps_kept[1:]:
        assert same(state(run.at(step)), watch.seen[step])
    assert same(state(model), watch.seen[32])


def test_the_first_snapshot_is_of_the_model_before_the_first_step():
    model = normed()
    before = {name: a.copy() for name, a in state(model).items()}
    run = trained(model)
    assert same(state(run.at(0)), before)


def test_the_nearest_step_before_is_given_and_named():
    run = trained(history=4)
    kept = run.steps_kept
    model = run.at(kept[1] + 1)
    assert model._name == f"Sequential at step {kept[1]}"
    assert not any(part.training for part in model.modules())
    assert nbdl.predict(model, images()[0]).shape == (N, 3)


def test_what_becomes_of_the_copy_does_not_change_the_run():
    model = normed()
    run = trained(model)
    weights = {name: a.copy() for name, a in state(model).items()}
    copy = run.at(0)
    copy[0].weight.data = nbdl.zeros((12, 8))
    assert same(state(model), weights)
    assert (run.at(0)[0].weight.numpy() != 0).any()
    nbdl.train(model, images(), epochs=1, progress=False, store=False)
    assert same(state(run.at(32)), weights)


def test_the_past_can_be_asked_for_while_the_run_goes_on():
    seen = []

    class Ask(Callback):
        def on_step_end(self, run):
            if run.step == 20:
                seen.append(run.at(8))

    trained(callbacks=[Ask()])
    assert seen[0]._name.startswith("Sequential at step")


def test_several_models_come_back_as_they_were_given():
    models = {"g": nn.Linear(8, 8), "d": nn.Linear(8, 3)}
    optimizer = nbdl.optim.SGD([*models["g"].parameters(), *models["d"].parameters()], lr=0.1)

    def step(x, y):
        loss = nn.functional.cross_entropy(models["d"](models["g"](x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    before = {k: m.weight.numpy().copy() for k, m in models.items()}
    run = nbdl.train(step=step, data=images(), model=models, optimizers=[optimizer], epochs=2,
                     history=4, progress=False, store=False)  # fmt: skip
    then = run.at(0)
    assert list(then) == ["g", "d"]
    for key, model in then.items():
        assert (model.weight.numpy() == before[key]).all()
        assert (models[key].weight.numpy() != before[key]).any()
    with pytest.raises(ArgumentError, match="a step of your own"):
        run.branch(1)


# ----- branches ---------------------------------------------------------------------------------


class Noisy(data.Dataset):
    def __init__(self):
        self.x, self.y = images()

    def __len__(self):
        return N

    def __getitem__(self, i):
        noise = data.sample_rng().normal(size=8).astype(np.float32)
        return self.x[i] + noise, self.y[i]


@pytest.mark.parametrize("options", [
    {}, {"compile": True}, {"optim": "sgd(momentum=0.9)"}, {"schedule": "one_cycle"},
    {"clip_norm": 0.5}, {"early_stopping": {"patience": 9}},
], ids=str)  # fmt: skip
def test_a_branch_without_changes_does_what_the_run_has_done(options):
    run = nbdl.train(normed(), Noisy(), val=images(), epochs=4, batch_size=8, history=8,
                     progress=False, store=False, **options)  # fmt: skip
    weights = {name: a.copy() for name, a in state(run.model).items()}
    branch = run.branch(13)
    assert branch.steps_kept[0] in run.steps_kept
    assert 0 < branch.steps_kept[0] <= 13
    for name in ("loss", "accuracy", "val_loss", "lr"):
        for before, now in zip(run.history.series(name), branch.history.series(name), strict=True):
            assert (before == now).all(), name
    assert same(state(branch.model), weights)
    assert branch.model is not run.model
    assert same(state(run.model), weights)
    assert branch.config["parent"] == f"branch of {run.id} at step {branch.steps_kept[0]}"
    assert branch.id != run.id


def test_a_branch_of_a_branch():
    run = trained()
    first = run.branch(16, lr=0.1)
    second = first.branch(24)
    assert second.config["parent"].startswith(f"branch of {first.id}")
    assert second.config["lr"] == 0.1
    assert (second.history["loss"] == first.history["loss"]).all()


def test_changes_hold_from_the_step_on():
    run = trained(schedule="cosine")
    at = run.steps_kept[3]
    branch = run.branch(at, lr=0.5, epochs=6)
    assert (branch.history["loss"][:at] == run.history["loss"][:at]).all()
    assert branch.lr == 0.5
    assert branch.step == 48
    assert any("schedule is off" in text for _, _, text in branch.history.events)
    scheduled = run.branch(at, schedule="linear")
    lr = scheduled.history.series("lr")[1]
    assert lr[-1] < 0.1 * lr.max()


def test_another_optimizer_or_none_kept_begins_anew_and_says_so():
    run = trained(history={"count": 8, "optimizer": False})
    assert any("begins anew" in text for _, _, text in run.branch(16).history.events)
    run = trained()
    branch = run.branch(16, optim="sgd", lr=0.01)
    assert any("begins anew" in text for _, _, text in branch.history.events)
    assert branch.lr == 0.01


def test_other_data_begins_its_epoch_anew():
    run = trained()
    branch = run.branch(12, data=(images()[0][:20], images()[1][:20]), batch_size=10)
    assert branch.step == branch.steps_kept[0] + 2 * 3


def test_a_branch_can_be_resumed():
    run = trained(store=True)
    branch = run.branch(16, callbacks=lambda run: run.stop() if run.epoch == 3 else None)
    assert branch.status == "stopped"
    again = nbdl.train(branch.model, images(), resume=branch.id, progress=False)
    assert (again.step, again.id) == (32, branch.id)
    assert again.config["parent"] == branch.config["parent"]
    assert (again.history["loss"] == run.history["loss"]).all()


def test_a_branch_needs_something_to_do():
    run = trained()
    with pytest.raises(ArgumentError, match="nothing left to train") as caught:
        run.branch(32)
    assert "epochs=9" in caught.value.hint
    assert run.branch(32, epochs=5).step == 40


def test_a_branch_refuses_what_train_refuses():
    run = trained()
    with pytest.raises(ArgumentError, match="momentun"):
        run.branch(8, optim="momentun")
    with pytest.raises(TypeError, match="learning_rate"):
        run.branch(8, learning_rate=1)


def test_a_branch_is_kept_with_its_parent_in_the_run_store():
    run = trained(store=True)
    branch = run.branch(16)
    kept = nbdl.runs()[branch.id]
    assert kept.config["parent"] == branch.config["parent"]
    with pytest.raises(ArgumentError, match=f"is a branch of {run.id} at step 16"):
        kept.rerun(normed(), images())


# ----- what cannot be meant ---------------------------------------------------------------------


def test_steps_that_there_are_not():
    run = trained()
    with pytest.raises(ArgumentError, match="no step -1 in the run"):
        run.at(-1)
    with pytest.raises(ArgumentError, match="and 32 steps are done"):
        run.at(33)
    later = run.branch(16)
    with pytest.raises(ArgumentError, match="the first snapshot is of step"):
        later.at(3)
    for step in ("x", 1.5, None, True):
        with pytest.raises(ArgumentError, match="whole number"):
            run.at(step)
    assert run.at(np.int64(8))._name.endswith("step 8")


def test_a_run_without_snapshots_says_how_to_have_them():
    run = trained(history=None)
    assert run.steps_kept == []
    for ask in (run.at, run.branch):
        with pytest.raises(ArgumentError, match="no snapshots") as caught:
            ask(3)
        assert "history=50" in caught.value.hint


@pytest.mark.parametrize("history", [
    0, -1, 1, 1.5, True, "x", "", "0MB", "-5MB", "12 parsecs", "50", [], {}, {"count": 1},
    {"memory": 3}, {"size": 3}, {"count": 5, "optimizer": "no"}, "1e3MB",
], ids=str)  # fmt: skip
def test_a_history_that_is_none(history):
    with pytest.raises(ArgumentError, match="history"):
        trained(history=history)


def test_memory_that_holds_no_snapshots_of_the_model():
    with pytest.raises(ArgumentError, match="do not fit"):
        trained(history="1kB")


def test_sizes_of_memory():
    for said, size in (("200MB", 200e6), ("1.5 GiB", 1.5 * 2**30), ("64kb", 64e3)):
        assert as_ring(said)[0].memory == size
    assert as_ring({"count": 9, "memory": "1GB"})[0].count == 9


def test_snapshots_keep_to_the_memory():
    run = trained(history="30kB")
    run.snapshots.settle()
    assert run.snapshots.nbytes <= 30_000
    assert len(run.steps_kept) >= 3


def test_a_callback_whose_state_cannot_be_kept_costs_the_snapshots_and_not_the_run():
    class Odd(Callback):
        def state_dict(self):
            return {"thing": object()}

        def load_state_dict(self, state):
            pass

    run = trained(callbacks=[Odd()])
    assert run.status == "finished"
    assert run.steps_kept == []
    assert any("no snapshots are taken" in text for _, _, text in run.history.events)
