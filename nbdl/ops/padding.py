"""A border around a tensor: what ``pad`` and the gradients of slices are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops.families import Movement
from nbdl.shapes import Spec


@dataclass(frozen=True)
class Pad(Movement):
    """A border of one number; negative widths cut off."""

    widths: tuple[tuple[int, int], ...]
    value: Any = 0
    onnx = "Pad"

    def forward(self, xp: Any, x: Any) -> Any:
        y = xp.full(self.infer(Spec(x.shape, x.dtype)).shape, self.value, x.dtype)
        inside, source = [], []
        for (before, after), n in zip(self.widths, x.shape, strict=True):
            end = n + min(after, 0)
            source.append(slice(max(-before, 0), end))
            start = max(before, 0)
            inside.append(slice(start, start + max(end - max(-before, 0), 0)))
        y[tuple(inside)] = x[tuple(source)]
        return y

    def infer(self, x: Spec) -> Spec:
        shape = tuple(n + a + b for n, (a, b) in zip(x.shape, self.widths, strict=True))
        if any(n < 0 for n in shape):
            raise ShapeError(
                f"pad: widths {self.widths} cut more from shape {x.shape} than there is"
            )
        return Spec(shape, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Pad(tuple((-a, -b) for a, b in self.widths))(dy)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Tensor:
        return Pad(((0, 0), *self.widths), self.value)(*inputs)
