"""PyTorch's modules of optimizers, schedules, averages and parameters have all their names."""

from __future__ import annotations

import importlib

import pytest

import nbdl.torch

DEPRECATED = {
    "nn.init": {"uniform", "normal", "constant", "eye", "dirac", "xavier_uniform",
                "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal", "sparse"},
    "nn.utils": {"clip_grad_norm"},
}  # fmt: skip
"""What PyTorch itself warns against."""

ELSEWHERE = {
    "optim": {"swap_in_optimizer_params_and_state"},  # for its own machinery
    # Layouts in memory are not chosen by hand here, and functional_call lies in nbdl.torch.func.
    "nn.utils": {"convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format",
                 "stateless", "rnn"},
}  # fmt: skip


@pytest.mark.judge
@pytest.mark.parametrize(
    "name", ["optim", "optim.lr_scheduler", "optim.swa_utils", "nn.init", "nn.utils",
             "nn.utils.parametrizations"],
)  # fmt: skip
def test_all_names_are_here(name):
    theirs = importlib.import_module(f"torch.{name}")
    ours = importlib.import_module(f"nbdl.torch.{name}")
    expected = set(theirs.__all__) - DEPRECATED.get(name, set()) - ELSEWHERE.get(name, set())
    assert {n for n in expected if not hasattr(ours, n)} == set()


def test_they_are_reached_as_in_pytorch():
    torch = nbdl.torch
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
    assert torch.nn.utils.parametrize.is_parametrized(layer, "weight")
    torch.nn.utils.prune.l1_unstructured(layer, "bias", 1)
    assert torch.nn.utils.prune.is_pruned(layer)
    averaged = torch.optim.swa_utils.AveragedModel(layer)
    assert torch.optim.swa_utils.SWALR(torch.optim.SGD(averaged.parameters()), 0.1).get_last_lr()
