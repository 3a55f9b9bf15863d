"""nn.Buffer: a buffer by assignment, as PyTorch's."""

from __future__ import annotations

import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Buffer(nbdl.zeros(3))
        self.seen = nn.Buffer(nbdl.zeros(1), persistent=False)
        self.weight = nn.Parameter(nbdl.ones(3))

    def forward(self, x):
        return (x - self.mean) * self.weight


def test_assigning_one_registers_it() -> None:
    net = Counted()
    assert [name for name, _ in net.named_buffers()] == ["mean", "seen"]
    assert list(net.state_dict()) == ["weight", "mean"]
    assert [name for name, _ in net.named_parameters()] == ["weight"]
    assert not net.mean.requires_grad
    assert repr(net.mean).startswith("Buffer containing:\ntensor([0., 0., 0.])")


def test_it_moves_and_loads_with_the_module() -> None:
    net = Counted().double()
    assert net.mean.dtype == nbdl.float64
    assert isinstance(net.mean, nn.Buffer)
    net.load_state_dict({"mean": nbdl.ones(3), "weight": nbdl.ones(3)})
    assert net.mean.tolist() == [1, 1, 1]
    net.mean = nbdl.zeros(3)
    assert dict(net.named_buffers())["mean"] is net.mean
    net.mean = nn.Buffer(nbdl.ones(3))
    assert dict(net.named_buffers())["mean"].tolist() == [1, 1, 1]
    with pytest.raises(ArgumentError, match="is a buffer and cannot become a"):
        net.mean = 3


def test_it_takes_what_an_attribute_of_none_keeps_free() -> None:
    net = nn.Module()
    net.mean = None
    net.mean = nn.Buffer([1.0, 2.0])
    assert [name for name, _ in net.named_buffers()] == ["mean"]
