"""Samples of pooling; the judge looks at one window after the other."""

from __future__ import annotations

import itertools

import numpy as np

from nbdl.ops import pooling
from tests.ops.sample import distinct, integers, normal, sample


def _windows(op):
    """For each window its place, and for each place in it (number, place in the input)."""
    for p in np.ndindex(*op.counts):
        inside = []
        for number, k in enumerate(itertools.product(*map(range, op.window))):
            q = tuple(
                i * s + j * d - around
                for i, j, s, d, around in zip(
                    p, k, op.stride, op.dilation, op.padding, strict=True
                )
            )
            if all(0 <= i < n for i, n in zip(q, op.sizes, strict=True)):
                inside.append((number, q))
        yield p, inside


def _max_pool(op):
    """The first of the largest; the first NaN before all."""

    def judge(x):
        shape = (*x.shape[: x.ndim - len(op.counts)], *op.counts)
        y, at = np.zeros(shape, x.dtype), np.zeros(shape)
        for p, inside in _windows(op):
            for lead in np.ndindex(shape[: -len(p)]):
                values = np.array([x[lead + q] for _, q in inside])
                best = np.argmax(values)  # NumPy's argmax takes the first NaN too
                y[lead + p], at[lead + p] = values[best], inside[best][0]
        return y, at

    return judge


def _pick(op):
    def judge(x, at):
        y = np.zeros(at.shape)
        for p, inside in _windows(op):
            places = dict(inside)
            for lead in np.ndindex(at.shape[: -len(p)]):
                y[lead + p] = x[lead + places[at[lead + p]]]
        return y

    return judge


def _spread(op):
    def judge(dy, at):
        dx = np.zeros((*dy.shape[: -len(op.sizes)], *op.sizes))
        for p, inside in _windows(op):
            places = dict(inside)
            for lead in np.ndindex(dy.shape[: -len(p)]):
                dx[lead + places[at[lead + p]]] += dy[lead + p]
        return dx

    return judge


def _place(op):
    def judge(at):
        flat = np.zeros(at.shape)
        for p, inside in _windows(op):
            places = dict(inside)
            for lead in np.ndindex(at.shape[: -len(p)]):
                flat[lead + p] = np.ravel_multi_index(places[at[lead + p]], op.sizes)
        return flat

    return judge


def _share(op, p, inside):
    """What each element of the window at ``p`` counts: padding counts up to its own end."""
    if op.divisor is not None:
        return 1 / op.divisor
    if not op.count_padding:
        return 1 / len(inside)
    reach = [
        min(k, n + 2 * around - i * s)
        for i, k, s, n, around in zip(p, op.window, op.stride, op.sizes, op.padding, strict=True)
    ]
    return 1 / np.prod(reach)


def _avg_pool(op):
    def judge(x):
        y = np.zeros((*x.shape[: x.ndim - len(op.counts)], *op.counts))
        for p, inside in _windows(op):
            y[(..., *p)] = sum(x[(..., *q)] for _, q in inside) * _share(op, p, inside)
        return y

    return judge


def _avg_spread(op):
    def judge(dy):
        dx = np.zeros((*dy.shape[: -len(op.sizes)], *op.sizes))
        for p, inside in _windows(op):
            for _, q in inside:
                dx[(..., *q)] += dy[(..., *p)] * _share(op, p, inside)
        return dx

    return judge


def _max_samples(x, *how):
    """Max pooling with its places, and the three that read them."""
    op = pooling.MaxPool(*how)
    pick, spread = pooling.MaxPoolPick(*how), pooling.MaxPoolSpread(*how)
    y, at = _max_pool(op)(x)
    at = at.astype(np.uint8)
    yield sample(op, x, judge=_max_pool(op))
    yield sample(pick, normal(*x.shape), at, judge=_pick(op))
    yield sample(spread, normal(*y.shape), at, judge=_spread(op))
    yield sample(pooling.WindowPlace(*how), at, judge=_place(op))


def _avg_samples(x, *how):
    op, back = pooling.AvgPool(*how), pooling.AvgPoolSpread(*how)
    y = _avg_pool(op)(x)
    yield sample(op, x, judge=_avg_pool(op))
    yield sample(back, normal(*y.shape), judge=_avg_spread(op))


_apart = ((4, 3), (2, 2), (2, 2), (0, 0), (1, 1), (2, 1))
_overlapping = ((4, 4), (3, 2), (1, 1), (1, 1), (1, 1), (4, 5))
_spaced = ((6,), (2,), (2,), (1,), (3,), (3,))
_beyond = ((5, 4), (2, 3), (2, 2), (1, 1), (1, 1), (3, 3))
"""With ceil_mode: the last windows reach past the padding."""
_deep = ((2, 3, 2), (2, 2, 1), (1, 2, 1), (0, 1, 0), (1, 1, 1), (1, 2, 2))
_long = ((300,), (290,), (5,), (0,), (1,), (3,))
"""More places in a window than uint8 can number."""
_whole = ((4, 3), (4, 3), (4, 3), (0, 0), (1, 1), (1, 1))
_one = ((3,), (2,), (1,), (1,), (1,), (4,))

_inf, _nan = np.inf, np.nan
_ends = np.array([[[-_inf, -_inf, 1.0], [_nan, 2.0, _nan], [-_inf, -_inf, -_inf]]])

ROWS = [
    *_max_samples(distinct(2, 1, 4, 3), *_apart),
    *_max_samples(distinct(1, 2, 4, 4), *_overlapping),
    *_max_samples(distinct(1, 2, 6), *_spaced),
    *_max_samples(distinct(1, 1, 5, 4), *_beyond),
    *_max_samples(distinct(1, 1, 2, 3, 2), *_deep),
    sample(pooling.MaxPool(*_one), _ends, judge=_max_pool(pooling.MaxPool(*_one)), order=0),
    sample(pooling.MaxPool(*_one), np.array([[[1.0, 1.0, 0.5]]]),
           judge=_max_pool(pooling.MaxPool(*_one)), order=0),
    sample(pooling.MaxPool(*_long), distinct(1, 1, 300) % 7,
           judge=_max_pool(pooling.MaxPool(*_long)), order=0, halves=False),
    sample(pooling.MaxPool(*_overlapping), integers(-9, 9, 1, 2, 4, 4),
           judge=_max_pool(pooling.MaxPool(*_overlapping))),
    sample(pooling.MaxPool(*_apart), np.zeros((0, 2, 4, 3)),
           judge=lambda x: (np.zeros((0, 2, 2, 1)),) * 2),
    *_avg_samples(normal(2, 1, 4, 3), *_apart, True, None),
    *_avg_samples(normal(1, 2, 4, 4), *_overlapping, True, None),
    *_avg_samples(normal(1, 2, 4, 4), *_overlapping, False, None),
    *_avg_samples(normal(1, 1, 5, 4), *_beyond, True, None),
    *_avg_samples(normal(1, 1, 5, 4), *_beyond, False, None),
    *_avg_samples(normal(1, 1, 5, 4), *_beyond, True, 7),
    *_avg_samples(normal(1, 1, 2, 3, 2), *_deep, False, None),
    *_avg_samples(np.zeros((0, 2, 4, 3)), *_apart, True, None),
    *_avg_samples(normal(2, 2, 4, 3), *_whole, True, None),
    *_avg_samples(normal(2, 2, 4, 3), *_whole, False, -5),
]  # fmt: skip
