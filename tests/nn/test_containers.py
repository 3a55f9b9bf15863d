"""Sequential, lists and dictionaries of layers and parameters."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, IndexRangeError


class Add(nn.Module):
    def __init__(self, n: float) -> None:
        super().__init__()
        self.n = n

    def forward(self, x):
        return x + self.n


def numbers(layers) -> list[float]:
    return [layer.n for layer in layers]


@pytest.mark.parametrize("kind", [lambda items: nn.Sequential(*items), nn.ModuleList])
def test_lists_behave_as_lists(kind):
    layers = kind([Add(i) for i in range(5)])
    assert layers[0].n == 0
    assert layers[-1].n == 4
    assert numbers(layers[1:3]) == [1, 2]
    assert type(layers[1:3]) is type(layers)
    del layers[0]
    assert numbers(layers) == [1, 2, 3, 4]
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2", "3"]
    del layers[1:3]
    assert numbers(layers) == [1, 4]
    layers.insert(1, Add(9))
    layers.append(Add(7))
    layers.extend([Add(8)])
    layers[0] = Add(6)
    assert numbers(layers) == [6, 9, 4, 7, 8]
    assert layers.pop(1).n == 9
    assert len(layers) == 4
    with pytest.raises(IndexRangeError, match="4 was asked for, but there are 4"):
        layers[4]
    with pytest.raises(ArgumentError, match="must be a Module, got int"):
        layers.append(3)


def test_sequential_runs_in_order_and_takes_names():
    model = nn.Sequential({"one": Add(1), "two": Add(2)})
    assert model(0) == 3
    assert model.one.n == 1
    assert model[1].n == 2
    assert list(model[1:]._modules) == ["two"]
    assert nn.Sequential()(5) == 5
    with pytest.raises(ArgumentError, match=r"Sequential\(\*layers\)"):
        nn.Sequential([Add(1), Add(2)])


def test_module_lists_add_up():
    both = nn.ModuleList([Add(1)]) + nn.ModuleList([Add(2)])
    assert numbers(both) == [1, 2]
    layers = nn.ModuleList([Add(1)])
    layers += [Add(3)]
    assert numbers(layers) == [1, 3]


def test_module_dicts_behave_as_dicts():
    layers = nn.ModuleDict({"a": Add(1)})
    layers["b"] = Add(2)
    layers.update({"c": Add(3)})
    layers.update([("d", Add(4))])
    assert list(layers) == ["a", "b", "c", "d"]
    assert "b" in layers
    assert "x" not in layers
    assert layers.pop("a").n == 1
    assert [k for k, _ in layers.items()] == ["b", "c", "d"]
    assert numbers(layers.values()) == [2, 3, 4]
    with pytest.raises(ArgumentError, match="has no item 'a'"):
        layers["a"]
    with pytest.raises(ArgumentError, match="already has an attribute 'keys'"):
        layers["keys"] = Add(1)
    layers.clear()
    assert len(layers) == 0


def test_parameter_lists_and_dicts_register():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.list = nn.ParameterList([Tensor(np.ones(2, np.float32))])
            self.dict = nn.ParameterDict({"w": nn.Parameter(Tensor(np.ones(3, np.float32)))})

    model = Model()
    model.list.append(nn.Parameter(Tensor(np.zeros(1, np.float32))))
    assert [k for k, _ in model.named_parameters()] == ["list.0", "list.1", "dict.w"]
    assert all(p.requires_grad for p in model.parameters())
    assert "(0): Parameter containing: [float32 of size 2]" in repr(model)
    with pytest.raises(ArgumentError, match="expected a Parameter or a Tensor, got int"):
        model.list.append(3)
