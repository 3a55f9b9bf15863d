"""Several batches a step: the numbers of one large batch, by hand and by PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 44)


def net():
    nbdl.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3))


def trained(batch, accumulate=1, **options):
    model = net()
    loader = data.DataLoader((X, Y), batch, shuffle=True, seed=4)
    options = {"optim": "sgd(momentum=0.9)", "lr": 0.1, "epochs": 3} | options
    run = nbdl.train(model, loader, accumulate=accumulate, store=False, **options)
    return run, model


@pytest.mark.parametrize("compile", [False, True])
def test_four_batches_a_step_are_one_batch_of_four_times_the_size(compile):
    small, ours = trained(4, 4, compile=compile, clip_norm=0.5)
    large, theirs = trained(16, compile=False, clip_norm=0.5)
    assert small.step == large.step == 9  # the last group of an epoch is 3 batches of 4
    assert small.total_steps == large.total_steps
    np.testing.assert_allclose(small.history["loss"], large.history["loss"], rtol=2e-6)
    np.testing.assert_allclose(small.history["accuracy"], large.history["accuracy"])
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=2e-5, atol=2e-6)
    if compile:
        assert any("compiled from step 2" in text for _, _, text in small.history.events)


def test_the_last_group_is_what_is_left():
    run, _ = trained(5, 4, epochs=2)  # 9 batches: 4, 4, and one of 4 samples
    assert run.step == 6
    large, _ = trained(20, epochs=2)
    np.testing.assert_allclose(run.history["loss"], large.history["loss"], rtol=2e-6)


def test_batches_of_unequal_size_count_by_their_targets():
    batches = [(X[:3], Y[:3]), (X[3:10], Y[3:10]), (X[10:12], Y[10:12])]
    ours, theirs = net(), net()
    one = nbdl.train(ours, lambda: batches, accumulate=3, epochs=1, optim="sgd", store=False)
    two = nbdl.train(theirs, lambda: [(X[:12], Y[:12])], epochs=1, optim="sgd", store=False)
    np.testing.assert_allclose(one.history["loss"], two.history["loss"], rtol=1e-6)
    np.testing.assert_allclose(ours[0].weight.numpy(), theirs[0].weight.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "cross_entropy(ignore_index=1)", "cross_entropy(reduction='sum')",
        nn.CrossEntropyLoss(weight=nbdl.tensor([1.0, 5.0, 0.5])),
    ],
)  # fmt: skip
def test_what_a_mean_is_divided_by_is_what_batches_count(loss):
    small, ours = trained(4, 3, loss=loss, lr=0.01)
    large, theirs = trained(12, loss=loss, lr=0.01)
    np.testing.assert_allclose(small.history["loss"], large.history["loss"], rtol=5e-6)
    np.testing.assert_allclose(ours[0].weight.numpy(), theirs[0].weight.numpy(), rtol=1e-4)


@pytest.mark.judge
def test_pytorch_by_hand_gives_the_same_losses():
    import torch

    model = net()
    judge = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    judge.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    batches = [(X[i : i + 4], Y[i : i + 4]) for i in range(0, 32, 4)]
    run = nbdl.train(
        model, lambda: batches, accumulate=4, optim="adam", lr=0.01, epochs=4, store=False
    )
    optimizer = torch.optim.Adam(judge.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        for start in (0, 4):
            optimizer.zero_grad()
            total = 0.0
            for x, y in batches[start : start + 4]:
                loss = torch.nn.functional.cross_entropy(judge(torch.tensor(x)), torch.tensor(y))
                (loss / 4).backward()
                total += loss.item() / 4
            optimizer.step()
            losses.append(total)
    np.testing.assert_allclose(run.history["loss"], losses, rtol=1e-4)


def test_max_steps_counts_updates():
    run, _ = trained(4, 4, epochs=9, max_steps=4)
    assert run.step == 4
    assert run.message == "4 steps done"


def test_an_optimizer_that_needs_a_closure_sees_all_batches():
    small, _ = trained(11, 2, optim="sam", lr=0.05)
    large, _ = trained(22, optim="sam", lr=0.05)
    np.testing.assert_allclose(small.history["loss"], large.history["loss"], rtol=1e-4)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, "4"])
def test_what_is_no_number_of_batches(wrong):
    with pytest.raises(ArgumentError, match="accumulate must be a whole number of at least 1"):
        nbdl.train(net(), (X, Y), accumulate=wrong, store=False)


def test_a_step_of_ones_own_accumulates_by_itself():
    with pytest.raises(ArgumentError, match="accumulate= does not go with step="):
        nbdl.train(step=lambda x, y: None, data=[(X, Y)], accumulate=2, store=False)
