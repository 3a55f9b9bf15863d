"""Samples of windows as columns; the judge looks at one window after the other."""

from __future__ import annotations

import itertools

import numpy as np

from nbdl.ops import folding
from tests.ops.sample import normal, sample


def _elements(op):
    """(place in the window, window, place in the input) of all that lie inside the input."""
    for number, at in enumerate(itertools.product(*map(range, op.window))):
        for count in np.ndindex(*op.counts):
            place = tuple(
                i * s + j * d - p
                for i, s, j, d, p in zip(
                    count, op.stride, at, op.dilation, op.padding, strict=True
                )
            )
            if all(0 <= i < n for i, n in zip(place, op.sizes, strict=True)):
                yield number, count, place


def _columns(op):
    def judge(x):
        y = np.zeros((*x.shape[:2], int(np.prod(op.window)), *op.counts))
        for number, count, place in _elements(op):
            y[(slice(None), slice(None), number, *count)] = x[(..., *place)]
        return y

    return judge


def _sum(op):
    def judge(y):
        x = np.zeros((*y.shape[:2], *op.sizes))
        for number, count, place in _elements(op):
            x[(..., *place)] += y[(slice(None), slice(None), number, *count)]
        return x

    return judge


def _samples(*how):
    op, back = folding.Columns(*how), folding.ColumnsSum(*how)
    x = normal(2, 2, *op.sizes)
    yield sample(op, x, judge=_columns(op))
    yield sample(back, normal(*_columns(op)(x).shape), judge=_sum(back))


ROWS = [
    *_samples((4, 5), (2, 3), (1, 1), (0, 0), (1, 1), (3, 3)),
    *_samples((4, 6), (2, 3), (2, 3), (0, 0), (1, 1), (2, 2)),
    *_samples((5, 4), (2, 2), (2, 1), (2, 1), (2, 1), (4, 5)),
]
