"""torch.amp: the same program gives what it gives on PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl.torch as torch
from nbdl.errors import ArgumentError
from nbdl.torch import nn


def test_results_have_the_dtype_of_the_block() -> None:
    @torch.amp.autocast("cuda")
    def product(a, b):
        return a @ b

    a = torch.ones(2, 2)
    assert product(a, a).dtype == torch.float16
    with torch.cuda.amp.autocast(dtype=torch.float16):
        assert torch.is_autocast_enabled()
        assert (a @ a).dtype == torch.float16
        with torch.autocast("cpu", enabled=False):
            assert (a @ a).dtype == torch.float32
    with torch.autocast("cpu"):
        assert (a @ a).dtype == torch.bfloat16
    assert (a @ a).dtype == torch.float32
    assert not torch.is_autocast_enabled()
    assert product.__name__ == "product"


def test_what_is_no_device_or_no_half_precision_is_refused() -> None:
    with pytest.raises(ArgumentError, match="device_type='tpu'"):
        torch.autocast("tpu")
    with pytest.raises(ArgumentError, match="dtype=int32"):
        torch.autocast("cpu", dtype=torch.int32)
    assert torch.amp.is_autocast_available("cpu")
    assert torch.cuda.amp.GradScaler().get_scale() == 65536.0
    assert torch.amp.GradScaler("cpu", enabled=False).get_scale() == 1.0


PROGRAM = """
def train(torch, weights, x, y, dtype):
    net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.LayerNorm(16),
                              torch.nn.Linear(16, 3))
    net.load_state_dict({k: torch.tensor(v) for k, v in weights.items()})
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=4,
                                  enabled=dtype == "float16")
    losses, scales = [], []
    x, y = torch.tensor(x), torch.tensor(y)
    for step in range(12):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=getattr(torch, dtype)):
            loss = torch.nn.functional.cross_entropy(net(x), y)
        scaler.scale(loss).backward()
        if step == 6:
            net[0].weight.grad[0, 0] = float("inf")
        scaler.unscale_(optimizer)
        if dtype == "float16":
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
        elif step != 6:
            optimizer.step()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    return losses, scales, scaler.state_dict()
"""


@pytest.mark.judge
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_loop_in_mixed_precision_is_pytorchs(dtype: str) -> None:
    theirs = pytest.importorskip("torch")
    space: dict = {}
    exec(PROGRAM, space)
    rng = np.random.default_rng(0)
    theirs.manual_seed(0)
    judge = theirs.nn.Sequential(theirs.nn.Linear(6, 16), theirs.nn.ReLU(),
                                 theirs.nn.LayerNorm(16), theirs.nn.Linear(16, 3))  # fmt: skip
    weights = {k: v.numpy().copy() for k, v in judge.state_dict().items()}
    x, y = rng.normal(size=(32, 6)).astype(np.float32), rng.integers(0, 3, 32)
    a, b = (space["train"](face, weights, x, y, dtype) for face in (torch, theirs))
    np.testing.assert_allclose(a[0], b[0], rtol=2e-2)
    assert a[1] == b[1]
    assert a[2] == b[2]


def test_a_step_that_overflows_is_left_out() -> None:
    p = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([p], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    p.grad = torch.tensor([1.0, float("nan"), 0.0])
    scaler.step(optimizer)
    scaler.update()
    assert p.detach().numpy().tolist() == [1, 1, 1]
    assert (scaler.get_scale(), scaler.skipped) == (4.0, 1)
    p.grad = torch.tensor([4.0, 0.0, 8.0])
    scaler.step(optimizer)
    assert p.detach().numpy().tolist() == [0, 1, -1]
    with pytest.raises(ArgumentError, match="was called already"):
        scaler.step(optimizer)
    with pytest.raises(ArgumentError, match="unscale_ was called already"):
        scaler.unscale_(optimizer)


@pytest.mark.parametrize(
    "wrong", [{"growth_factor": 1.0}, {"backoff_factor": 1.5}, {"growth_interval": 0},
              {"init_scale": 0.0}]
)  # fmt: skip
def test_scalers_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        torch.amp.GradScaler("cpu", **wrong)
