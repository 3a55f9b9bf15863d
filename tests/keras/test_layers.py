"""Keras's layers against formulas in NumPy loops: channels last, Keras's weights and defaults."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import nbdl
from nbdl import keras
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.keras import layers

rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def run(layer, x, *, training: bool = False) -> np.ndarray:
    layer.train(training)
    y = layer(nbdl.tensor(x))
    return y.detach().numpy()


def ready(layer, x):
    """The layer, built for ``x``, with random weights; and the weights."""
    layer(nbdl.tensor(x))
    weights = [normal(*w.shape) for w in layer.get_weights()]
    layer.set_weights(weights)
    return layer, weights


def close(a, b) -> None:
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


# ----- dense and reshaping ------------------------------------------------------------------


def test_dense_multiplies_the_last_axis_and_keeps_weights_as_in_times_units():
    x = normal(2, 3, 5)
    layer, (kernel, bias) = ready(layers.Dense(4, activation="relu"), x)
    assert kernel.shape == (5, 4)
    close(run(layer, x), np.maximum(x @ kernel + bias, 0))
    layer, (kernel,) = ready(layers.Dense(4, use_bias=False), x)
    close(run(layer, x), x @ kernel)


@pytest.mark.parametrize(
    ("layer", "make"),
    [
        (layers.Flatten(), lambda x: x.reshape(2, -1)),
        (layers.Reshape((4, -1)), lambda x: x.reshape(2, 4, 3)),
        (layers.Permute((2, 1)), lambda x: x.transpose(0, 2, 1)),
        (layers.Activation("tanh"), np.tanh),
        (layers.Activation(lambda x: x * 2), lambda x: x * 2),
        (layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
         lambda x: np.where(x >= 1, 1, np.where(x >= 0.2, x, 0.1 * (x - 0.2)))),
        (layers.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
        (layers.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
        (layers.Lambda(lambda x: x + 1), lambda x: x + 1),
        (layers.Identity(), lambda x: x),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else "",
)  # fmt: skip
def test_layers_without_weights(layer, make):
    x = normal(2, 3, 4)
    close(run(layer, x), make(x))


def test_repeat_vector_and_embedding():
    x = normal(2, 3)
    close(run(layers.RepeatVector(4), x), np.repeat(x[:, None], 4, axis=1))
    ids = rng.integers(0, 7, (2, 5))
    layer, (table,) = ready(layers.Embedding(7, 3), ids)
    close(run(layer, ids), table[ids])
    first = layers.Embedding(7, 3)
    first(nbdl.tensor(ids))
    assert abs(first.get_weights()[0]).max() <= 0.05  # Keras's "uniform"


def test_dropout_drops_in_training_only_and_scales_the_rest():
    nbdl.manual_seed(0)
    layer, x = layers.Dropout(0.3), np.ones((100, 100), np.float32)
    y = run(layer, x, training=True)
    assert abs((y == 0).mean() - 0.3) < 0.02
    close(y[y != 0], 1 / 0.7)
    close(run(layer, x), x)


# ----- convolution --------------------------------------------------------------------------


def same_pads(n: int, k: int, s: int, d: int) -> tuple[int, int]:
    """TensorFlow's SAME: ceil(n / s) outputs, the odd zero at the end."""
    total = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)
    return total // 2, total - total // 2


