"""Samples of casts, reshapes, joins, pads, indexing, gathering and scattering."""

from __future__ import annotations

import numpy as np

from nbdl import dtypes
from nbdl.ops import (
    broadcasting,
    concatenation,
    conversion,
    diagonals,
    gathering,
    indexing,
    movement,
    padding,
    rearrangement,
    taking,
)
from tests.ops.sample import integers, normal, sample

_x = normal(2, 3, 4)
_index = np.array([[2, 0, 1, 1], [0, 0, 2, 1]])[:, None, :]  # (2, 1, 4) along axis 1 of (2, 3, 4)


def _put(shape, index):
    def judge(dy, *arrays):
        total = np.zeros(shape)
        np.add.at(total, _real(index, arrays), dy)
        return total

    return judge


def _real(index, arrays):
    return indexing._filled(index, arrays)


def _set(index):
    def judge(x, v, *arrays):
        y = x.copy()
        y[_real(index, arrays)] = v
        return y

    return judge


def _along(function):
    """Scatter along axis 1 of (2, 3, 4), element by element."""

    def judge(x, index, source):
        y = np.array(x, copy=True)
        for i, j, k in np.ndindex(index.shape):
            place = (i, index[i, j, k], k)
            y[place] = function(y[place], source[i, j, k])
        return y

    return judge


_slices = ((0, 2, None), (None, None, -2))
_arrays = (indexing.ArrayIndex(0), 1)
_back = (Ellipsis, None, -1, (None, None, -1))
_empty = (1, (2, 2, None))
_inner = (Ellipsis, -1, (1, 3, None))
_last = (Ellipsis, indexing.ArrayIndex(0))
_mask = (indexing.ArrayIndex(0),)
_some = np.array([0, 2, 2, 1])
_places = np.array([1, 0, 1])
_distinct_index = np.array([[2, 0, 1, 1]] * 2)[:, None, :]
_spread = gathering.Spread(1, (2, 3, 4))

