"""Activation functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.conversion import astensor
from nbdl.ops.families import Elementwise


@dataclass(frozen=True)
class Relu(Elementwise):
    """max(x, 0)."""

    method = "relu"
    onnx = "Relu"
    kernel = "maximum(x, 0)"
    saves = ("y",)

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return ReluGrad()(dy, y)


@dataclass(frozen=True)
class ReluGrad(Elementwise):
    """dy where y is positive, else 0."""

    kernel = "where(y > 0, dy, 0)"
    saves = ("y",)

    def forward(self, xp: Any, dy: Any, y: Any) -> Any:
        return xp.multiply(dy, y > 0)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, y: Tensor) -> tuple[Any, ...]:
        return ReluGrad()(ddx, y), None


def relu(x: Any) -> Tensor:
    """The positive part, max(x, 0); the derivative at 0 is 0.  x: (...) -> y: (...)."""
    return _relu(astensor(x))


_relu = Relu()
