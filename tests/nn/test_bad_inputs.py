"""What each kind of layer says to a wrong input: the layer, what came, what it takes."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, NbdlError, ShapeError


def zeros(*shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(np.zeros(shape, dtype))


LSTM_STATE = (zeros(1, 3, 4), zeros(1, 3, 5))

WRONG_SHAPES = [
    # layer, inputs, what must be named: what came, and what was expected
    (lambda: nn.Linear(5, 3), [zeros(2, 4)], ["(2, 4)", "in_features=5"]),
    (lambda: nn.Linear(5, 3), [zeros()], ["in_features=5"]),
    (lambda: nn.Bilinear(2, 3, 4), [zeros(5, 3), zeros(5, 3)], ["(5, 3)", "(4, 2, 3)"]),
    (lambda: nn.Conv1d(3, 4, 2), [zeros(2, 5, 8)], ["5", "3", "channels"]),
    (lambda: nn.Conv2d(3, 4, 2), [zeros(2, 8, 8, 3)], ["8", "3", "channels"]),
    (lambda: nn.Conv2d(3, 4, 2), [zeros(8, 8)], ["(8, 8)"]),
    (lambda: nn.Conv2d(1, 4, 9), [zeros(2, 1, 8, 8)], ["9", "8"]),
    (lambda: nn.ConvTranspose2d(3, 4, 2), [zeros(2, 4, 8, 8)], ["4", "3"]),
    (lambda: nn.ConvTranspose1d(3, 4, 2), [zeros(2, 4, 8)], ["4", "3"]),
    (lambda: nn.MaxPool2d(2), [zeros(2, 8)], ["(2, 8)"]),
    (lambda: nn.MaxPool2d(5), [zeros(1, 1, 4, 4)], ["5", "4"]),
    (lambda: nn.AvgPool2d(5), [zeros(1, 1, 4, 4)], ["5", "4"]),
    (lambda: nn.AvgPool1d(2), [zeros(4)], ["(4,)"]),
    (lambda: nn.AdaptiveAvgPool2d(2), [zeros(4)], ["(4,)"]),
    (lambda: nn.BatchNorm1d(3), [zeros(2, 4)], ["num_features=3", "4 channels"]),
    (lambda: nn.BatchNorm2d(3), [zeros(2, 4, 5, 5)], ["num_features=3", "4 channels"]),
    (lambda: nn.BatchNorm2d(3), [zeros(2, 3)], ["(2, 3)", "(batch, channels, height, width)"]),
    (lambda: nn.LayerNorm(3), [zeros(2, 4)], ["(2, 4)", "3"]),
    (lambda: nn.RMSNorm(3), [zeros(2, 4)], ["(2, 4)", "3"]),
    (lambda: nn.GroupNorm(2, 4), [zeros(2, 6, 3)], ["num_channels=4", "(2, 6, 3)"]),
    (lambda: nn.InstanceNorm2d(3, affine=True), [zeros(2, 4, 5, 5)], ["num_features=3", "4"]),
    (lambda: nn.RNN(3, 4), [zeros(5, 2, 7)], ["input_size=3", "(5, 2, 7)"]),
    (lambda: nn.LSTM(3, 4), [zeros(5, 2, 7)], ["input_size=3", "(5, 2, 7)"]),
    (lambda: nn.LSTM(3, 4), [zeros(5, 3, 3), LSTM_STATE], ["(1, 3, 5)", "(1, 3, 4)"]),
    (lambda: nn.GRU(3, 4), [zeros(5)], ["(5,)", "(length, batch, features)"]),
    (lambda: nn.GRU(3, 4), [zeros(5, 2, 3), zeros(1, 3, 4)], ["(1, 3, 4)", "(1, 2, 4)"]),
    (lambda: nn.LSTMCell(3, 4), [zeros(2, 5)], ["input_size=3", "(2, 5)"]),
    (lambda: nn.MultiheadAttention(4, 2), [zeros(3, 2, 5)] * 3, ["query", "(3, 2, 5)", "4"]),
    (lambda: nn.TransformerEncoderLayer(4, 2, 8), [zeros(3, 2, 5)], ["query", "(3, 2, 5)", "4"]),
    (lambda: nn.PixelShuffle(2), [zeros(1, 3, 4, 4)], ["3"]),
    (lambda: nn.Unflatten(1, (2, 4)), [zeros(3, 6)], ["6"]),
    (lambda: nn.GLU(), [zeros(3, 5)], ["5"]),
    (lambda: nn.MSELoss(), [zeros(4, 1), zeros(4)], ["(4, 1)", "(4,)"]),
    (lambda: nn.L1Loss(), [zeros(4, 1), zeros(4)], ["(4, 1)", "(4,)"]),
    (lambda: nn.BCELoss(), [zeros(4, 1), zeros(4)], ["(4, 1)", "(4,)"]),
    (lambda: nn.CrossEntropyLoss(), [zeros(4, 3), zeros(5, dtype="int64")], ["(4, 3)", "(5,)"]),
]


@pytest.mark.parametrize(("layer", "inputs", "words"), WRONG_SHAPES)
def test_a_wrong_shape_names_the_layer_what_came_and_what_fits(layer, inputs, words):
    module = layer()
    module._name = "net"
    with pytest.raises(NbdlError) as caught:
        module(*inputs)
    text = str(caught.value)
    assert isinstance(caught.value, ShapeError), text
    assert caught.value.layer.startswith("net")
    assert f"{type(module).__name__})" in caught.value.layer or "." in caught.value.layer
    for word in words:
        assert word in text, (word, text)


@pytest.mark.parametrize(("layer", "inputs", "words"), WRONG_SHAPES)
def test_a_wrong_shape_is_found_without_data_too(layer, inputs, words):
    with pytest.raises(ShapeError):
        nn.build(layer(), *[_spec(x) for x in inputs])


def _spec(x):
    return tuple(t.spec for t in x) if isinstance(x, tuple) else x.spec


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.Linear(4, 3), (2, 4)),
        (lambda: nn.Conv1d(3, 4, 2), (2, 3, 8)),
        (lambda: nn.Conv2d(3, 4, 2), (2, 3, 8, 8)),
        (lambda: nn.ConvTranspose2d(3, 4, 2), (2, 3, 8, 8)),
        (lambda: nn.BatchNorm2d(3), (2, 3, 4, 4)),
        (lambda: nn.LayerNorm(4), (2, 4)),
        (lambda: nn.GroupNorm(1, 4), (2, 4, 3)),
        (lambda: nn.RNN(4, 3), (5, 2, 4)),
        (lambda: nn.LSTM(4, 3), (5, 2, 4)),
        (lambda: nn.GRU(4, 3), (5, 2, 4)),
        (lambda: nn.TransformerEncoderLayer(4, 2, 8), (5, 2, 4)),
    ],
)
def test_integers_into_a_float_layer_are_refused_with_the_cure(layer, shape):
    module = layer()
    with pytest.raises(DtypeError, match="int64") as caught:
        module(zeros(*shape, dtype="int64"))
    assert "float" in str(caught.value)
    assert caught.value.layer


def test_embeddings_want_integers_in_range():
    layer = nn.Embedding(10, 3)
    with pytest.raises(DtypeError, match="float32"):
        layer(zeros(2))
    with pytest.raises(IndexRangeError, match="10"):
        layer(Tensor(np.array([3, 10])))
    with pytest.raises(IndexRangeError):
        layer(Tensor(np.array([-1])))


def test_class_numbers_out_of_range_are_named():
    loss = nn.CrossEntropyLoss()
    with pytest.raises(IndexRangeError, match="3"):
        loss(zeros(2, 3), Tensor(np.array([0, 3])))
    with pytest.raises(NbdlError):
        loss(zeros(2, 3), zeros(2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 2, groups=2), "in_channels=3 must be divisible by groups=2"),
        (lambda: nn.Conv2d(4, 3, 2, groups=2), "out_channels=3 must be divisible by groups=2"),
        (lambda: nn.Conv2d(3, 4, (2, 2, 2)), r"kernel_size=\(2, 2, 2\) must have 2 entries"),
        (lambda: nn.Conv2d(3, 4, 0), "must be 1 or more"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), "needs stride 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding="sama"), "did you mean 'same'"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="zero"), "did you mean 'zeros'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "padding_mode='zeros'"),
        (lambda: nn.GroupNorm(3, 4), "num_channels=4 must be divisible by num_groups=3"),
        (lambda: nn.Dropout(1.5), "p=1.5 must be a probability"),
        (lambda: nn.Hardtanh(1, -1), "must be above"),
        (lambda: nn.Embedding(5, 2, padding_idx=7), "padding_idx=7"),
        (lambda: nn.LSTM(3, 4, dropout=2.0), "dropout=2.0"),
        (lambda: nn.LSTM(3, 0), "hidden_size=0"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size=4"),
        (lambda: nn.RNN(3, 4, nonlinearity="tahn"), "did you mean 'tanh'"),
        (lambda: nn.MultiheadAttention(5, 2), "embed_dim=5 must be divisible by num_heads=2"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="gelo"), "did you mean 'gelu'"),
        (lambda: nn.MSELoss(reduction="avg"), "unknown reduction 'avg'"),
        (lambda: nn.ZeroPad2d((1, 2, 3)), "must have 4 entries"),
    ],
)
def test_impossible_settings_are_refused_at_construction(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def test_masks_of_a_wrong_shape_are_named():
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = zeros(2, 3, 4)
    with pytest.raises(ShapeError, match=r"attn_mask of shape \(3, 4\).*\(3, 3\)"):
        layer(x, x, x, attn_mask=zeros(3, 4))
    with pytest.raises(ShapeError, match=r"key_padding_mask of shape \(3, 2\).*\(2, 3\)"):
        layer(x, x, x, key_padding_mask=zeros(3, 2))
    with pytest.raises(ArgumentError, match="is_causal=True is a hint"):
        layer(x, x, x, is_causal=True)


def test_batch_norm_of_one_sample_in_training_is_refused():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(NbdlError, match=r"one|1"):
        layer(zeros(1, 3))
    layer.eval()
    layer(zeros(1, 3))


def test_dropout_between_layers_of_which_there_is_one_is_worth_a_warning():
    with pytest.warns(UserWarning, match="only one"):
        nn.LSTM(3, 4, dropout=0.5)
    assert nbdl.nn is nn


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear("3", 2), "Linear: in_features='3' must be a whole number"),
        (lambda: nn.Linear(3.0, 2), "in_features=3.0"),
        (lambda: nn.Linear(True, 2), "in_features=True"),
        (lambda: nn.Linear(3, -2), "out_features=-2 must be a whole number, 0 or more"),
        (lambda: nn.Linear(3, None), r"out_features=None(.|\n)*only sizes of inputs can be None"),
        (lambda: nn.Bilinear(1, -1, 2), "Bilinear: in2_features=-1"),
        (lambda: nn.Embedding(2.5, 2), "Embedding: num_embeddings=2.5"),
        (lambda: nn.Conv2d(3.0, 4, 3), "Conv2d: in_channels=3.0"),
        (lambda: nn.ConvTranspose1d(3, -4, 3), "ConvTranspose1d: out_channels=-4"),
        (lambda: nn.BatchNorm1d("a"), "BatchNorm1d: num_features='a'"),
        (lambda: nn.LayerNorm((3, -1)), "LayerNorm: normalized_shape=-1"),
        (lambda: nn.RMSNorm("a"), "RMSNorm: normalized_shape='a'"),
        (lambda: nn.GroupNorm(2, -4), "GroupNorm: num_channels=-4"),
        (lambda: nn.LSTM(3, -1), "LSTM: hidden_size=-1"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size=4 must be below hidden_size=4"),
        (lambda: nn.GRU("a", 2), "GRU: input_size='a'"),
        (lambda: nn.LSTMCell(3, -2), "LSTMCell: hidden_size=-2"),
        (lambda: nn.PReLU(-1), "PReLU: num_parameters=-1"),
    ],
)
def test_sizes_of_layers_are_whole_numbers(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()
