"""Parameters left as they are, and learning rates by name."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.errors import ArgumentError, TrainingError
from nbdl.inspection.flow_findings import findings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.middle = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(nn.functional.relu(self.middle(self.features(x))))


def net():
    nbdl.manual_seed(0)
    return Net()


def values(model):
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: t.numpy().copy() for name, t in tensors}


def changed(model, before):
    return {name for name, value in values(model).items() if (value != before[name]).any()}


def fit(model, **options):
    options = {"batch_size": 16, "epochs": 3, "lr": 0.1, "optim": "sgd"} | options
    return nbdl.train(model, (X, Y), store=False, **options)


@pytest.mark.parametrize("pattern", ["features.*", "features", ["features.0", "features.1.*"]])
@pytest.mark.parametrize("compile", [False, True])
def test_frozen_layers_stay_as_they_are_statistics_included(pattern, compile):
    model = net()
    before = values(model)
    run = fit(model, freeze=pattern, compile=compile, optim="adamw")
    assert changed(model, before) == {"middle.weight", "middle.bias", "head.weight", "head.bias"}
    assert all(p.requires_grad for p in model.parameters())  # afterwards it can be trained again
    assert all(m.training for m in model.modules())
    assert any("compiled from" in text for _, _, text in run.history.events) == compile


def test_the_rest_learns_as_if_the_frozen_part_were_a_function():
    ours, theirs = net(), net()
    fit(ours, freeze="features")
    theirs.features.requires_grad_(False)
    theirs.features.eval()
    optimizer = optim.SGD([p for p in theirs.parameters() if p.requires_grad], lr=0.1)
    for _, (x, y) in zip(range(12), _batches(), strict=False):
        optimizer.zero_grad()
        nn.functional.cross_entropy(theirs(x), y).backward()
        optimizer.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-5, atol=1e-6)


def _batches():
    loader = nbdl.data.DataLoader((X, Y), 16, shuffle=True, seed=0)
    while True:
        yield from loader


@pytest.mark.parametrize("compile", [False, True])
def test_a_callback_thaws_what_was_frozen(compile):
    model = net()
    before, seen = values(model), []

    def thaw(run):
        seen.append(changed(model, before))
        if run.epoch == 1:
            run.unfreeze("features.*")

    run = fit(model, freeze="features", callbacks=thaw, compile=compile)
    assert not any("features" in name for name in seen[0])
    assert {"features.0.weight", "features.1.running_mean"} <= seen[1]
    assert any("features.0.weight" in text and "trained from here on" in text
               for _, _, text in run.history.events)  # fmt: skip
    norms = run.history.gradients
    column = norms.layers.index("features.0.weight")
    assert norms.norms[0, column] == 0


def test_a_run_freezes_later_too_and_its_optimizer_state_stays():
    model = net()
    run = fit(model, epochs=2, optim="adam",
              callbacks=lambda run: run.freeze("head") if run.epoch == 1 else None)  # fmt: skip
    steps = {name: run.optimizers[0].state[p]["step"] for name, p in model.named_parameters()}
    assert steps["head.weight"] == 4
    assert steps["middle.weight"] == 8


def test_frozen_layers_are_no_finding():
    model = net()
    run = fit(model, freeze="features", epochs=8)
    assert "features.0.weight" in run.history.gradients.layers
    assert not any("features" in finding.title for finding in findings(run.history.gradients))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("feature.*", "no name fits the pattern 'feature.*'; did you mean 'features'"),
        ("head.wieght", "did you mean 'head.weight'"),
        ("", "freeze takes patterns of names"),
        (3, "freeze takes patterns of names, got 3"),
    ],
)
def test_a_pattern_that_fits_nothing(pattern, said):
    with pytest.raises(ArgumentError, match=said.replace("*", r"\*")):
        fit(net(), freeze=pattern)


def test_all_frozen_is_nothing_to_train():
    model = net()
    with pytest.raises(TrainingError, match="leaves nothing of 'Net' to train"):
        fit(model, freeze="*")
    assert all(p.requires_grad for p in model.parameters())


def test_what_no_optimizer_has_is_not_thawed():
    model = net()
    model.features.requires_grad_(False)
    run = fit(model)
    with pytest.raises(ArgumentError, match="was frozen before the run began"):
        run.unfreeze("features")
    with pytest.raises(ArgumentError, match="did you mean 'head'"):
        run.unfreeze("haed")


# ----- rates by name ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", optim.AdamW, "muon", "sam", "lookahead"])
def test_each_pattern_is_a_group_with_its_rate(optimizer):
    model = net()
    run = fit(model, optim=optimizer, lr={"head.*": 0.5, "middle": 0.25, "*": 0.125}, max_steps=1)
    rates = {id(p): group["lr"] for group in run.optimizers[0].param_groups
             for p in group["params"]}  # fmt: skip
    expected = {"head": 0.5, "middle": 0.25, "features": 0.125}
    assert {name: rates[id(p)] for name, p in model.named_parameters()} == {
        name: expected[name.split(".")[0]] for name, _ in model.named_parameters()
    }
    assert run.config["lr"] == {"head.*": 0.5, "middle": 0.25, "*": 0.125}


def test_what_no_pattern_fits_has_the_optimizers_own_rate():
    run = fit(net(), optim="adamw", lr={"head": 0.5}, max_steps=1)
    assert [group["lr"] for group in run.optimizers[0].param_groups] == [0.5, 1e-3]


@pytest.mark.judge
def test_groups_learn_as_pytorchs_do():
    import torch

    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    judge = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    judge.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    run = nbdl.train(model, lambda: [(X, Y)], lr={"2": 0.5, "*": 0.05}, optim="sgd(momentum=0.9)",
                     schedule="one_cycle", epochs=12, max_steps=12, store=False)  # fmt: skip
    optimizer = torch.optim.SGD(
        [{"params": judge[2].parameters(), "lr": 0.5}, {"params": judge[0].parameters()}],
        lr=0.05, momentum=0.9,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [0.5, 0.05], total_steps=12)
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(judge(torch.tensor(X)), torch.tensor(Y))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step < 11:
            schedule.step()
    np.testing.assert_allclose(run.history["loss"], losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"haed": 0.1}, "lr: no name fits the pattern 'haed'; did you mean 'head'"),
        ({"*": 0.1, "head": 0.2}, "all that 'head' fits has the rate of '\\*', which comes first"),
        ({"head": -1}, "lr must be a positive number"),
    ],
)
def test_rates_that_make_no_sense(rates, said):
    with pytest.raises(ArgumentError, match=said):
        fit(net(), lr=rates)


def test_an_optimizer_that_exists_has_its_groups_already():
    model = net()
    with pytest.raises(ArgumentError, match="has its own already"):
        fit(model, optim=optim.SGD(model.parameters(), lr=0.1), lr={"*": 0.1})
