"""torch.amp: programs that use it run, in their tensors' own dtype."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl.torch as torch
from nbdl.errors import ArgumentError
from nbdl.torch import nn


def trained(amp: bool) -> np.ndarray:
    torch.manual_seed(0)
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", enabled=amp)
    x = torch.randn(8, 4)
    for _ in range(3):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            loss = (net(x) ** 2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    return net.weight.detach().numpy()


def test_a_loop_with_autocast_and_a_scaler_gives_what_it_gives_without() -> None:
    assert np.array_equal(trained(True), trained(False))


def test_results_keep_their_dtype() -> None:
    @torch.amp.autocast("cuda")
    def product(a, b):
        return a @ b

    a = torch.ones(2, 2)
    assert product(a, a).dtype == torch.float32
    with torch.cuda.amp.autocast(dtype=torch.float16):
        assert (a @ a).dtype == torch.float32
    assert product.__name__ == "product"


def test_what_is_no_device_or_no_float_is_refused() -> None:
    with pytest.raises(ArgumentError, match="device_type='tpu'"):
        torch.autocast("tpu")
    with pytest.raises(ArgumentError, match="dtype=int32, which is no float"):
        torch.autocast("cpu", dtype=torch.int32)
    assert torch.amp.is_autocast_available("cpu")
    scaler = torch.cuda.amp.GradScaler()
    assert (scaler.get_scale(), scaler.state_dict()) == (1.0, {})
