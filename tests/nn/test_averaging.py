"""Averages of weights are PyTorch's; batch norm's statistics can be computed anew."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError


def make(library):
    return library.Sequential(library.Linear(3, 4), library.BatchNorm1d(4), library.Linear(4, 2))


def moved(model, step):
    """Other parameters and statistics at each step, the same for both frameworks."""
    rng = np.random.default_rng(step)
    state = {name: np.asarray(value) for name, value in model.state_dict().items()}
    return {name: rng.standard_normal(v.shape).astype(v.dtype) if v.dtype.kind == "f"
            else np.asarray(10 * step) for name, v in state.items()}  # fmt: skip


def functions(library, kind):
    return {
        "mean": {},
        "swa": {"avg_fn": library.get_swa_avg_fn()},
        "swa lists": {"multi_avg_fn": library.get_swa_multi_avg_fn()},
        "ema": {"avg_fn": library.get_ema_avg_fn(0.7)},
        "ema lists": {"multi_avg_fn": library.get_ema_multi_avg_fn(0.7)},
        "own": {"avg_fn": lambda averaged, current, n: averaged * 0.5 + current * 0.25},
    }[kind]


@pytest.mark.judge
@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", ["mean", "swa", "swa lists", "ema", "ema lists", "own"])
def test_averages_are_pytorch_s(kind, use_buffers):
    if use_buffers and kind == "swa lists":
        pytest.skip("PyTorch's cannot take the mean of a count")
    import torch
    from torch.optim import swa_utils

    ours, theirs = make(nn), make(torch.nn)
    a = nn.AveragedModel(ours, use_buffers=use_buffers, **functions(nn, kind))
    b = swa_utils.AveragedModel(theirs, use_buffers=use_buffers, **functions(swa_utils, kind))
    for step in range(4):
        state = moved(ours, step)
        ours.load_state_dict(state)
        theirs.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
        a.update_parameters(ours)
        b.update_parameters(theirs)
        got, expected = a.state_dict(), b.state_dict()
        assert list(got) == ["n_averaged", *(k for k in got if k != "n_averaged")]
        assert set(got) == set(expected)
        for name, value in expected.items():
            if use_buffers and "num_batches" in name:
                continue  # a mean of counts is rounded as each likes
            np.testing.assert_allclose(got[name].numpy(), value.numpy(), rtol=2e-6, atol=1e-6)
    x = np.ones((5, 3), np.float32)
    np.testing.assert_allclose(
        a.eval()(Tensor(x)).numpy(), b.eval()(torch.tensor(x)).detach().numpy(), atol=1e-5
    )


@pytest.mark.judge
def test_statistics_computed_anew_are_pytorch_s():
    import torch
    from torch.optim.swa_utils import update_bn

    ours, theirs = make(nn), make(torch.nn)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    batches = np.random.default_rng(0).standard_normal((3, 6, 3)).astype(np.float32)
    ours[2].eval()
    nn.update_bn([(Tensor(x), None) for x in batches], ours)
    update_bn([torch.tensor(x) for x in batches], theirs)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(
            ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6
        )
    assert (ours[1].momentum, ours.training, ours[2].training) == (0.1, True, False)
    assert all(p.grad is None for p in ours.parameters())


def test_a_model_without_batch_norm_has_nothing_to_compute():
    def fail():
        raise AssertionError("not to be read")
        yield

    nn.update_bn(fail(), nn.Linear(2, 2))


def test_the_average_goes_its_own_way():
    model = nn.Linear(2, 1)
    averaged = nn.AveragedModel(model)
    averaged.update_parameters(model)
    model.weight.data = nbdl.zeros((1, 2))
    assert (averaged.module.weight.numpy() != 0).any()
    again = nn.AveragedModel(nn.Linear(2, 1))
    again.load_state_dict(averaged.state_dict())
    assert int(again.n_averaged) == 1


def test_what_does_not_fit_is_refused_in_words():
    model = nn.Linear(2, 1)
    with pytest.raises(ArgumentError, match="avg_fn or multi_avg_fn, not both"):
        nn.AveragedModel(model, None, nn.get_swa_avg_fn(), nn.get_swa_multi_avg_fn())
    averaged = nn.AveragedModel(model)
    with pytest.raises(ArgumentError, match="has 4 parameters or buffers"):
        averaged.update_parameters(nn.Sequential(model, nn.Linear(1, 1)))
    with pytest.raises(ShapeError, match=r"shape \(1, 3\) .* had \(1, 2\)"):
        averaged.update_parameters(nn.Linear(3, 1))
    for function in (nn.get_ema_avg_fn, nn.get_ema_multi_avg_fn):
        with pytest.raises(ArgumentError, match=r"decay=1.5 must be from 0 to 1"):
            function(1.5)
