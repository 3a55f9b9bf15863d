"""Reshaping, transposing, joining and padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.conversion import astensor
from nbdl.ops.families import Movement
from nbdl.shapes import Shape, Spec, normalize_axis, reshaped


@dataclass(frozen=True)
class Reshape(Movement):
    """The same elements, in order, with other sizes."""

    shape: Shape
    onnx = "Reshape"

    def forward(self, xp: Any, x: Any) -> Any:
        return x.reshape(self.shape)

    def infer(self, x: Spec) -> Spec:
        return Spec(reshaped(x.shape, self.shape), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return reshape(dy, x.shape)


@dataclass(frozen=True)
class PermuteDims(Movement):
    """The axes in another order."""

    axes: tuple[int, ...]
    onnx = "Transpose"

    def forward(self, xp: Any, x: Any) -> Any:
        return x.transpose(self.axes)

    def infer(self, x: Spec) -> Spec:
        return Spec(tuple(x.shape[a] for a in self.axes), x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return permute_dims(dy, tuple(self.axes.index(i) for i in range(len(self.axes))))


def reshape(x: Any, /, shape: int | Sequence[int], *, copy: bool | None = None) -> Tensor:
    """The same elements, in order, with other sizes; one may be -1.

    x: (...) -> y: ``shape``. Raises ShapeError when the number of elements would change.
    """
    x = astensor(x)
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    return Reshape(reshaped(x.shape, wanted))(x)


def permute_dims(x: Any, /, axes: Sequence[int]) -> Tensor:
    """The axes in the order ``axes``.  x: (A, B, C), axes (2, 0, 1) -> y: (C, A, B)."""
    x = astensor(x)
    order = tuple(normalize_axis(a, x.ndim, "axes") for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(f"axes={tuple(axes)} must name each of the {x.ndim} axes once")
    return PermuteDims(order)(x)
