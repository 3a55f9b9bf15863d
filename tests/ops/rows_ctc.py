"""Samples of the connectionist loss; the judge spells the targets in every possible way."""

from __future__ import annotations

import itertools

import numpy as np

from nbdl.ops import ctc
from tests.ops.sample import normal, sample


def _paths(lp, targets, length, size, blank):
    """Every path of classes that spells the targets, and its probability."""
    wanted = list(targets[:size])
    for path in itertools.product(range(lp.shape[1]), repeat=length):
        spelled = [c for c, before in zip(path, (None, *path), strict=False) if c != before]
        if [c for c in spelled if c != blank] == wanted:
            yield path, np.exp(sum(lp[t, c] for t, c in enumerate(path)))


def _loss(op):
    def judge(lp, targets, lengths, sizes):
        found = []
        for n, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
            total = sum(p for _, p in _paths(lp[:, n], targets[n], length, size, op.blank))
            found.append(-np.log(total) if total else (0.0 if op.zero_infinity else np.inf))
        return np.array(found)

    return judge


def _grad(op):
    def judge(dy, lp, targets, lengths, sizes):
        dx = np.zeros(lp.shape)
        for n, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
            paths = list(_paths(lp[:, n], targets[n], length, size, op.blank))
            total = sum(p for _, p in paths)
            for path, p in paths:
                for t, c in enumerate(path):
                    dx[t, n, c] -= dy[n] * p / total
        return dx

    return judge


def _samples(blank, zero_infinity, lengths, sizes, targets):
    x = normal(4, len(lengths), 3)
    lp = x - np.log(np.exp(x).sum(2, keepdims=True))
    rest = (np.array(targets), np.array(lengths), np.array(sizes))
    op = ctc.CTC(blank, zero_infinity)
    back = ctc.CTCGrad(blank, zero_infinity)
    yield sample(op, lp, *rest, judge=_loss(op))
    yield sample(back, normal(len(lengths)), lp, *rest, judge=_grad(op))


ROWS = [
    *_samples(0, False, [4, 3, 4], [2, 1, 0], [[1, 2], [2, 1], [1, 1]]),
    *_samples(1, True, [4, 2], [2, 2], [[0, 0], [2, 2]]),
]
