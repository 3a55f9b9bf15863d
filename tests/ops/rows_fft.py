"""Samples of Fourier transforms, judged by the sums that define them."""

from __future__ import annotations

import numpy as np

from nbdl.ops import fft
from tests.ops.sample import normal, sample


def _complex(*shape):
    return normal(*shape) + 1j * normal(*shape)


def _sum(x, axes, sign):
    """The transform's own definition: a matrix product for each axis."""
    for a in axes:
        n = x.shape[a]
        matrix = np.exp(sign * 2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
        x = np.moveaxis(np.tensordot(matrix, x, (1, a)), 0, a)
    return x


def _whole(axes, sign=-1):
    return lambda x: _sum(x, axes, sign)


def _half(axes):
    return lambda x: np.moveaxis(
        np.moveaxis(_sum(x, axes, -1), axes[-1], 0)[: x.shape[axes[-1]] // 2 + 1], 0, axes[-1]
    )


def _unhalved(axes, n):
    """Other axes first; then frequencies k and n - k are conjugates, 0 and n/2 are real."""

    def judge(x):
        x = np.moveaxis(_sum(x, axes[:-1], 1), axes[-1], -1)
        time = np.arange(n)
        y = np.zeros((*x.shape[:-1], n))
        for k in range(n // 2 + 1):
            turn = np.exp(2j * np.pi * k * time / n)
            single = k == 0 or 2 * k == n
            part = x[..., k, None].real * turn.real if single else 2 * x[..., k, None] * turn
            y += part.real
        return np.moveaxis(y, -1, axes[-1])

    return judge


ROWS = [
    sample(fft.Fft((0,)), _complex(5), judge=_whole((0,))),
    sample(fft.Fft((0,)), _complex(1), judge=_whole((0,))),
    sample(fft.Fft((1,), True), _complex(2, 4), judge=_whole((1,), 1)),
    sample(fft.Fft((2, 0)), _complex(2, 3, 4), judge=_whole((2, 0)), order=1),
    sample(fft.Rfft((0,)), normal(6), judge=_half((0,)), halves=False),
    sample(fft.Rfft((1,)), normal(2, 5), judge=_half((1,)), halves=False),
    sample(fft.Rfft((0, 1)), normal(3, 4), judge=_half((0, 1)), halves=False),
    sample(fft.Rfft((1, 0)), normal(3, 4), judge=_half((1, 0)), halves=False),
    sample(fft.Irfft((0,), 6), _complex(4), judge=_unhalved((0,), 6)),
    sample(fft.Irfft((1,), 5), _complex(2, 3), judge=_unhalved((1,), 5)),
    sample(fft.Irfft((0,), 1), _complex(1), judge=_unhalved((0,), 1)),
    sample(fft.Irfft((0, 1), 4), _complex(3, 3), judge=_unhalved((0, 1), 4)),
    sample(fft.Irfft((1, 0), 5), _complex(3, 2), judge=_unhalved((1, 0), 5)),
]  # fmt: skip
