"""First values of parameters. Every function fills its tensor in place and returns it.

All take a tensor of any float dtype and device. Those that draw take a ``generator``; the default
one is seeded by ``nbdl.manual_seed``. They raise ShapeError for too few or too many axes and
ArgumentError for options out of range.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl.backends import to_numpy
from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError, ShapeError, unknown
from nbdl.ops.creation import full_like
from nbdl.ops.random import rand, randn

_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0, "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0), "selu": 3.0 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity.

    Args:
        nonlinearity: the name of a function of ``nn.functional``.
        param: the slope of ``"leaky_relu"``, 0.01 unless given.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: param={param!r} must be a slope, a number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise unknown("nonlinearity", nonlinearity, [*_GAINS, "leaky_relu"])
    return _GAINS[nonlinearity]


def _filled(tensor: Tensor, values: Tensor) -> Tensor:
    """Put ``values`` into the box of ``tensor``, which stays a leaf."""
    if not tensor.is_leaf:
        raise GradientError(
            f"a tensor that {tensor.grad_fn.op.title} made of another cannot be initialised: the "
            "other would not see it",
            hint="init.zeros_(p.data[0]) initialises a part of p",
        )
    tensor.value = values.value
    return tensor


def _put(tensor: Tensor, values: np.ndarray) -> Tensor:
    return _filled(tensor, Tensor(values.astype(tensor.dtype)).to(tensor.device))


def _uniform(shape: Any, low: float, high: float, like: Tensor, generator: Any) -> Tensor:
    unit = rand(*shape, dtype=like.dtype, device=like.device, generator=generator)
    return unit * (high - low) + low


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform numbers from ``a`` to ``b``."""
    if not a <= b:
        raise ArgumentError(f"uniform_ needs a <= b, got a={a}, b={b}")
    return _filled(tensor, _uniform(tensor.shape, a, b, tensor, generator))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normal numbers of ``mean`` and standard deviation ``std``."""
    if not std >= 0:
        raise ArgumentError(f"normal_ needs std >= 0, got {std}")
    z = randn(*tensor.shape, dtype=tensor.dtype, device=tensor.device, generator=generator)
    return _filled(tensor, z * std + mean)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of ``mean`` and ``std``, only those in [a, b]."""
    if not std > 0 or not a < b:
        raise ArgumentError(
            f"trunc_normal_ needs std > 0 and a < b, got std={std}, a={a}, b={b}"
        )
    # In the lower tail probabilities are small and exact, in the upper near 1: so mirror that.
    side = -1 if a > mean else 1
    ends = sorted(side * (v - mean) / std for v in (a, b))
    low, high = (math.erfc(-z / math.sqrt(2)) / 2 for z in ends)
    unit = rand(*tensor.shape, dtype="float64", device="cpu", generator=generator)
    z = _normal_quantile(low + unit.numpy() * (high - low))
    return _put(tensor, np.clip(mean + side * std * z, a, b))


def _normal_quantile(p: np.ndarray) -> np.ndarray:
    """The inverse of the normal distribution function, to 1.2e-9 (P. J. Acklam's fractions)."""
    central = np.abs(p - 0.5) <= 0.47575
    q = np.where(central, p - 0.5, 0)
    r = q * q
    inner = q * np.polyval(_CENTRE[0], r) / np.polyval(_CENTRE[1], r)
    tail = np.clip(np.minimum(p, 1 - p), 1e-300, 0.5)
    t = np.sqrt(-2 * np.log(tail))
    outer = np.polyval(_TAIL[0], t) / np.polyval(_TAIL[1], t) * np.where(p < 0.5, 1, -1)
    return np.where(central, inner, outer)


_CENTRE = (
    [-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.383577518672690e2,
     -3.066479806614716e1, 2.506628277459239],
    [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
     -1.328068155288572e1, 1.0],
)  # fmt: skip
_TAIL = (
    [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
     4.374664141464968, 2.938163982698783],
    [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0],
)  # fmt: skip


def constant_(tensor: Tensor, val: float) -> Tensor:
    """``val`` everywhere."""
    return _filled(tensor, full_like(tensor, val))


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix; ``tensor`` has two axes."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ needs a tensor with 2 axes, got shape {tensor.shape}")
    return _put(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights that pass their input channels through (3 to 5 axes)."""
    if groups < 1:
        raise ArgumentError(f"dirac_ needs groups of at least 1, got {groups}")
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ShapeError(
            f"dirac_ needs convolution weights (out, in, *kernel) with out a multiple of "
            f"groups={groups}, got shape {tensor.shape}"
        )
    out, inputs, *kernel = tensor.shape
    values = np.zeros(tensor.shape)
    per_group = out // groups
    for group in range(groups):
        for i in range(min(per_group, inputs)):
            values[(group * per_group + i, i, *(k // 2 for k in kernel))] = 1
    return _put(tensor, values)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input."""
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan in and fan out need a tensor with 2 axes or more, got shape {tensor.shape}",
            hint="initialise biases with zeros_ or uniform_",
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


_calculate_fan_in_and_fan_out = _fans


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise unknown("mode", mode, ["fan_in", "fan_out"])
    return _fans(tensor)[mode == "fan_out"]


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform numbers within ±gain · √(6 / (fan in + fan out)).

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    bound = gain * math.sqrt(6.0 / max(sum(_fans(tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers of standard deviation gain · √(2 / (fan in + fan out)).

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(sum(_fans(tensor)), 1)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers within ±gain · √(3 / fan).

    K. He and others, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
    ImageNet Classification", ICCV 2015.

    Args:
        tensor: what to fill.
        a: the slope of ``"leaky_relu"``.
        mode: ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward.
        nonlinearity: what follows; see ``calculate_gain``.
        generator: of the random numbers.
    """
    std = calculate_gain(nonlinearity, a) / math.sqrt(max(_fan(tensor, mode), 1))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of standard deviation gain / √fan; arguments as ``kaiming_uniform_``'s.

    K. He and others, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
    ImageNet Classification", ICCV 2015.
    """
    std = calculate_gain(nonlinearity, a) / math.sqrt(max(_fan(tensor, mode), 1))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random orthogonal matrix, or the first rows or columns of one; further axes count as one.

    A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", ICLR 2014.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_ needs 2 axes or more, got shape {tensor.shape}")
    rows = tensor.shape[0]
    columns = tensor.size // max(rows, 1)
    flat = randn(rows, columns, dtype="float64", device="cpu", generator=generator)
    values = to_numpy(flat.value)
    q, r = np.linalg.qr(values.T if rows < columns else values)
    q = q * np.sign(np.diag(r))
    q = q.T if rows < columns else q
    return _put(tensor, gain * q.reshape(tensor.shape))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Normal numbers with a share ``sparsity`` of each column set to zero (2 axes).

    J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    """
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_ needs a sparsity from 0 to 1, got {sparsity}")
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_ needs a tensor with 2 axes, got shape {tensor.shape}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    order = np.argsort(rand(rows, columns, device="cpu", generator=generator).numpy(), axis=0)
    drawn = randn(rows, columns, dtype="float64", device="cpu", generator=generator)
    values = drawn.numpy() * std
    values = np.where(order < zeros, 0, values)
    return _put(tensor, values)
