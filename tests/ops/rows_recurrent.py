"""Samples of the recurrent layers; the judge takes one step at a time."""

from __future__ import annotations

import numpy as np

from nbdl.ops import recurrent_gru, recurrent_lstm, recurrent_plain
from tests.ops.sample import normal, sample

_T, _B, _N = 3, 2, 2


def _order(reverse, length):
    return range(length)[:: -1 if reverse else 1]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _rnn(reverse, bend):
    def judge(x, h, w):
        ys = np.zeros_like(x)
        for t in _order(reverse, len(x)):
            ys[t] = h = bend(x[t] + h @ w.T)
        return ys

    return judge


def _lstm(reverse):
    def judge(x, h, c, w):
        ys = np.zeros((len(x), *h.shape))
        cs = np.zeros_like(ys)
        for t in _order(reverse, len(x)):
            i, f, g, o = np.split(x[t] + h @ w.T, 4, axis=-1)
            cs[t] = c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            ys[t] = h = _sigmoid(o) * np.tanh(c)
        return ys, cs

    return judge


def _gru(reverse):
    def judge(x, h, w, b):
        ys = np.zeros((len(x), *h.shape))
        for t in _order(reverse, len(x)):
            xr, xz, xn = np.split(x[t], 3, axis=-1)
            ur, uz, un = np.split(h @ w.T + b, 3, axis=-1)
            z = _sigmoid(xz + uz)
            ys[t] = h = (1 - z) * np.tanh(xn + _sigmoid(xr + ur) * un) + z * h
        return ys

    return judge


_h, _c = normal(_B, _N), normal(_B, _N)
_dy, _dc = normal(_T, _B, _N), normal(_T, _B, _N)
_w1, _w3, _w4 = normal(_N, _N), normal(3 * _N, _N), normal(4 * _N, _N)
_x1, _x3, _x4 = normal(_T, _B, _N), normal(_T, _B, 3 * _N), normal(_T, _B, 4 * _N)
_b = normal(3 * _N)
_relu = _rnn(False, lambda x: np.maximum(x, 0))

# The last inputs of a gradient rule, the layer's outputs, follow from the others: derivatives of
# the rule are the layers' second derivatives, checked there.
ROWS = [
    sample(recurrent_plain.RNNLayer(False, "tanh"), _x1, _h, _w1, judge=_rnn(False, np.tanh)),
    sample(recurrent_plain.RNNLayer(True, "tanh"), _x1, _h, _w1, judge=_rnn(True, np.tanh)),
    sample(recurrent_plain.RNNLayer(False, "relu"), _x1, _h, _w1, judge=_relu, slack=3),
    sample(recurrent_lstm.LSTMLayer(False), _x4, _h, _c, _w4, judge=_lstm(False)),
    sample(recurrent_lstm.LSTMLayer(True), _x4, _h, _c, _w4, judge=_lstm(True)),
    sample(recurrent_gru.GRULayer(False), _x3, _h, _w3, _b, judge=_gru(False)),
    sample(recurrent_gru.GRULayer(True), _x3, _h, _w3, _b, judge=_gru(True)),
    sample(recurrent_plain.RNNLayerGrad(False, "tanh"), _dy, _x1, _h, _w1,
           _rnn(False, np.tanh)(_x1, _h, _w1), judge=None, order=0),
    sample(recurrent_lstm.LSTMLayerGrad(True), _dy, _dc, _x4, _h, _c, _w4,
           *_lstm(True)(_x4, _h, _c, _w4), judge=None, order=0),
    sample(recurrent_gru.GRULayerGrad(False), _dy, _x3, _h, _w3, _b,
           _gru(False)(_x3, _h, _w3, _b), judge=None, order=0),
]  # fmt: skip
