"""Samples of softmax, cross-entropy and what they are made of, and of tables of rows."""

from __future__ import annotations

import numpy as np

from nbdl import dtypes
from nbdl.ops import cross_entropy, embedding, loss_targets, softmax
from tests.ops.sample import integers, normal, sample

_infinite = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf], [1e4, 0.0, -1e4]])


def _softmax(axis):
    def judge(x):
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    return judge


def _log_softmax(axis):
    """Row by row, by NumPy's own sum of exponentials in logarithms."""

    def judge(x):
        return np.apply_along_axis(lambda row: row - np.logaddexp.reduce(row), axis, x)

    return judge


def _through_softmax(dy, y):
    """dy times the matrix of derivatives, diag(y) - y yᵀ, row by row."""
    return np.stack([(np.diag(b) - np.outer(b, b)) @ a for a, b in zip(dy, y, strict=True)])


def _through_log_softmax(dy, y):
    n = y.shape[1]
    return np.stack([
        (np.eye(n) - np.outer(np.exp(b), np.ones(n))) @ a for a, b in zip(dy, y, strict=True)
    ])  # fmt: skip


# ----- classes: one loop over the samples, as the definition says ------------------------------


def _places(target):
    """(place of a sample in target, place before and after the class axis in x)."""
    for i in np.ndindex(target.shape):
        yield i, i[:1], i[1:]


def _shares(classes, smoothing=0.0):
    """How much each class counts; class -100 counts for nothing."""

    def judge(target, weight=None):
        weight = np.ones(classes) if weight is None else weight
        y = np.zeros((*target.shape[:1], classes, *target.shape[1:]))
        for i, before, after in _places(target):
            for c in range(classes):
                right = smoothing / classes + (1 - smoothing) * (c == target[i])
                y[(*before, c, *after)] = right * weight[c] * (target[i] != -100)
        return y

    return judge


def _class_weights(target, weight=None):
    one = np.ones_like(target, dtype=float) if weight is None else weight[np.maximum(target, 0)]
    return np.where(target == -100, 0.0, one)


def _cross_entropy(reduction, smoothing=0.0):
    def judge(x, target, weight=None):
        axis = min(x.ndim - 1, 1)
        shares = _shares(x.shape[axis], smoothing)(target, weight)
        losses = -(shares * _log_softmax(axis)(x)).sum(axis)
        lse = np.logaddexp.reduce(x, axis).reshape(-1)
        if reduction == "none":
            return losses, lse
        total = losses.sum()
        return total / _class_weights(target, weight).sum() if reduction == "mean" else total, lse

    return judge


def _cross_entropy_grad(reduction, smoothing=0.0):
    """A step of 1e-20 of each logit into the complex plane, where the loss has no max."""

    def judge(dy, lse, x, target, weight=None):
        shares = _shares(x.shape[1], smoothing)(target, weight)
        norm = _class_weights(target, weight).sum() if reduction == "mean" else 1.0
        dx = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            z = x.astype(complex)
            z[i] += 1e-20j
            losses = shares.sum(1) * np.log(np.exp(z).sum(1)) - (shares * z).sum(1)
            dx[i] = (dy * np.imag(losses)).sum() / 1e-20 / norm
        return dx

    return judge


def _pick(x, target):
    axis = min(x.ndim - 1, 1)
    y = np.zeros(target.shape)
    for i, before, after in _places(target):
        if target[i] != -100:
            y[i] = x[(*before, target[i], *after)] if axis else x[target[i]]
    return y


def _place(shape):
    def judge(dy, target):
        dx = np.zeros(shape)
        for i, before, after in _places(target):
            if target[i] != -100:
                dx[(*before, target[i], *after) if len(shape) > 1 else target[i]] = dy[i]
        return dx

    return judge


def _loss_samples():
    """Reductions, smoothing, weights and ignored samples, in one, two and four axes."""
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.3):
            op = cross_entropy.CrossEntropy(reduction, -100, smoothing)
            judge = _cross_entropy(reduction, smoothing)
            yield sample(op, _x, _target, judge=judge)
            yield sample(op, _x, _target, _weight, judge=judge)
            grad = cross_entropy.CrossEntropyGrad(reduction, -100, smoothing)
            dy = normal(4) if reduction == "none" else np.array(0.7)
            judge = _cross_entropy_grad(reduction, smoothing)
            # The log-sum-exp follows from x: derivatives of the rule are the second derivatives
            # of the loss, checked there.
            yield sample(grad, dy, _lse, _x, _target, judge=judge, order=0)
            yield sample(grad, dy, _lse, _x, _target, _weight, judge=judge, order=0)
    plain = cross_entropy.CrossEntropy("none", -100, 0.0)
    yield sample(plain, normal(2, 3, 1, 2), integers(0, 3, 2, 1, 2), judge=_cross_entropy("none"))
    smooth = cross_entropy.CrossEntropy("mean", -100, 0.1)
    yield sample(smooth, normal(2, 3, 2), integers(0, 3, 2, 2), judge=_cross_entropy("mean", 0.1))