def convolution(x, kernel, bias, strides, padding, dilation, groups):
    """x: (batch, height, width, channels), kernel: (h, w, in // groups, filters)."""
    kh, kw, per_group, filters = kernel.shape
    if padding == "same":
        pads = [same_pads(n, k, s, d) for n, k, s, d in
                zip(x.shape[1:3], (kh, kw), strides, dilation, strict=True)]  # fmt: skip
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    height = (x.shape[1] - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    width = (x.shape[2] - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    y = np.zeros((x.shape[0], height, width, filters), np.float64)
    for i, j, f in itertools.product(range(height), range(width), range(filters)):
        group = f // (filters // groups)
        channels = slice(group * per_group, (group + 1) * per_group)
        rows = i * strides[0] + np.arange(kh) * dilation[0]
        columns = j * strides[1] + np.arange(kw) * dilation[1]
        window = x[:, rows][:, :, columns][..., channels]
        y[:, i, j, f] = (window * kernel[..., f]).sum((1, 2, 3)) + bias[f]
    return y


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2, "padding": "same"},
        {"strides": (2, 1), "padding": "same", "kernel_size": (3, 2)},
        {"dilation_rate": 2, "padding": "SAME"},
        {"dilation_rate": (1, 2)},
        {"groups": 3, "strides": 2},
    ],
    ids=str,
)
def test_conv2d(options):
    x = normal(2, 7, 8, 3)
    layer, (kernel, bias) = ready(layers.Conv2D(6, **{"kernel_size": 3, **options}), x)
    assert kernel.shape == (*layer.kernel_size, 3 // layer.groups, 6)
    expected = convolution(
        x, kernel, bias, layer.strides, layer.padding, layer.dilation_rate, layer.groups
    )
    close(run(layer, x), expected)
    assert layer.compute_output_shape((None, 7, 8, 3)) == (None, *expected.shape[1:])


def test_conv1d_causal_sees_no_later_step():
    x = normal(1, 9, 3)
    layer, (kernel, bias) = ready(layers.Conv1D(5, 3, padding="causal", dilation_rate=2), x)
    padded = np.pad(x, ((0, 0), (4, 0), (0, 0)))
    expected = convolution(
        padded[:, :, None], kernel[:, None], bias, (1, 1), "valid", (2, 1), 1
    )[:, :, 0]  # fmt: skip
    close(run(layer, x), expected)
    later = x.copy()
    later[:, 5:] += 1
    close(run(layer, later)[:, :5], run(layer, x)[:, :5])


def test_zero_padding():
    x = normal(2, 3, 4, 2)
    close(run(layers.ZeroPadding2D(((1, 0), (2, 3))), x),
          np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0))))  # fmt: skip
    close(run(layers.ZeroPadding2D((1, 2)), x), np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0))))


# ----- pooling ------------------------------------------------------------------------------


def pooling(x, size, strides, padding, function):
    """Over what lies in the picture: padding is no element."""
    pads = [(0, 0), (0, 0)]
    if padding == "same":
        pads = [same_pads(n, k, s, 1) for n, k, s in
                zip(x.shape[1:3], size, strides, strict=True)]  # fmt: skip
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.nan)
    height, width = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, strides, strict=True))
    y = np.zeros((x.shape[0], height, width, x.shape[3]))
    for i, j in itertools.product(range(height), range(width)):
        a, b = i * strides[0], j * strides[1]
        y[:, i, j] = function(x[:, a : a + size[0], b : b + size[1]], axis=(1, 2))
    return y


@pytest.mark.parametrize("options", [{}, {"pool_size": 3, "strides": 2, "padding": "same"},
                                     {"pool_size": (2, 3)}], ids=str)  # fmt: skip
@pytest.mark.parametrize(
    ("kind", "function"),
    [(layers.MaxPooling2D, np.nanmax), (layers.AveragePooling2D, np.nanmean)],
)
def test_pooling(kind, function, options):
    x = normal(2, 7, 8, 3)
    layer = kind(**options)
    expected = pooling(x, layer.pool_size, layer.strides, layer.padding, function)
    close(run(layer, x), expected)
    flat = {"pool_size": 3, "strides": 2, "padding": "same"} if "padding" in options else {}
    line = getattr(layers, kind.__name__.replace("2D", "1D"))(**flat)
    size, strides = (*line.pool_size, 1), (*line.strides, 1)
    close(run(line, x[:, :, 0]),
          pooling(x[:, :, :1], size, strides, line.padding, function)[:, :, 0])  # fmt: skip


def test_global_pooling():
    x = normal(2, 4, 5, 3)
    close(run(layers.GlobalAveragePooling2D(), x), x.mean((1, 2)))
    close(run(layers.GlobalMaxPooling2D(keepdims=True), x), x.max((1, 2), keepdims=True))
    close(run(layers.GlobalMaxPooling1D(), x[:, 0]), x[:, 0].max(1))
    close(run(layers.GlobalAveragePooling1D(), x[:, 0]), x[:, 0].mean(1))


# ----- normalization ------------------------------------------------------------------------


def test_batch_normalization_moves_towards_the_batch_and_uses_what_it_moved():
    x = normal(6, 3, 4) * 2 + 1
    layer = layers.BatchNormalization()
    layer.eval()(nbdl.tensor(x))
    gamma, beta = normal(4), normal(4)
    layer.set_weights([gamma, beta, np.zeros(4), np.ones(4)])
    mean, var = x.mean((0, 1)), x.var((0, 1))
    close(run(layer, x, training=True), gamma * (x - mean) / np.sqrt(var + 1e-3) + beta)
    moved = 0.01 * mean, 0.99 + 0.01 * var  # the variance as it is, not corrected for n
    close(layer.get_weights()[2], moved[0])
    close(layer.get_weights()[3], moved[1])
    close(run(layer, x), gamma * (x - moved[0]) / np.sqrt(moved[1] + 1e-3) + beta)
    close(layer.get_weights()[2], moved[0])


