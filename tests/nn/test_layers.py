"""What layers do besides computing: first values, modes, settings in words, in-place results."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import GradientError, ShapeError

LAYERS = [
    "Linear(300, 200)",
    "Bilinear(40, 30, 50)",
    "Conv1d(60, 50, 5)",
    "Conv2d(40, 30, 5, groups=2)",
    "ConvTranspose1d(60, 50, 5)",
    "ConvTranspose2d(40, 30, 5)",
    "Embedding(300, 100, padding_idx=3)",
    "LSTM(60, 50, num_layers=2, bidirectional=True)",
    "LSTM(60, 50, proj_size=20)",
    "GRU(60, 50, bias=False)",
    "RNN(60, 50)",
    "LSTMCell(60, 50)",
    "GRUCell(60, 50)",
    "RNNCell(60, 50)",
    "MultiheadAttention(120, 4)",
    "MultiheadAttention(120, 4, kdim=30, vdim=40, add_bias_kv=True)",
    "TransformerEncoderLayer(64, 4, 128)",
    "TransformerDecoderLayer(64, 4, 128, bias=False)",
    "BatchNorm2d(5)",
    "LayerNorm((3, 4))",
    "GroupNorm(2, 6)",
    "RMSNorm(4)",
    "PReLU(3)",
]


@pytest.mark.judge
@pytest.mark.parametrize("text", LAYERS)
def test_first_values_have_pytorchs_names_shapes_and_distributions(text):
    import torch

    torch.manual_seed(0)
    nbdl.manual_seed(0)
    theirs = eval(f"torch.nn.{text}", {"torch": torch}).state_dict()
    ours = eval(f"nn.{text}", {"nn": nn}).state_dict()
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        a, b = ours[name].numpy(), value.numpy()
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if b.size < 1000:
            assert (np.ptp(a) == 0) == (np.ptp(b) == 0), name
            if np.ptp(b) == 0:
                assert a.ravel()[:1] == b.ravel()[:1], name
            continue
        assert abs(a.std() / b.std() - 1) < 0.1, name
        assert abs(np.abs(a).max() / np.abs(b).max() - 1) < 0.25, name
        assert abs(a.mean()) < 0.1 * a.std(), name


@pytest.mark.judge
@pytest.mark.parametrize(
    "text",
    [
        *LAYERS,
        "Linear(3, 4, bias=False)",
        "Conv2d(3, 4, (3, 5), stride=2, padding=1, dilation=2, bias=False)",
        "MaxPool2d(2)",
        "MaxPool1d(3, stride=2, padding=1)",
        "AvgPool2d(2)",
        "AdaptiveAvgPool2d((1, 1))",
        "AdaptiveMaxPool1d(3)",
        "Flatten()",
        "Dropout(0.3)",
        "ReLU(inplace=True)",
        "LeakyReLU(0.2)",
        "Softmax(dim=1)",
        "PixelShuffle(2)",
        "Identity()",
        "Sigmoid()",
        "Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 1)))",
    ],
)
def test_layers_describe_themselves_as_pytorchs_do(text):
    import torch

    theirs = repr(eval(text, vars(torch.nn).copy()))
    theirs = theirs.replace("NonDynamicallyQuantizableLinear", "Linear")
    if "TransformerDecoderLayer" in text or "TransformerEncoderLayer" in text:
        theirs = "\n".join(line for line in theirs.split("\n") if "(activation)" not in line)
    assert repr(eval(text, vars(nn).copy())) == theirs


def ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("layer", "shape", "kept_together"),
    [
        (nn.Dropout(0.3), (100, 100), None),
        (nn.Dropout1d(0.3), (100, 50, 4), 2),
        (nn.Dropout2d(0.3), (100, 50, 3, 3), 2),
    ],
)
def test_dropout_drops_its_share_in_training_and_nothing_in_evaluation(layer, shape, kept_together):
    nbdl.manual_seed(0)
    x = ones(*shape)
    y = layer.train()(x).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.03
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    if kept_together:
        flat = y.reshape(*shape[:kept_together], -1)
        assert (flat.min(-1) == flat.max(-1)).all()
    nbdl.manual_seed(0)
    assert (layer(x).numpy() == y).all()
    assert (layer.eval()(x).numpy() == 1).all()


def test_in_place_activations_change_their_input_as_in_pytorch():
    x = Tensor(np.array([-1.0, 2.0], np.float32))
    w = nn.Parameter(Tensor(np.array([3.0, 4.0], np.float32)))
    h = x * w
    y = nn.ReLU(inplace=True)(h)
    assert y is h
    assert h.tolist() == [0, 8]
    y.sum().backward()
    assert w.grad.tolist() == [0, 2]
    assert nn.ReLU()(x).tolist() == [0, 2]
    assert x.tolist() == [-1, 2]
    with pytest.raises(GradientError, match="in place"):
        nn.ReLU(inplace=True)(w)


def test_embeddings_start_from_tables_and_spare_the_padding():
    table = Tensor(np.arange(8, dtype=np.float32).reshape(4, 2))
    layer = nn.Embedding.from_pretrained(table, padding_idx=0)
    assert not layer.weight.requires_grad
    assert layer(Tensor(np.array([1, 3]))).tolist() == [[2, 3], [6, 7]]
    free = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)
    free(Tensor(np.array([0, 1, 1]))).sum().backward()
    assert free.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [0, 0]]
    with pytest.raises(ShapeError, match="2 axes"):
        nn.Embedding.from_pretrained(ones(3))


def test_batch_norm_counts_batches_and_can_average_them_all():
    layer = nn.BatchNorm1d(2, momentum=None)
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(8, 2)).astype(np.float32) for _ in range(3)]
    for batch in batches:
        layer(Tensor(batch))
    assert layer.num_batches_tracked.item() == 3
    expected = np.mean([b.mean(0) for b in batches], axis=0)
    np.testing.assert_allclose(layer.running_mean.numpy(), expected, rtol=1e-5, atol=1e-6)
    layer.eval()
    layer(Tensor(batches[0]))
    assert layer.num_batches_tracked.item() == 3
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1, 1]


def test_a_layer_can_be_drawn_anew():
    nbdl.manual_seed(0)
    layer = nn.Linear(3, 4)
    before = layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight.tolist() != before


def test_transformer_stacks_are_copies_with_their_own_parameters():
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    stack = nn.TransformerEncoder(layer, 3, nn.LayerNorm(8))
    assert len(list(stack.parameters())) == 3 * len(list(layer.parameters())) + 2
    assert stack.layers[0].linear1.weight is not stack.layers[1].linear1.weight
    with pytest.raises(ShapeError) as caught:
        stack(ones(5, 2, 7))
    assert caught.value.layer.startswith("layers.0.self_attn (")


def test_a_causal_mask_lets_nobody_look_ahead():
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 4, 8)).astype(np.float32)
    changed = x.copy()
    changed[0, 3] += 1
    a, b = (layer(Tensor(v), src_mask=mask).numpy() for v in (x, changed))
    np.testing.assert_allclose(a[0, :3], b[0, :3], rtol=1e-6)
    assert not np.allclose(a[0, 3], b[0, 3])


def test_attention_weights_are_returned_on_request():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = ones(3, 5, 8)
    _, weights = layer(x, x, x)
    assert weights.shape == (3, 5, 5)
    np.testing.assert_allclose(weights.detach().numpy().sum(-1), 1, rtol=1e-5)
    _, each = layer(x, x, x, average_attn_weights=False)
    assert each.shape == (3, 2, 5, 5)
    y, nothing = layer(x, x, x, need_weights=False)
    assert nothing is None
    np.testing.assert_allclose(y.detach(), layer(x, x, x)[0].detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_take_sequences_without_a_batch(kind):
    layer = kind(3, 4, num_layers=2, bidirectional=True)
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(5, 3)).astype(np.float32))
    y, state = layer(x)
    z, batched = layer(x[:, None])
    assert y.shape == (5, 8)
    np.testing.assert_allclose(y.detach(), z.detach()[:, 0], rtol=1e-6)
    for s, t in zip(_states(state), _states(batched), strict=True):
        assert s.shape == (4, 4)
        np.testing.assert_allclose(s.detach(), t.detach()[:, 0], rtol=1e-6)


def _states(state):
    return state if isinstance(state, tuple) else (state,)


def test_recurrent_dropout_acts_between_layers_in_training_only():
    layer = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    x = ones(5, 2, 3)
    nbdl.manual_seed(0)
    a = layer(x)[0].detach().numpy()
    assert not np.allclose(a, layer(x)[0].detach().numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].detach(), layer(x)[0].detach())


def test_vectors_of_parameters_go_back_where_they_came_from():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    twin = copy.deepcopy(model)
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.shape == (13,)
    nn.utils.vector_to_parameters(vector * 2, twin.parameters())
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(q.detach(), 2 * p.detach().numpy())
    with pytest.raises(ShapeError, match="for 13 elements"):
        nn.utils.vector_to_parameters(vector[:5], model.parameters())


def test_every_public_name_exists_and_is_documented():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in nn.__all__:
            thing = getattr(nn, name)
            assert thing.__doc__, name
    for name in nn.functional.__all__:
        assert getattr(nn.functional, name).__doc__, name
