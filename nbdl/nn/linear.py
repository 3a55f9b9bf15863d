"""Layers that are matrix products."""

from __future__ import annotations

import math
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_axes, needs_floats
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.nn.sizes import check_input_size, check_sizes


class Identity(Module):
    """Returns its input; takes and ignores any arguments, so it can stand for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """input: anything -> y: x."""
        return input


class Linear(Inferred):
    """An affine map of the last axis: y = x Wᵀ + b.

    x: (..., in_features) -> y: (..., out_features).

    Args:
        in_features: size of the last axis of the input; None: found at the first call.
        out_features: size of the last axis of the output.
        bias: whether b is added.
        device: where the parameters live.
        dtype: their dtype, default float32.

    ``weight`` (out_features, in_features) and ``bias`` (out_features) start uniform in
    ±1/√in_features.
    """

    weight: Any
    bias: Any

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_input_size(self, in_features=in_features)
        check_sizes(self, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self._start(in_features is not None, device, dtype, weight=True, bias=bias)

    def infer_sizes(self, input: Tensor) -> None:
        """The last size of ``input``."""
        self.in_features = needs_axes(self, input, 1, "(..., in_features)")[-1]

    def make_parameters(self) -> None:
        """Weight and bias."""
        self.weight = self._new_parameter((self.out_features, self.in_features or 0))
        if self.bias is not None:
            self.bias = self._new_parameter((self.out_features,))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., in_features) -> y: (..., out_features)."""
        needs_floats(self, input)
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """A bilinear map of two inputs: y = x₁ᵀ W x₂ + b, one W for each output.

    x1: (..., in1_features), x2: (..., in2_features) -> y: (..., out_features).

    ``weight`` (out, in1, in2) and ``bias`` (out) start uniform in ±1/√in1_features.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes(
            self, in1_features=in1_features, in2_features=in2_features, out_features=out_features
        )
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        place = {"device": device, "dtype": dtype}
        self.weight = new_parameter((out_features, in1_features, in2_features), **place)
        self.bias = new_parameter((out_features,), **place) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """input1: (..., in1_features), input2: (..., in2_features) -> y: (..., out_features)."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
