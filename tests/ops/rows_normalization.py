"""Samples of standardizing, the operation under batch, layer, group and instance norm."""

from __future__ import annotations

import numpy as np

from nbdl.ops import affine, normalization
from tests.ops.sample import normal, sample


def _standardize(axes, eps):
    """By the mean of squares minus the square of the mean."""

    def judge(x):
        mean = x.mean(axes, keepdims=True)
        var = (x**2).mean(axes, keepdims=True) - mean**2
        return (x - mean) / np.sqrt(var + eps), mean, var

    return judge


def _standardize_grad(axes, eps):
    """The result for each element of x a step of 1e-20 into the complex plane."""

    def judge(dy, x, mean, var):
        dx = np.zeros_like(x)
        for i in np.ndindex(x.shape):
            z = x.astype(complex)
            z[i] += 1e-20j
            centred = z - z.mean(axes, keepdims=True)
            y = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps)
            dx[i] = (dy * np.imag(y)).sum() / 1e-20
        return dx

    return judge


def _both(axes, eps, x, **options):
    _, mean, var = _standardize(axes, eps)(x)
    yield sample(normalization.Standardize(axes, eps), x, judge=_standardize(axes, eps), **options)
    # The moments follow from x: derivatives of the rule are the second derivatives of
    # Standardize, checked there. Float32 and half precision keep them in float32.
    yield sample(normalization.StandardizeGrad(axes, eps), normal(*x.shape), x, mean, var,
                 judge=_standardize_grad(axes, eps), order=0, **options)  # fmt: skip


_odd = np.array([[2.0, 2.0, 2.0], [0.0, 1e-3, -1e-3]])
"""A row without variance, and one whose variance is below eps."""

ROWS = [
    *_both((0, 2), 1e-5, normal(3, 2, 2)),
    *_both((1,), 1e-2, normal(2, 4)),
    *_both((1, 2), 1e-5, normal(2, 2, 3)),
    sample(affine.ScaleShift(), normal(2, 3), normal(3), normal(3),
           judge=lambda x, scale, shift: x * scale + shift),
    sample(affine.ScaleShiftGrad((0, 2)), normal(2, 3, 2), normal(2, 3, 2), judge=lambda dy, x: (
        (dy * x).sum((0, 2), keepdims=True), dy.sum((0, 2), keepdims=True))),
    sample(affine.ScaleShift(), normal(2, 3), normal(3), normal(2, 1),
           judge=lambda x, scale, shift: x * scale + shift),
    sample(normalization.Standardize((1,), 1e-5), _odd, judge=_standardize((1,), 1e-5)),
    sample(normalization.Standardize((1,), 1e-5), np.zeros((0, 3)), judge=lambda x: (
        x, np.zeros((0, 1)), np.zeros((0, 1)))),
]  # fmt: skip
