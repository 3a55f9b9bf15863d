"""Samples of reductions, running results, sorting, matrix products and random numbers."""

from __future__ import annotations

import numpy as np

from nbdl import dtypes
from nbdl.ops import contraction, cumulative, random, reduction, searching, sorting, statistics
from tests.ops.sample import bools, distinct, integers, normal, sample, uniform

_x = distinct(2, 3, 2)
_zeros = np.array([[0.0, 2.0, -1.5], [0.0, 0.0, 3.0], [1.0, 0.5, 2.0]])
_key = np.array([7, 3], np.uint64)


def _scan(a, b):
    y = np.zeros_like(b)
    state = np.zeros(b.shape[1:])
    for t in range(len(b)):
        state = a[t] * state + b[t]
        y[t] = state
    return y


def _logsumexp(x):
    return np.log(np.exp(x).sum((0, 2)))


def _norm(p):
    return lambda x: (np.abs(x) ** p).sum(1) ** (1 / p)


def _running_place(x):
    return np.array([[int(np.flatnonzero(r[: i + 1] == r[: i + 1].max())[-1]) for i in range(4)]
                     for r in x])  # fmt: skip


ROWS = [
    sample(reduction.Mean((0, 2)), _x, judge=lambda x: x.mean((0, 2))),
    sample(reduction.Mean((1,), True), _x, judge=lambda x: x.mean(1, keepdims=True)),
    sample(reduction.Prod((1,)), _x, judge=lambda x: x.prod(1)),
    sample(reduction.Prod((0, 1), True), normal(2, 2), judge=lambda x: x.prod(keepdims=True)),
    sample(reduction.Prod((1,)), _zeros, judge=lambda x: x.prod(1)),
    sample(reduction.Max((0, 2)), _x, judge=lambda x: x.max((0, 2))),
    sample(reduction.Min((1,), True), _x, judge=lambda x: x.min(1, keepdims=True)),
    sample(reduction.Max((0,)), np.array([1.0, np.nan, 2.0]), judge=np.max, order=0),
    sample(reduction.Any_((1,)), bools(3, 2), judge=lambda x: x.any(1)),
    sample(reduction.All_((0,), True), bools(3, 2), judge=lambda x: x.all(0, keepdims=True)),
    sample(reduction.LogSumExp((0, 2)), _x, judge=_logsumexp),
    sample(reduction.LogSumExp((0,), True), np.array([1000.0, 1000.0]), order=0, halves=False,
           judge=lambda x: np.array([1000 + np.log(2)])),
    sample(cumulative.Cumsum(1), _x, judge=lambda x: x.cumsum(1)),
    sample(cumulative.Cumsum(0, True), normal(3, 2), judge=lambda x: x[::-1].cumsum(0)[::-1]),
    sample(cumulative.Cumprod(1), _zeros, judge=lambda x: x.cumprod(1)),
    sample(cumulative.LinearScan(0), normal(4, 2), normal(4, 2), judge=_scan),
    sample(cumulative.LinearScan(0, True), normal(3), normal(3),
           judge=lambda a, b: _scan(a[::-1], b[::-1])[::-1]),
    sample(cumulative.CumulativeArg(1), distinct(2, 4), judge=_running_place),
    sample(cumulative.LogCumsumExp(0), normal(4, 2), judge=lambda x: np.log(np.exp(x).cumsum(0))),
    sample(statistics.Var((0, 2), False, 1.0), _x, judge=lambda x: x.var((0, 2), ddof=1)),
    sample(statistics.Var((1,), True), _x, judge=lambda x: x.var(1, keepdims=True)),
    sample(statistics.Std((0, 1), False, 1.0), _x, judge=lambda x: x.std((0, 1), ddof=1)),
    sample(statistics.VectorNorm((1,)), normal(2, 3), judge=_norm(2)),
    sample(statistics.VectorNorm((1,), False, 3.0), normal(2, 3), judge=_norm(3)),
    sample(statistics.VectorNorm((1,), False, 0.5), uniform(0.5, 2, 2, 3), judge=_norm(0.5)),
    sample(sorting.Argsort(1), distinct(2, 4), judge=lambda x: x.argsort(1)),
    sample(sorting.Argsort(0, True), distinct(4, 2), judge=lambda x: (-x).argsort(0)),
    sample(sorting.Argtopk(2), distinct(2, 10), judge=lambda x: (-x).argsort(1)[:, :2]),
    sample(sorting.Argtopk(3, False), distinct(2, 4), judge=lambda x: x.argsort(1)[:, :3]),
    sample(searching.Argbest(1), distinct(2, 4), judge=lambda x: x.argmax(1)),
    sample(searching.Argbest(0, False, True), distinct(4, 2),
           judge=lambda x: x.argmin(0)[None]),
    sample(searching.Searchsorted(), np.array([0.0, 1.0, 1.0, 2.0]),
           np.array([[1.0, -1.0], [3.0, 0.5]]), judge=np.searchsorted),
    sample(searching.Searchsorted(True), np.array([[0, 1, 1, 2], [0, 5, 6, 7]]),
           np.array([[1], [5]]), judge=lambda r, x: np.array([[3], [2]])),
    sample(contraction.Matmul(), normal(2, 3), normal(3, 2), judge=np.matmul),
    sample(contraction.Matmul(), normal(2, 1, 2, 2), normal(3, 2, 1), judge=np.matmul),
    sample(contraction.Matmul(), np.zeros((2, 0)), np.zeros((0, 3)), judge=np.matmul),
    sample(contraction.Matmul(), integers(-3, 3, 2, 3), integers(-3, 3, 3, 2), judge=np.matmul),
    sample(random.RandomBits((5,)), _key, judge=None),
    sample(random.RandomUniform((2, 3), dtypes.float32), _key, judge=None),
    sample(random.RandomNormal((3, 3), dtypes.float64), _key, judge=None),
]  # fmt: skip
