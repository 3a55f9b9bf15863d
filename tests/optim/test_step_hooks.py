"""Hooks around a step: called in order with PyTorch's arguments, removable, free where unused."""

from __future__ import annotations

import copy
import pickle

import pytest

import nbdl
from nbdl import nn, optim
from nbdl.errors import ArgumentError
from tests.optim.hooked import note_step, noted


def test_hooks_are_called_around_each_step_until_they_are_removed() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    assert "step" not in vars(optimizer)
    seen: list[tuple] = []
    before = optimizer.register_step_pre_hook(
        lambda o, args, kwargs: seen.append(("before", o, args, kwargs, net.weight.value))
    )
    optimizer.register_step_post_hook(lambda *given: seen.append(("after", *given)))
    value = net.weight.value
    net(nbdl.randn(3, 2)).sum().backward()
    optimizer.step()
    assert [word for word, *_ in seen] == ["before", "after"]
    assert seen[0][1:4] == (optimizer, (), {})
    assert seen[0][4] is value
    assert net.weight.value is not value
    before.remove()
    optimizer.step()
    assert [word for word, *_ in seen] == ["before", "after", "after"]


@pytest.mark.filterwarnings("ignore:SGD.step.. changed nothing")
def test_a_hook_before_may_change_the_arguments() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: "closure",), {}))
    assert optimizer.step() == "closure"
    optimizer.register_step_pre_hook(lambda o, args, kwargs: "no tuple")
    with pytest.raises(ArgumentError, match=r"a hook before SGD\.step returned 'no tuple'"):
        optimizer.step()
    with pytest.raises(ArgumentError, match="must be a function"):
        optimizer.register_step_post_hook(3)


@pytest.mark.parametrize("kind", [optim.LBFGS, optim.AdamW])
def test_optimizers_with_a_step_of_their_own_have_hooks_too(kind) -> None:
    net = nn.Linear(2, 1)
    optimizer = kind(net.parameters())
    count: list[int] = []
    optimizer.register_step_post_hook(lambda *_: count.append(1))

    def closure():
        optimizer.zero_grad()
        loss = net(nbdl.ones((3, 2))).square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() >= 0
    assert count == [1]


@pytest.mark.filterwarnings("ignore:SGD.step.. changed nothing")
def test_a_copy_has_hooks_of_its_own() -> None:
    optimizer = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)
    optimizer.register_step_post_hook(note_step)
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        noted.clear()
        copied.step()
        assert noted == [copied]


@pytest.mark.parametrize("compiled", [False, True])
def test_hooks_are_called_in_a_run(compiled: bool) -> None:
    net = nn.Linear(3, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    count: list[int] = []
    optimizer.register_step_post_hook(lambda *_: count.append(1))
    data = (nbdl.randn(40, 3), nbdl.randn(40, 1))
    nbdl.train(net, data, loss="mse", optim=optimizer, batch_size=10, epochs=2, compile=compiled,
               store=False)  # fmt: skip
    assert len(count) == 8