_x, _weight = normal(4, 3), np.array([0.5, 2.0, 1.5])
_target, _map = np.array([2, 0, -100, 1]), np.array([[1, -100], [2, 0]])
_lse = np.logaddexp.reduce(_x, 1)
_ids = np.array([[2, 0], [2, 3]])


def _added(rows, padding=None):
    def judge(ids, dy):
        table = np.zeros((rows, dy.shape[-1]))
        np.add.at(table, ids, dy)
        if padding is not None:
            table[padding] = 0
        return table

    return judge


ROWS = [
    sample(softmax.Softmax(1), normal(2, 3), judge=_softmax(1)),
    sample(softmax.Softmax(0), normal(2, 1, 3), judge=_softmax(0)),
    sample(softmax.Softmax(1), _infinite, judge=_softmax(1), order=0),
    sample(softmax.Softmax(1), np.zeros((2, 0)), judge=lambda x: x),
    sample(softmax.SoftmaxGrad(1), normal(2, 3), _softmax(1)(normal(2, 3)),
           judge=_through_softmax),
    sample(softmax.LogSoftmax(1), normal(2, 3), judge=_log_softmax(1)),
    sample(softmax.LogSoftmax(0), normal(2, 1, 3), judge=_log_softmax(0)),
    sample(softmax.LogSoftmax(1), _infinite, judge=_log_softmax(1), order=0),
    sample(softmax.LogSoftmax(1), np.zeros((2, 0)), judge=lambda x: x),
    sample(softmax.LogSoftmaxGrad(1), normal(2, 3), _log_softmax(1)(normal(2, 3)),
           judge=_through_log_softmax),
    *_loss_samples(),
    sample(loss_targets.ClassShares(3, -100, 0.0, dtypes.float64), _target, judge=_shares(3)),
    sample(loss_targets.ClassShares(3, -100, 0.3, dtypes.float64), _map, judge=_shares(3, 0.3)),
    sample(loss_targets.ClassShares(3, -100, 0.3, dtypes.float64), _map, _weight,
           judge=_shares(3, 0.3)),
    sample(loss_targets.ClassShares(3, -100, 0.3, dtypes.float16), np.array(1),
           judge=_shares(3, 0.3)),
    sample(loss_targets.ClassWeights(-100, dtypes.float64), _map, judge=_class_weights),
    sample(loss_targets.ClassWeights(-100, dtypes.float64), _map, _weight,
           judge=_class_weights),
    sample(loss_targets.ClassWeights(-100, dtypes.float64), np.array(1), _weight,
           judge=_class_weights),
    sample(loss_targets.PickClass(-100), _x, _target, judge=_pick),
    sample(loss_targets.PickClass(-100), normal(2, 3, 2), _map, judge=_pick),
    sample(loss_targets.PickClass(-100), normal(3), np.array(2), judge=_pick),
    sample(loss_targets.PlaceClass((4, 3), -100), normal(4), _target, judge=_place((4, 3))),
    sample(loss_targets.PlaceClass((2, 3, 2), -100), normal(2, 2), _map,
           judge=_place((2, 3, 2))),
    sample(loss_targets.PlaceClass((3,), -100), normal(), np.array(1), judge=_place((3,))),
    sample(embedding.Embedding(None), _ids, normal(4, 2), judge=lambda ids, table: table[ids]),
    sample(embedding.Embedding(None), np.zeros((0, 2), int), normal(4, 2),
           judge=lambda ids, table: np.zeros((0, 2, 2))),
    sample(embedding.EmbeddingTable(None, 5), _ids, normal(2, 2, 3), judge=_added(5)),
    sample(embedding.EmbeddingTable(2, 4), _ids, normal(2, 2, 3), judge=_added(4, 2)),
    sample(embedding.EmbeddingTable(None, 2), np.array(1), normal(3), judge=_added(2)),
    sample(embedding.EmbeddingTable(None, 2), np.zeros(0, int), np.zeros((0, 3)),
           judge=lambda ids, dy: np.zeros((2, 3))),
]  # fmt: skip
