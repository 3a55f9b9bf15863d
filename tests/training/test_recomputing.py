"""Activations computed again: the same numbers in less memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 32)).astype(np.float32)
Y = RNG.integers(0, 3, 256)


def block():
    return nn.Sequential(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.GELU(), nn.Dropout(0.3),
                         nn.Linear(32, 32), nn.Tanh())  # fmt: skip


class Net(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.blocks = nn.Sequential(*(block() for _ in range(depth)))
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.blocks(x))


def fit(depth=3, data=(X, Y), **options):
    nbdl.manual_seed(0)
    model = Net(depth)
    options = {"batch_size": 64, "epochs": 2, "lr": 0.01, "compile": False} | options
    return nbdl.train(model, data, store=False, progress=False, **options), model


@pytest.mark.parametrize("more", [{}, {"precision": "bf16"}, {"accumulate": 2}])
def test_the_numbers_are_the_same_with_dropout_and_batch_norm(more):
    one, plain = fit(**more)
    two, again = fit(checkpoint_layers="blocks.*", **more)
    np.testing.assert_array_equal(one.history["loss"], two.history["loss"])
    tensors = zip([*plain.parameters(), *plain.buffers()],
                  [*again.parameters(), *again.buffers()], strict=True)  # fmt: skip
    for a, b in tensors:
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert "forward" not in again.blocks[0].__dict__


@pytest.mark.alone
def test_it_takes_less_memory():
    many = np.repeat(X, 16, 0), np.repeat(Y, 16)

    def peak(**options):
        tracemalloc.start()
        try:
            fit(depth=12, data=many, batch_size=4096, epochs=1, **options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak()
    less, more = peak(checkpoint_layers="blocks.*"), peak()
    assert less < 0.6 * more


def test_why_it_is_not_compiled():
    run, _ = fit(checkpoint_layers="blocks", compile=True)
    assert any("uncompiled: a compiled step keeps" in text for _, _, text in run.history.events)


def test_a_pattern_that_fits_no_layer():
    with pytest.raises(ArgumentError, match="checkpoint_layers: no name fits"):
        fit(checkpoint_layers="block.*")
