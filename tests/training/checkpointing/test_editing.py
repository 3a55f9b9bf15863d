"""An edited model goes on in the run of the older one: weights, optimizer state, step, schedule."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import TrainingError
from nbdl.inspection.dashboard import PastRun, dashboard_record
from nbdl.training import carry_over, goes_on

N = 64


def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 8)).astype(np.float32), rng.integers(0, 3, N)


def named(model):
    model._name = "net"
    return model


def older():
    nbdl.manual_seed(3)
    return named(nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(),
                               nn.Linear(12, 3)))  # fmt: skip


def newer():
    return named(nn.Sequential(
        nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(),
        nn.Dropout(0.1), nn.Linear(12, 3),
    ))  # fmt: skip


def cut_off(model, at=10, **options):
    def stop(run):
        if run.epoch == 2:
            run.stop()

    given = {"epochs": 6, "batch_size": 16, "progress": False}
    return nbdl.train(model, images(), callbacks=stop, **(given | options))


def slots(run):
    (optimizer,) = run.optimizers
    names = {id(p): name for name, p in run.model.named_parameters()}
    return {names[id(p)]: s for p, s in optimizer.state.items()}


@pytest.mark.parametrize("restarted", [False, True])
def test_the_edited_model_goes_on_where_the_older_one_was(restarted):
    model = older()
    run = cut_off(model, schedule="cosine")
    assert run.step == 8
    before = {name: {k: np.copy(v) for k, v in s.items()} for name, s in slots(run).items()}
    weights = {name: p.numpy().copy() for name, p in model.named_parameters()}
    edited = newer()
    if restarted:
        goes_on(edited)
    else:
        carry_over(model, edited)
    seen = {}

    class Look(nbdl.training.Callback):
        def on_start(self, run):
            seen["slots"] = {name: {k: np.copy(v) for k, v in s.items()}
                             for name, s in slots(run).items()}  # fmt: skip
            seen["weights"] = {n: p.numpy().copy() for n, p in edited.named_parameters()}
            seen["step"], seen["lr"] = run.step, run.lr

    again = nbdl.train(edited, images(), resume=True, progress=False, callbacks=[Look()])
    assert (again.id, again.step, again.status) == (run.id, 24, "finished")
    pairs = {"0": "0", "3": "2", "6": "4"}
    for now, then in pairs.items():
        for t in ("weight", "bias"):
            assert (seen["weights"][f"{now}.{t}"] == weights[f"{then}.{t}"]).all()
            found, kept = seen["slots"][f"{now}.{t}"], before[f"{then}.{t}"]
            assert found.keys() == kept.keys()
            assert all((found[k] == kept[k]).all() for k in kept)
    assert "1.weight" not in seen["slots"]
    assert (seen["step"], seen["lr"]) == (8, run.lr)
    steps, losses = again.history.series("loss")
    assert steps.tolist() == list(range(1, 25))
    assert (losses[:8] == run.history["loss"]).all()


def test_the_edit_is_marked_in_the_run_and_in_the_store():
    model = older()
    run = cut_off(model)
    edited = newer()
    carry_over(model, edited)
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    text = "step 8: the model was edited, 6 of 11 weights kept; new: 1.weight, 1.bias, "
    for shown in (again, PastRun(nbdl.runs()[run.id])):
        marks = [line for line in dashboard_record(shown).log if line.kind == "edit"]
        assert [line.step for line in marks] == [8]
        assert marks[0].text.startswith(text)
    kept = nbdl.runs()[run.id]
    assert "BatchNorm1d" in kept.model
    assert kept.history().gradients.layers == [n for n, _ in edited.named_parameters()]


def test_an_edited_model_that_was_not_meant_to_go_on_is_refused():
    run = cut_off(older())
    with pytest.raises(TrainingError, match="is not the model that was trained") as caught:
        nbdl.train(newer(), images(), resume=run.id, progress=False)
    assert "--keep" in caught.value.hint


def test_models_without_common_parameters_go_on_with_the_new_weights():
    model = older()
    run = cut_off(model)
    edited = named(nn.Sequential(nn.Linear(8, 3, bias=False)))
    carried = carry_over(model, edited)
    assert not carried.pairs
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    assert again.status == "finished"
    assert any("0 of 1 weights kept" in text for _, _, text in again.history.events)


def test_another_dtype_goes_on():
    model = older()
    run = cut_off(model)
    edited = older().to("float64")
    carry_over(model, edited)
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    assert again.status == "finished"
    assert edited[0].weight.dtype == np.float64


def test_an_edit_that_changes_no_weights_is_no_edit():
    model = older()
    run = cut_off(model)
    edited = older()
    edited[1] = nn.GELU()
    carry_over(model, edited)
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    assert again.status == "finished"
    assert (again.history["loss"][:8] == run.history["loss"]).all()


def test_snapshots_after_an_edit_are_of_the_edited_model():
    model = older()
    run = cut_off(model, history=6)
    edited = newer()
    carry_over(model, edited)
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    assert again.steps_kept[0] == 8
    assert len(again.at(again.steps_kept[1])) == 7
    assert len(run.at(4)) == 5


@pytest.mark.parametrize("options", [
    {"optim": "muon"}, {"lr": {"0.*": 1e-2, "*": 1e-3}}, {"lr": {"*.bias": 1e-2}, "optim": "adam"},
], ids=str)  # fmt: skip
def test_several_groups_of_parameters_go_on_by_their_names(options):
    model = older()
    run = cut_off(model, **options)
    before = {name: {k: np.copy(v) for k, v in s.items()} for name, s in slots(run).items()}
    rates = [group["lr"] for group in run.optimizers[0].param_groups]
    assert len(rates) > 1
    edited = newer()
    carry_over(model, edited)
    seen = {}

    class Look(nbdl.training.Callback):
        def on_start(self, run):
            seen.update({name: {k: np.copy(v) for k, v in s.items()}
                         for name, s in slots(run).items()})  # fmt: skip
            seen["rates"] = [group["lr"] for group in run.optimizers[0].param_groups]

    again = nbdl.train(edited, images(), resume=run.id, progress=False, callbacks=[Look()])
    assert again.status == "finished"
    assert seen.pop("rates") == rates
    pairs = {"0": "0", "3": "2", "6": "4"}
    for now, then in pairs.items():
        for t in ("weight", "bias"):
            found, kept = seen.pop(f"{now}.{t}"), before[f"{then}.{t}"]
            assert found.keys() == kept.keys()
            assert all((found[k] == kept[k]).all() for k in kept)
    assert not seen
    assert not any("begins anew" in text for _, _, text in again.history.events)


def test_another_number_of_groups_begins_anew_and_says_so():
    model = named(nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)))
    run = cut_off(model, optim="muon")
    edited = named(nn.Sequential(nn.Linear(8, 3)))
    carry_over(model, edited)
    again = nbdl.train(edited, images(), resume=run.id, progress=False)
    assert len(again.optimizers[0].param_groups) < len(run.optimizers[0].param_groups)
    assert again.status == "finished"
    assert any("begins anew" in text for _, _, text in again.history.events)
