"""Samples of linear maps, convolutions and attention.

Convolutions are judged by their definition: a sum of products over all (batch, output channel,
place, input channel, offset), in plain loops.
"""

from __future__ import annotations

import itertools

import numpy as np

from nbdl.ops import attention, convolution, linear
from nbdl.ops.patches import window_count
from tests.ops.sample import bools, normal, sample

# ----- convolution ----------------------------------------------------------------------------


def _terms(op, x_shape, w_shape, y_shape):
    """Places in x, w and y of every product that the convolution adds up."""
    each, many = w_shape[1], w_shape[0] // op.groups
    for b, o, c in itertools.product(range(x_shape[0]), range(w_shape[0]), range(each)):
        channel = o // many * each + c
        for p, k in itertools.product(np.ndindex(y_shape[2:]), np.ndindex(w_shape[2:])):
            q = tuple(
                i * s + j * d - before
                for i, j, s, d, (before, _) in zip(
                    p, k, op.stride, op.dilation, op.padding, strict=True
                )
            )
            if all(0 <= i < n for i, n in zip(q, x_shape[2:], strict=True)):
                yield (b, channel, *q), (o, c, *k), (b, o, *p)


def _biased(y, bias):
    for b in bias:
        y += b.reshape(-1, *(1,) * (y.ndim - 2))
    return y


def _convolution(op):
    def judge(x, w, *bias):
        counts = window_count(x.shape[2:], w.shape[2:], op.stride, op.padding, op.dilation)
        y = np.zeros((x.shape[0], w.shape[0], *counts))
        for i, j, k in _terms(op, x.shape, w.shape, y.shape):
            y[k] += x[i] * w[j]
        return _biased(y, bias)

    return judge


def _convolution_input(op):
    def judge(dy, w, *bias):
        dx = np.zeros((dy.shape[0], w.shape[1] * op.groups, *op.sizes))
        for i, j, k in _terms(op, dx.shape, w.shape, dy.shape):
            dx[i] += dy[k] * w[j]
        return _biased(dx, bias)

    return judge


def _convolution_weight(op):
    def judge(x, dy):
        dw = np.zeros((dy.shape[1], x.shape[1] // op.groups, *op.window))
        for i, j, k in _terms(op, x.shape, dw.shape, dy.shape):
            dw[j] += x[i] * dy[k]
        return dw

    return judge


def _convolutions(how, x_shape, w_shape, extra=0):
    """A convolution and its two gradients; ``extra``: places of x that no window begins at."""
    sizes, kernel = x_shape[2:], w_shape[2:]
    counts = window_count(sizes, kernel, *how[:3])
    y_shape = (x_shape[0], w_shape[0], *(n - extra for n in counts))
    forward = convolution.Convolution(*how)
    back = convolution.ConvolutionInput(*how, sizes)
    weight = convolution.ConvolutionWeight(*how, kernel)
    if not extra:
        yield sample(forward, normal(*x_shape), normal(*w_shape), judge=_convolution(forward))
    yield sample(back, normal(*y_shape), normal(*w_shape), judge=_convolution_input(back))
    yield sample(weight, normal(*x_shape), normal(*y_shape), judge=_convolution_weight(weight))


def _no(n):
    return ((0, 0),) * n


_plain = ((1, 1), _no(2), (1, 1), 1)
_bias = convolution.Convolution((2,), ((1, 0),), (1,), 1)
_bias_back = convolution.ConvolutionInput((2,), ((1, 0),), (1,), 1, (5,))

# ----- attention ------------------------------------------------------------------------------


def _attention(scale, causal=False):
    """One query after the other, over the keys that it may look at."""

    def judge(q, k, mask=None):
        shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2])
        scores = np.einsum("...qe,...ke->...qk", q, k) * scale
        allowed = np.ones(shape, bool)
        if mask is not None and mask.dtype == bool:
            allowed &= mask
        elif mask is not None:
            scores = scores + mask
        weights = np.zeros(shape)
        for i in np.ndindex(shape[:-1]):
            seen = allowed[i] & (np.arange(shape[-1]) <= i[-1] if causal else True)
            e = np.exp(scores[i][seen])
            weights[i][seen] = e / e.sum()
        return weights

    return judge


_q, _k = normal(2, 3, 2), normal(2, 4, 2)
_blind = np.array([[True, False, True, True], [False] * 4, [False, False, True, False]])
_weights, _causal = (attention.AttentionWeights(0.7, causal) for causal in (False, True))

