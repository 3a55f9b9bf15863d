"""Every optimizer also on (pretended) CuPy arrays: same parameters, state on the same device."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import optim
from tests.backends.pretend import Array


def trained(name, device):
    """Parameters after some steps, and the optimizer."""
    rng = np.random.default_rng(0)
    shapes = [(4, 3), (2, 5)] if name in ("muon", "sparseadam") else [(4, 3), (5,), (), (2, 3, 4)]
    params = [nbdl.Tensor(np.asarray(rng.standard_normal(s))).to(device).requires_grad_()
              for s in shapes]  # fmt: skip
    optimizer = optim.OPTIMIZERS[name](params, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = sum(((p - 1) ** 2).sum() + (p**4).sum() * 0.1 for p in params)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    optimizer.eval()
    optimizer.train()
    optimizer.load_state_dict(optimizer.state_dict())
    optim.clip_grad_norm_(params, 0.5)
    for _ in range(3):
        optimizer.step(closure)
    return params, optimizer


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_an_optimizer_does_the_same_on_the_gpu(gpu, name) -> None:
    expected, _ = trained(name, "cpu")
    params, optimizer = trained(name, "cuda")
    for p, q in zip(params, expected, strict=True):
        assert type(p.value) is Array
        np.testing.assert_allclose(p.cpu().numpy(), q.numpy(), rtol=1e-9, atol=1e-12)
    for slots in optimizer.state.values():
        for value in slots.values():
            assert isinstance(value, (int, float, list, Array))
            assert not isinstance(value, list) or not any(type(v) is np.ndarray for v in value)
