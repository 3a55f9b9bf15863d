"""Activations as layers: nonlinear functions of each element, and the softmax family."""

from __future__ import annotations

from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.nn.sizes import check_sizes


class _Activation(Module):
    """What activations share: their settings in words.

    ``inplace=True`` also puts the result into the input's box, as PyTorch does.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    inplace: bool = False

    def extra_repr(self) -> str:
        """Settings, those of PyTorch's words."""
        parts = [f"{name}={getattr(self, name)!r}" for name in self.settings]
        return ", ".join(parts + ["inplace=True"] * self.inplace)

    def _out(self, x: Tensor, y: Tensor) -> Tensor:
        return x._replace(y) if self.inplace else y


class _InPlace(_Activation):
    """An activation without settings but ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace):
    """max(0, x).  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.relu(input)) if self.inplace else F.relu(input)


class ReLU6(_InPlace):
    """min(max(0, x), 6).  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.relu6(input))


class SELU(_InPlace):
    """The self-normalising unit: G. Klambauer and others, NIPS 2017.  x: (...) -> y: same."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.selu(input))


class SiLU(_InPlace):
    """x · sigmoid(x), also called swish.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.silu(input))


class Mish(_InPlace):
    """x · tanh(softplus(x)): D. Misra, BMVC 2020.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.mish(input))


class Hardswish(_InPlace):
    """x · relu6(x + 3) / 6: A. Howard and others, ICCV 2019.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.hardswish(input))


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.hardsigmoid(input))


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)).  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.sigmoid(input)


class LogSigmoid(_Activation):
    """log(1 / (1 + exp(-x))), without overflow.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.logsigmoid(input)


class Tanh(_Activation):
    """The hyperbolic tangent.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.tanh(input)


class Softsign(_Activation):
    """x / (1 + |x|).  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.softsign(input)


class Tanhshrink(_Activation):
    """x - tanh(x).  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.tanhshrink(input)


class LeakyReLU(_Activation):
    """x where positive, negative_slope · x elsewhere.  x: (...) -> y: same shape."""

    settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.leaky_relu(input, self.negative_slope))


class RReLU(_Activation):
    """A leaky ReLU with a random slope in training: B. Xu and others, arXiv:1505.00853.

    x: (...) -> y: same shape; the slope is uniform in [lower, upper], and their mean in
    evaluation mode.
    """

    settings = ("lower", "upper")

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.rrelu(input, self.lower, self.upper, self.training))


class ELU(_Activation):
    """x where positive, alpha · (exp(x) - 1) elsewhere.  x: (...) -> y: same shape."""

    settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.elu(input, self.alpha))


class CELU(_Activation):
    """x where positive, alpha · (exp(x/alpha) - 1) elsewhere.  x: (...) -> y: same shape."""

    settings = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.celu(input, self.alpha))


class GELU(_Activation):
    """x · Φ(x), Φ the normal distribution function: D. Hendrycks, K. Gimpel, 2016.

    x: (...) -> y: same shape. ``approximate="tanh"`` is GPT-2's approximation.
    """

    settings = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.gelu(input, approximate=self.approximate)


class Hardtanh(_Activation):
    """x limited to min_val..max_val.  x: (...) -> y: same shape."""

    settings = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise ArgumentError(f"Hardtanh: max_val={max_val} must be above min_val={min_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.hardtanh(input, self.min_val, self.max_val))


class Hardshrink(_Activation):
    """x where |x| > lambd, 0 elsewhere.  x: (...) -> y: same shape."""

    settings = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.hardshrink(input, self.lambd)


class Softshrink(_Activation):
    """x moved by lambd towards 0.  x: (...) -> y: same shape."""

    settings = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.softshrink(input, self.lambd)


class Softplus(_Activation):
    """log(1 + exp(beta·x)) / beta; x itself where beta·x > threshold.  x: (...) -> y: same."""

    settings = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.softplus(input, self.beta, self.threshold)


class Threshold(_Activation):
    """x where x > threshold, ``value`` elsewhere.  x: (...) -> y: same shape."""

    settings = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.threshold(input, self.threshold, self.value))


class PReLU(_Activation):
    """A leaky ReLU whose slope is learnt: K. He and others, ICCV 2015.

    x: (batch, channels, ...) -> y: same shape; one slope, or one for each channel.
    """

    settings = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        check_sizes(self, num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = init
        self.weight = new_parameter((num_parameters,), device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The slope it starts from."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, ...) -> y: same shape."""
        return F.prelu(input, self.weight)


class GLU(_Activation):
    """a · sigmoid(b), a and b the halves of x: Y. Dauphin and others, ICML 2017.

    x: (..., 2n, ...) -> y: (..., n, ...) along ``dim``.
    """

    settings = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., 2n, ...) -> y: (..., n, ...)."""
        return F.glu(input, self.dim)


class _AlongDim(_Activation):
    """What the softmax family shares: the axis."""

    settings = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_AlongDim):
    """exp(x) scaled to sum 1 along ``dim``.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of softmax along ``dim``, without overflow.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """softmax(-x) along ``dim``.  x: (...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return F.softmin(input, self.dim)


class Softmax2d(_Activation):
    """softmax over the channels of pictures.  x: (batch, channels, h, w) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) or without the batch axis -> y: same shape."""
        return F.softmax(input, -3)
