"""Samples of comparisons, logic, bits, and choosing between values."""

from __future__ import annotations

import numpy as np

from nbdl.ops import comparison, logic, selection
from tests.ops.sample import bools, distinct, integers, normal, sample


def _pair(op, judge, make, **options):
    return [
        sample(op, make(2, 3), make(2, 3), judge=judge, **options),
        sample(op, make(2, 1), make(3), judge=judge, **options),
    ]


def _small(*shape):
    return integers(-3, 4, *shape)


def _shifts(*shape):
    return integers(0, 4, *shape)


def _fractions(*shape):
    return integers(-2, 3, *shape) / 2.0


def _half(d, x, y):
    return d / 2 + 0 * (x + y)


_share = selection.LargerShare()

ROWS = [
    *_pair(comparison.Equal(), np.equal, _small),
    *_pair(comparison.Equal(), np.equal, _fractions),
    *_pair(comparison.NotEqual(), np.not_equal, _fractions),
    *_pair(comparison.Less(), np.less, _fractions),
    *_pair(comparison.LessEqual(), np.less_equal, _fractions),
    *_pair(comparison.Greater(), np.greater, _fractions),
    *_pair(comparison.GreaterEqual(), np.greater_equal, _fractions),
    sample(comparison.Isnan(), np.array([1.0, np.nan, np.inf]), judge=np.isnan),
    sample(comparison.Isinf(), np.array([1.0, np.nan, -np.inf]), judge=np.isinf),
    sample(comparison.Isfinite(), np.array([1.0, np.nan, np.inf]), judge=np.isfinite),
    sample(comparison.Signbit(), np.array([1.0, -0.0, 0.0, -2.0]), judge=np.signbit),
    *_pair(logic.LogicalAnd(), np.logical_and, bools),
    *_pair(logic.LogicalOr(), np.logical_or, bools),
    *_pair(logic.LogicalXor(), np.logical_xor, bools),
    sample(logic.LogicalNot(), bools(4), judge=np.logical_not),
    *_pair(logic.BitwiseAnd(), np.bitwise_and, _small),
    *_pair(logic.BitwiseOr(), np.bitwise_or, bools),
    *_pair(logic.BitwiseXor(), np.bitwise_xor, _small),
    *_pair(logic.BitwiseLeftShift(), np.left_shift, _shifts),
    *_pair(logic.BitwiseRightShift(), np.right_shift, _shifts),
    sample(logic.BitwiseInvert(), _small(5), judge=np.invert),
    sample(logic.BitwiseInvert(), bools(5), judge=np.invert),
    sample(selection.Where(), bools(2, 3), normal(2, 3), normal(2, 3), judge=np.where),
    sample(selection.Where(), bools(2, 1), normal(3), normal(2, 3), judge=np.where),
    *_pair(selection.Maximum(), np.maximum, normal),
    *_pair(selection.Minimum(), np.minimum, normal),
    *_pair(selection.Fmax(), np.fmax, normal),
    *_pair(selection.Fmin(), np.fmin, normal),
    sample(selection.Clip(-0.5, 0.7), distinct(2, 5), judge=lambda x: np.clip(x, -0.5, 0.7)),
    sample(selection.Clip(0, 2), integers(-4, 5, 6), judge=lambda x: np.clip(x, 0, 2)),
    sample(_share, normal(2, 3), normal(2, 3), normal(2, 3), judge=lambda d, x, y: d * (x > y)),
    sample(_share, normal(3), np.ones(3), np.ones(3), judge=_half, order=0),
]