ROWS = [
    sample(conversion.Cast(dtypes.float64), normal(2, 3), judge=lambda x: x, order=1),
    sample(conversion.Cast(dtypes.int64), normal(2, 3) * 3, judge=lambda x: x.astype(int), order=0),
    sample(conversion.Cast(dtypes.float32), integers(0, 5, 4), judge=lambda x: x),
    sample(conversion.Clone(), _x, judge=lambda x: x),
    sample(broadcasting.Sum((0, 2)), _x, judge=lambda x: x.sum((0, 2))),
    sample(broadcasting.Sum((1,), True), _x, judge=lambda x: x.sum(1, keepdims=True)),
    sample(broadcasting.Sum((0,)), np.zeros((0, 3)), judge=lambda x: x.sum(0)),
    sample(broadcasting.Sum(()), np.array(2.5), judge=lambda x: x),
    sample(broadcasting.BroadcastTo((2, 3, 4)), normal(3, 1),
           judge=lambda x: np.broadcast_to(x, (2, 3, 4))),
    sample(broadcasting.BroadcastTo((0, 3)), normal(3), judge=lambda x: np.zeros((0, 3))),
    sample(movement.Reshape((4, 6)), _x, judge=lambda x: x.reshape(4, 6)),
    sample(movement.Reshape((0, 7)), np.zeros((2, 0)), judge=lambda x: x.reshape(0, 7)),
    sample(movement.Reshape(()), normal(1, 1), judge=lambda x: x.reshape(())),
    sample(movement.PermuteDims((2, 0, 1)), _x, judge=lambda x: x.transpose(2, 0, 1)),
    sample(concatenation.Concat(1), normal(2, 3), normal(2, 1), normal(2, 0),
           judge=lambda *xs: np.concatenate(xs, 1)),
    sample(concatenation.Stack(1), normal(2, 3), normal(2, 3), judge=lambda *xs: np.stack(xs, 1)),
    sample(concatenation.Split(1, (1, 0, 2)), _x, judge=lambda x: (x[:, :1], x[:, 1:1], x[:, 1:])),
    sample(concatenation.Unbind(1), _x, judge=lambda x: (x[:, 0], x[:, 1], x[:, 2])),
    sample(movement.Flip((0, 2)), _x, judge=lambda x: x[::-1, :, ::-1]),
    sample(padding.Pad(((1, 2), (0, 1)), 0.5), normal(2, 3),
           judge=lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=0.5)),
    sample(padding.Pad(((-1, 0), (1, -2))), normal(3, 4),
           judge=lambda x: np.pad(x[1:, :2], ((0, 0), (1, 0)))),
    sample(rearrangement.Roll((1, -2), (0, 2)), _x, judge=lambda x: np.roll(x, (1, -2), (0, 2))),
    sample(diagonals.Tril(1), _x, judge=lambda x: np.tril(x, 1)),
    sample(diagonals.Triu(-1), _x, judge=lambda x: np.triu(x, -1)),
    sample(diagonals.Diagonal(1), _x, judge=lambda x: np.diagonal(x, 1, 1, 2)),
    sample(diagonals.Diagonal(-1), normal(4, 2), judge=lambda x: np.diagonal(x, -1)),
    sample(diagonals.DiagonalFill(-1, (3, 3)), normal(2),
           judge=lambda x: np.diag(x, -1)),
    sample(indexing.GetItem(_slices), _x, judge=lambda x: x[0:2, ::-2]),
    sample(indexing.GetItem((None, Ellipsis, -1)), _x, judge=lambda x: x[None, ..., -1]),
    sample(indexing.GetItem(_arrays), _x, _places, judge=lambda x, i: x[i, 1]),
    sample(indexing.PutItem(_slices, (2, 3, 4)), normal(2, 2, 4), judge=_put((2, 3, 4), _slices)),
    sample(indexing.PutItem(_arrays, (2, 3, 4)), normal(3, 4), _places,
           judge=_put((2, 3, 4), _arrays)),
    sample(indexing.GetItem(_last), _x, _some, judge=lambda x, i: x[..., i]),
    sample(indexing.PutItem(_last, (2, 3, 4)), normal(2, 3, 4), _some,
           judge=_put((2, 3, 4), _last)),
    sample(indexing.PutItem(_back, (2, 3, 4)), normal(2, 1, 4), judge=_put((2, 3, 4), _back)),
    sample(indexing.PutItem(_empty, (2, 3, 4)), normal(0, 4), judge=_put((2, 3, 4), _empty)),
    sample(indexing.SetItem(_inner), _x, normal(1, 2, 1), judge=_set(_inner)),
    sample(indexing.SetItem(_back), _x, normal(4), judge=_set(_back)),
    sample(indexing.SetItem(_slices), _x, normal(2, 1, 4), judge=_set(_slices)),
    sample(indexing.SetItem(_arrays), _x, normal(2, 4), np.array([1, 0]), judge=_set(_arrays)),
    sample(indexing.SetItem(_mask), normal(2, 3), normal(3), np.array([0]), judge=_set(_mask)),
    sample(taking.Take(1), _x, _some, judge=lambda x, i: x[:, i]),
    sample(taking.Take(0), normal(3, 2), np.array([[0, -1], [2, 0]]), judge=lambda x, i: x[i]),
    sample(taking.Place(1, (2, 3, 4)), normal(2, 4, 4), _some,
           judge=_put((2, 3, 4), ((None, None, None), indexing.ArrayIndex(0)))),
    sample(gathering.Gather(1), _x, _index, judge=lambda x, i: np.take_along_axis(x, i, 1)),
    sample(_spread, normal(2, 1, 4), _index,
           judge=lambda dy, i: _along(lambda a, b: a + b)(np.zeros((2, 3, 4)), i, dy)),
    sample(gathering.Scatter(1), _x, _distinct_index, normal(2, 2, 5),
           judge=_along(lambda a, b: b)),
    sample(gathering.ScatterAdd(1), _x, _index, normal(2, 1, 4), judge=_along(lambda a, b: a + b)),
]  # fmt: skip

