"""A whole training, step by step, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn

pytestmark = pytest.mark.judge


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD"])
def test_the_losses_of_a_convolutional_network_are_pytorchs(optimizer):
    import torch

    torch.set_num_threads(1)
    train, _ = data.digits().split(512, stratify=True)

    def make(n):
        return n.Sequential(
            n.Conv2d(1, 8, 3, padding=1), n.ReLU(), n.MaxPool2d(2), n.Conv2d(8, 16, 3), n.Tanh(),
            n.Flatten(), n.Linear(64, 32), n.ReLU(), n.Linear(32, 10),
        )  # fmt: skip

    torch.manual_seed(0)
    theirs, ours = make(torch.nn), make(nn)
    ours.load_state_dict({k: nbdl.Tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    loader = data.DataLoader(train, batch_size=64, shuffle=True, seed=3)
    run = nbdl.train(
        ours, loader, optim=optimizer.lower(), lr=0.01, epochs=3, clip_norm=1.0, schedule="cosine",
        store=False,
    )  # fmt: skip
    loader.set_epoch(0)
    judge = getattr(torch.optim, optimizer)(theirs.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(judge, 24)
    losses = []
    for _ in range(3):
        for x, y in loader:
            judge.zero_grad()
            outputs = theirs(torch.tensor(x.numpy()))
            loss = torch.nn.functional.cross_entropy(outputs, torch.tensor(y.numpy()))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            judge.step()
            schedule.step()
            losses.append(loss.item())
    np.testing.assert_allclose(run.history["loss"], losses, rtol=2e-4)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(
            p.numpy(), q.detach().numpy(), rtol=1e-3, atol=1e-4, err_msg=name
        )