def test_batch_normalization_of_another_axis_frozen_and_without_parameters():
    x = normal(6, 3, 4)
    layer = layers.BatchNormalization(axis=1, center=False, scale=False, epsilon=1e-5)
    y = run(layer, x, training=True)
    close(y.mean((0, 2)), 0)
    close(y.var((0, 2)), 1)
    assert len(layer.weights) == 2
    layer.trainable = False  # frozen, it uses its moving means in training too
    before = layer.get_weights()
    expected = (x - before[0][:, None]) / np.sqrt(before[1][:, None] + 1e-5)
    close(run(layer, x, training=True), expected)
    close(layer.get_weights()[0], before[0])


def test_layer_normalization():
    x = normal(2, 3, 4)
    layer, (gamma, beta) = ready(layers.LayerNormalization(), x)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    close(run(layer, x), gamma * (x - mean) / np.sqrt(var + 1e-3) + beta)
    layer, (gamma, beta) = ready(layers.LayerNormalization(axis=(-2, -1), epsilon=1e-2), x)
    mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    close(run(layer, x), gamma * (x - mean) / np.sqrt(var + 1e-2) + beta)


# ----- recurrent ----------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_rnn(x, kernel, recurrent, bias):
    h, out = np.zeros((len(x), recurrent.shape[0])), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        out.append(h)
    return np.stack(out, 1), h


def lstm(x, kernel, recurrent, bias):
    n = recurrent.shape[0]
    h, c, out = np.zeros((len(x), n)), np.zeros((len(x), n)), []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out, 1), h, c


def gru(x, kernel, recurrent, bias, reset_after=True):
    n = recurrent.shape[0]
    inner, outer = (bias[0], bias[1]) if reset_after else (bias, np.zeros(3 * n))
    h, out = np.zeros((len(x), n)), []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + inner, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + outer, 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        new = r * hh if reset_after else (r * h) @ recurrent[:, 2 * n :]
        h = z * h + (1 - z) * np.tanh(xh + new)
        out.append(h)
    return np.stack(out, 1), h


@pytest.mark.parametrize(
    ("kind", "formula", "options"),
    [
        (layers.SimpleRNN, simple_rnn, {}),
        (layers.LSTM, lstm, {}),
        (layers.GRU, gru, {}),
        (layers.GRU, lambda *a: gru(*a, reset_after=False), {"reset_after": False}),
    ],
)
def test_recurrent_layers(kind, formula, options):
    x = normal(2, 6, 3)
    layer, weights = ready(kind(4, **options), x)
    sequence, *states = formula(x, *weights)
    close(run(layer, x), states[0])
    everything = kind(4, return_sequences=True, return_state=True, **options)
    everything(nbdl.tensor(x))
    everything.set_weights(weights)
    everything.eval()
    y, *kept = everything(nbdl.tensor(x))
    close(y.detach(), sequence)
    for a, b in zip(kept, states, strict=True):
        close(a.detach(), b)
    backwards = kind(4, go_backwards=True, **options)
    backwards(nbdl.tensor(x))
    backwards.set_weights(weights)
    close(run(backwards, x), formula(x[:, ::-1], *weights)[1])


def test_lstm_begins_with_open_forget_gates_and_takes_states():
    x = normal(2, 6, 3)
    layer = layers.LSTM(4)
    layer(nbdl.tensor(x))
    kernel, recurrent, bias = layer.get_weights()
    assert bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    close(recurrent @ recurrent.T, np.eye(4))
    first = layers.LSTM(4, return_state=True)
    first(nbdl.tensor(x))
    first.set_weights([kernel, recurrent, bias])
    _, h, c = first(nbdl.tensor(x[:, :3]))
    y, *_ = first(nbdl.tensor(x[:, 3:]), initial_state=[h, c])
    close(y.detach(), run(layer, x))


@pytest.mark.parametrize(
    ("mode", "join"),
    [
        ("concat", lambda a, b: np.concatenate((a, b), -1)),
        ("sum", np.add),
        ("mul", np.multiply),
        ("ave", lambda a, b: (a + b) / 2),
    ],
)
def test_bidirectional(mode, join):
    x = normal(2, 6, 3)
    layer, weights = ready(
        layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode=mode), x
    )
    there, back = lstm(x, *weights[:3])[0], lstm(x[:, ::-1], *weights[3:])[0][:, ::-1]
    close(run(layer, x), join(there, back))


