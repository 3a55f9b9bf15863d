"""Samples of activation functions and of their slopes.

A smooth slope is judged by the function one tiny imaginary step aside: Im f(x + ih) / h, which is
exact to the last digit. Squire and Trapp: "Using complex variables to estimate derivatives of real
functions", SIAM Review 40, 1998.
"""

from __future__ import annotations

import math

import numpy as np

from nbdl.ops import activation, activation_elu, activation_gelu, rectifier
from tests.ops.sample import normal, sample, uniform

_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_special = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e4, -1e4, 30.0, -30.0, 1.0, -1.0])
_pieces = np.array([[-4.2, -3.3, -1.7], [-0.8, -0.2, 0.3], [0.7, 1.6, 3.4]])
"""Between the places -3, -1, -0.5, 0, 0.5, 1 and 3, where some function has a kink."""


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _silu(x):
    return x / (1 + np.exp(-x))


def _gelu(x):
    return x * _erfc(-x / math.sqrt(2)) / 2


def _gelu_slope(dy, x):
    bell = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return dy * (_erfc(-x / math.sqrt(2)) / 2 + x * bell)


def _gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _softplus(beta):
    return lambda x: np.log1p(np.exp(beta * x)) / beta


def _elu(alpha, scale, steepness):
    return lambda x: scale * np.where(x.real > 0, x, alpha * np.expm1(steepness * x))


def _hardswish(x):
    return x * np.where(x.real < -3, 0, np.where(x.real > 3, 6, x + 3)) / 6


def _slope(function):
    return lambda dy, x: dy * np.imag(function(x + 1e-30j)) / 1e-30


def _piecewise(op, judge, *others):
    """Between the kinks with all derivatives, and at infinities, zeros and NaN."""
    return [
        sample(op, *others, _pieces, judge=judge),
        sample(op, *(np.ones(_special.shape) for _ in others), _special, judge=judge, order=0),
    ]


_x, _dy = normal(2, 3), normal(2, 3)
_y = uniform(0.1, 0.9, 2, 3)
_settings = (0.7, 1.3, 2.0)

ROWS = [
    sample(activation.Sigmoid(), _x, judge=_sigmoid),
    sample(activation.Sigmoid(), _special, judge=_sigmoid, order=0),
    sample(activation.SigmoidGrad(), _dy, _y,
           judge=lambda dy, y: _slope(_sigmoid)(dy, np.log(y / (1 - y)))),
    sample(activation.Silu(), _x, judge=_silu),
    sample(activation.Silu(), _special, judge=_silu, order=0),
    sample(activation.SiluGrad(), _dy, _x, judge=_slope(_silu)),
    # At -3, 1 + erf(x / √2) is 0.0027: the 4.8e-7 to which erf is known there in float32 become
    # 1.8e-4 of gelu, and 2e-5 of its slope.
    sample(activation_gelu.Gelu(), _x, judge=_gelu, kernel_slack=60),
    sample(activation_gelu.GeluGrad(), _dy, _x, judge=_gelu_slope, kernel_slack=7),
    sample(activation_gelu.GeluTanh(), _x, judge=_gelu_tanh),
    sample(activation_gelu.GeluTanhGrad(), _dy, _x, judge=_slope(_gelu_tanh)),
    sample(activation.Softplus(), _x, judge=_softplus(1)),
    sample(activation.Softplus(-0.5), _x, judge=_softplus(-0.5)),
    sample(activation.Softplus(2.0, 1.0), np.array([0.3, 0.7, -1.0]),
           judge=lambda x: np.where(x > 0.5, x, _softplus(2)(x))),
    sample(activation.Softplus(), _special,
           judge=lambda x: np.where(x > 20, x, _softplus(1)(x)), order=0),
    sample(activation.SoftplusSlope(2.0, 20.0), _x, judge=lambda x: _slope(_softplus(2))(1, x)),
    sample(activation.SoftplusSlope(2.0, 1.0), np.array([0.3, 0.7, -1.0]),
           judge=lambda x: np.where(x > 0.5, 1, _sigmoid(2 * x))),
    sample(activation.LogSigmoid(), _x, judge=lambda x: np.log(_sigmoid(x))),
    *_piecewise(activation_elu.Elu(), _elu(1, 1, 1)),
    *_piecewise(activation_elu.Elu(*_settings), _elu(*_settings)),
    sample(activation_elu.EluGrad(*_settings), _dy, _x, judge=_slope(_elu(*_settings))),
    sample(activation_elu.EluCurve(2.0), _x, judge=lambda x: np.where(x > 0, 0, np.exp(2 * x))),
    sample(rectifier.Relu(), _pieces, judge=lambda x: np.where(x > 0, x, 0)),
    sample(rectifier.ReluGrad(), _dy, _x, judge=lambda dy, y: dy * (y > 0)),
    sample(rectifier.Between(-1.0, 0.5), normal(3, 3), _pieces,
           judge=lambda dy, x: dy * ((x > -1) & (x < 0.5))),
    sample(rectifier.Between(-1.0, 1.0), np.ones(11), _special,
           judge=lambda dy, x: dy * (np.abs(x) < 1), order=0),
    sample(rectifier.Between(-1.0, 1.0, closed=True), np.ones(11), _special,
           judge=lambda dy, x: dy * (np.abs(x) <= 1), order=0),
    sample(rectifier.Outside(-1.0, 0.5), normal(3, 3), _pieces,
           judge=lambda dy, x: dy * ((x < -1) | (x > 0.5))),
    sample(rectifier.Outside(-1.0, 1.0), np.ones(11), _special,
           judge=lambda dy, x: dy * ((np.abs(x) > 1) | np.isnan(x)), order=0),
    *_piecewise(rectifier.Hardtanh(-1.0, 0.5), lambda x: np.minimum(np.maximum(x, -1), 0.5)),
    *_piecewise(rectifier.LeakyRelu(0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    *_piecewise(rectifier.LeakyRelu(0.0), lambda x: np.where(x > 0, x, 0 * x)),
    *_piecewise(rectifier.LeakyRelu(-2.0), lambda x: np.where(x > 0, x, -2 * x)),
    *_piecewise(rectifier.LeakyReluGrad(0.1), lambda dy, x: np.where(x > 0, dy, 0.1 * dy), _dy[:1]),
    *_piecewise(rectifier.LeakyReluGrad(1.5), lambda dy, x: np.where(x > 0, dy, 1.5 * dy), _dy[:1]),
    sample(rectifier.Prelu(), _pieces, normal(3), judge=lambda x, w: np.where(x > 0, x, w * x)),
    sample(rectifier.Hardswish(), _pieces, judge=_hardswish),
    sample(rectifier.HardswishGrad(), normal(3, 3), _pieces, judge=_slope(_hardswish)),
    *_piecewise(rectifier.Threshold(0.5, -7.0), lambda x: np.where(x <= 0.5, -7, x)),
    *_piecewise(rectifier.Softshrink(0.5),
                lambda x: np.where(np.abs(x) <= 0.5, 0, x - np.copysign(0.5, x))),
]  # fmt: skip
