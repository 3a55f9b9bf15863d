"""Sequences of different lengths: packed, padded, and run through recurrent layers."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn.utils import rnn

torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
theirs = torch.nn.utils.rnn
pytestmark = pytest.mark.judge
RNG = np.random.default_rng(4)
LENGTHS = [2, 5, 1, 5]
X = RNG.normal(size=(5, 4, 3))


def same(y, e):
    np.testing.assert_allclose(y.detach().numpy(), e.detach().numpy(), rtol=1e-10, atol=1e-12)


def same_packed(y, e):
    same(y.data, e.data)
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        a, b = getattr(y, name), getattr(e, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert a.numpy().tolist() == b.tolist()


@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_the_way_back(batch_first):
    x = X.swapaxes(0, 1) if batch_first else X
    y = rnn.pack_padded_sequence(nbdl.tensor(x), LENGTHS, batch_first, enforce_sorted=False)
    e = theirs.pack_padded_sequence(torch.tensor(x), LENGTHS, batch_first, enforce_sorted=False)
    # equally long ones keep their order here; PyTorch does not promise one
    assert y.batch_sizes.numpy().tolist() == e.batch_sizes.tolist()
    for total in (None, 7):
        padded, lengths = rnn.pad_packed_sequence(y, batch_first, -1.0, total)
        wanted, _ = theirs.pad_packed_sequence(e, batch_first, -1.0, total)
        same(padded, wanted)
        assert lengths.numpy().tolist() == LENGTHS


def test_sorted_sequences_keep_no_order():
    x, lengths = RNG.normal(size=(4, 3, 2)), [4, 2, 1]
    y = rnn.pack_padded_sequence(nbdl.tensor(x), nbdl.tensor(lengths))
    same_packed(y, theirs.pack_padded_sequence(torch.tensor(x), lengths))
    assert y.to("float32").data.dtype == nbdl.float32
    with pytest.raises(ArgumentError, match="enforce_sorted=False"):
        rnn.pack_padded_sequence(nbdl.tensor(x), [1, 2, 4])


def test_lists_of_sequences():
    xs = [RNG.normal(size=(n, 2)) for n in (4, 2, 1)]
    ours, other = [nbdl.tensor(x) for x in xs], [torch.tensor(x) for x in xs]
    for first in (False, True):
        for side in ("left", "right"):
            same(rnn.pad_sequence(ours, first, 0.5, side),
                 theirs.pad_sequence(other, first, 0.5, side))  # fmt: skip
    same_packed(rnn.pack_sequence(ours), theirs.pack_sequence(other))
    for y, x in zip(rnn.unpack_sequence(rnn.pack_sequence(ours)), xs, strict=True):
        assert np.array_equal(y.numpy(), x)
    padded = rnn.pad_sequence(ours)
    for y, x in zip(rnn.unpad_sequence(padded, [4, 2, 1]), xs, strict=True):
        assert np.array_equal(y.numpy(), x)
    order = nbdl.tensor([2, 0, 1])
    assert rnn.invert_permutation(order).numpy().tolist() == [1, 2, 0]


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("name", "options"), [
    ("RNN", {}), ("GRU", {"bias": False}), ("LSTM", {}), ("LSTM", {"proj_size": 2}),
])  # fmt: skip
def test_recurrent_layers_stop_at_each_sequences_end(name, options, bidirectional, with_state):
    options = {"num_layers": 2, "bidirectional": bidirectional, **options}
    layer = getattr(torch.nn, name)(3, 4, **options).double()
    ours = getattr(nn, name)(3, 4, **options).double()
    ours.load_state_dict({k: v.numpy() for k, v in layer.state_dict().items()})
    mine, other = nbdl.tensor(X).requires_grad_(), torch.tensor(X, requires_grad=True)
    given, wanted = (), ()
    if with_state:
        count = 2 * (1 + bidirectional)
        sizes = [options.get("proj_size", 4), 4][: 1 + (name == "LSTM")]
        states = [RNG.normal(size=(count, 4, n)) for n in sizes]
        a, b = tuple(map(nbdl.tensor, states)), tuple(map(torch.tensor, states))
        given, wanted = ((a,), (b,)) if name == "LSTM" else (a, b)
    y, last = ours(rnn.pack_padded_sequence(mine, LENGTHS, enforce_sorted=False), *given)
    e, end = layer(theirs.pack_padded_sequence(other, LENGTHS, enforce_sorted=False), *wanted)
    assert isinstance(y, rnn.PackedSequence)
    outputs, targets = rnn.pad_packed_sequence(y)[0], theirs.pad_packed_sequence(e)[0]
    same(outputs, targets)
    last, end = (v if isinstance(v, tuple) else (v,) for v in (last, end))
    for a, b in zip(last, end, strict=True):
        same(a, b)
    ((outputs**2).sum() + sum((v**3).sum() for v in last)).backward()
    ((targets**2).sum() + sum((v**3).sum() for v in end)).backward()
    same(mine.grad, other.grad)
    for key, p in ours.named_parameters():
        same(p.grad, layer.get_parameter(key).grad)


def test_sizes_are_found_from_packed_data():
    layer = nn.GRU(None, 2)
    y, h = layer(rnn.pack_padded_sequence(nbdl.ones((5, 4, 3)), LENGTHS, enforce_sorted=False))
    assert (layer.input_size, y.data.shape, h.shape) == (3, (13, 2), (1, 4, 2))


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: rnn.pack_padded_sequence(nbdl.tensor(X), [1, 2]), ShapeError, "4 sequences"),
    (lambda: rnn.pack_padded_sequence(nbdl.tensor(X), [6, 1, 1, 1]), ArgumentError, "1 to"),
    (lambda: rnn.pad_sequence([nbdl.ones((2, 3)), nbdl.ones((2, 4))]), ShapeError, "(2, 4)"),
    (lambda: nn.GRU(2, 2)(rnn.pack_sequence([nbdl.ones((2, 3))])), ShapeError, "input_size=2"),
    (lambda: rnn.pad_packed_sequence(rnn.pack_sequence([nbdl.ones((2, 3))]), total_length=1),
     ArgumentError, "total_length=1"),
])  # fmt: skip
def test_what_does_not_fit_is_told(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)