ROWS = [
    sample(linear.Linear(), normal(2, 3), normal(2, 3), judge=lambda x, w: x @ w.T),
    sample(linear.Linear(), normal(2, 2, 3), normal(4, 3), normal(4),
           judge=lambda x, w, b: np.einsum("...i,oi->...o", x, w) + b),
    sample(linear.Linear(), normal(3), normal(2, 3), normal(2), judge=lambda x, w, b: w @ x + b),
    sample(linear.Linear(), np.zeros((2, 2, 0)), np.zeros((3, 0)), normal(3),
           judge=lambda x, w, b: np.broadcast_to(b, (2, 2, 3))),
    sample(linear.Linear(), np.zeros((0, 3)), normal(2, 3), judge=lambda x, w: np.zeros((0, 2))),
    sample(linear.LinearWeightGrad(), normal(2, 4), normal(2, 3), judge=lambda dy, x: dy.T @ x),
    sample(linear.LinearWeightGrad(), normal(2, 2, 2), normal(2, 2, 3),
           judge=lambda dy, x: np.einsum("abo,abi->oi", dy, x)),
    sample(linear.LinearWeightGrad(), normal(2), normal(3), judge=np.outer),
    *_convolutions(_plain, (2, 2, 3, 3), (3, 2, 1, 1)),
    *_convolutions(_plain, (1, 2, 4, 3), (2, 2, 2, 2)),
    *_convolutions(_plain, (1, 1, 3, 3), (3, 1, 3, 2)),
    *_convolutions(_plain, (0, 2, 3, 3), (2, 2, 2, 2)),
    *_convolutions(((2,), ((1, 2),), (2,), 1), (2, 2, 6), (2, 2, 2)),
    *_convolutions(((1,), ((3, 3),), (1,), 1), (1, 1, 3), (1, 1, 2)),
    *_convolutions(((2, 1), ((1, 0), (1, 1)), (1, 2), 1), (1, 2, 4, 3), (2, 2, 2, 2)),
    *_convolutions(((2, 2), _no(2), (1, 1), 1), (1, 2, 5, 4), (2, 2, 1, 1)),
    *_convolutions(((1,), ((1, 1),), (1,), 1), (2, 2, 3), (2, 2, 1)),
    *_convolutions(((1, 1), ((1, 1), (0, 0)), (1, 1), 2), (1, 4, 3, 2), (4, 2, 2, 2)),
    *_convolutions(((2,), ((0, 1),), (1,), 3), (2, 3, 4), (3, 1, 2)),
    *_convolutions(((1, 2), _no(2), (1, 1), 2), (1, 2, 3, 4), (4, 1, 2, 2)),
    *_convolutions(((1,), _no(1), (1,), 2), (2, 4, 3), (2, 2, 1)),
    *_convolutions(((1, 1, 2), ((0, 0), (1, 1), (0, 0)), (1, 1, 1), 1), (1, 1, 2, 2, 3),
                   (2, 1, 2, 2, 1)),
    # What an output_padding beyond the stride makes: fewer gradients than windows.
    *_convolutions(((1,), _no(1), (2,), 1), (2, 2, 4), (2, 2, 1), extra=1),
    *_convolutions(((1,), _no(1), (2,), 2), (1, 2, 5), (2, 1, 2), extra=1),
    *_convolutions(((1, 1), _no(2), (2, 2), 1), (1, 1, 4, 4), (2, 1, 2, 1), extra=1),
    sample(_bias, normal(2, 2, 5), normal(3, 2, 2), normal(3), judge=_convolution(_bias)),
    sample(_bias_back, normal(2, 3, 3), normal(3, 2, 2), normal(2),
           judge=_convolution_input(_bias_back)),
    sample(_weights, _q, _k, judge=_attention(0.7)),
    sample(_weights, normal(2, 1, 2, 2), normal(3, 2, 2), judge=_attention(0.7)),
    sample(_weights, _q, _k, bools(3, 4) | np.eye(3, 4, dtype=bool), judge=_attention(0.7)),
    sample(_weights, _q, _k, _blind, judge=_attention(0.7)),
    sample(_weights, _q, _k, normal(3, 4), judge=_attention(0.7)),
    sample(_weights, _q, _k, normal(2, 1, 4), judge=_attention(0.7)),
    sample(_weights, np.zeros((2, 0, 2)), _k, judge=_attention(0.7)),
    sample(_causal, _q, _k, judge=_attention(0.7, causal=True)),
    sample(_causal, normal(4, 1), normal(2, 1), judge=_attention(0.7, causal=True)),
]  # fmt: skip