def test_time_distributed():
    x = normal(2, 5, 3)
    layer, (kernel, bias) = ready(layers.TimeDistributed(layers.Dense(2)), x)
    close(run(layer, x), x @ kernel + bias)


# ----- layers of one's own, names, errors -----------------------------------------------------


def test_a_layer_of_ones_own():
    class Scaled(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight((input_shape[-1], self.units), "ones", name="w")
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

        def call(self, x, training=False):
            return x @ self.w * (2 if training else 1)

    x = normal(2, 3)
    layer = Scaled(2, name="mine")
    close(run(layer, x), np.repeat(x.sum(1, keepdims=True), 2, 1))
    close(run(layer, x, training=True), 2 * np.repeat(x.sum(1, keepdims=True), 2, 1))
    assert [w.shape for w in layer.trainable_weights] == [(3, 2)]
    assert [w.shape for w in layer.non_trainable_weights] == [()]
    assert layer.count_params() == 7
    assert layer.name == "mine"


def test_layers_are_named_and_numbered_as_kerass():
    keras.utils.clear_session()
    made = [layers.Dense(1), layers.Dense(1), layers.MaxPooling2D(), layers.Conv2D(1, 1)]
    assert [layer.name for layer in made] == ["dense", "dense_1", "max_pooling2d", "conv2d"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dense(0), "units must be a whole number of at least 1, got 0"),
        (lambda: layers.Dense(3, activation="rellu"), "unknown activation 'rellu'.*'relu'"),
        (lambda: layers.Dense(3, unit=3), "Dense has no argument 'unit'; did you mean 'units'"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size must be .* or 2 of them"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), "padding must be one of valid, same"),
        (lambda: layers.Conv2D(4, 3, groups=3), "filters=4 must be a multiple of groups=3"),
        (lambda: layers.Conv2D(4, 3, data_format="channels_first"), "'channels_first' is not"),
        (lambda: layers.Dropout(1.5), "rate must be a probability from 0 to 1, got 1.5"),
        (lambda: layers.Embedding(3, 2, mask_zero=True), "mask_zero=True is not supported"),
        (lambda: layers.Bidirectional(layers.Dense(1)), "takes a recurrent layer"),
        (lambda: layers.Bidirectional(layers.LSTM(1), "add"), "merge_mode must be one of"),
        (lambda: layers.BatchNormalization(momentum=2), "momentum=2 must be from 0 to 1"),
        (lambda: layers.Permute((0, 1)), "dims must hold 1 to 2 once"),
        (lambda: layers.Lambda(3), "Lambda needs a function"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), "padding must be a whole number, two"),
    ],
)
def test_wrong_arguments_are_named(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (layers.Conv2D(4, 3, name="c"), (2, 8, 8), "'c' needs inputs .*channels.*got shape"),
        (layers.Conv2D(4, 9), (2, 8, 8, 1), "a window of .9, 9. does not fit into"),
        (layers.MaxPooling2D(9), (2, 8, 8, 1), "does not fit.*\n.*padding='same'"),
        (layers.LSTM(4), (2, 8), r"needs inputs \(batch, steps, features\)"),
        (layers.LayerNormalization(axis=0), (2, 3), "must be the last axis"),
    ],
)
def test_wrong_inputs_are_named(layer, shape, words):
    with pytest.raises((ShapeError, ArgumentError), match=f"(?s){words}"):
        layer(nbdl.zeros(shape))


def test_inputs_of_another_size_than_built_for_and_of_whole_numbers():
    dense = layers.Dense(2)
    dense(nbdl.zeros((1, 3)))
    with pytest.raises(ShapeError, match=r"built for 3 features(.|\n)*Flatten\(\) before"):
        dense(nbdl.zeros((1, 4)))
    with pytest.raises(DtypeError, match="needs floats, got int64"):
        layers.MaxPooling2D()(nbdl.zeros((1, 4, 4, 1), dtype="int64"))
    with pytest.raises(ArgumentError, match="got 1 arrays, the layer has 2 weights"):
        dense.set_weights([np.zeros((3, 2))])
    with pytest.raises(ShapeError, match=r"array 0 has shape \(2, 3\), the weight has \(3, 2\)"):
        dense.set_weights([np.zeros((2, 3)), np.zeros(2)])
    with pytest.raises(AttributeError, match="no layer 'Dens'; did you mean 'Dense'"):
        layers.Dens(1)
