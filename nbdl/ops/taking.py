"""Whole slices taken along an axis by their numbers, and put back: each is the other's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.ops.batching import one_by_one
from nbdl.ops.families import Indexing
from nbdl.shapes import Spec


@dataclass(frozen=True)
class Take(Indexing):
    """Slices of x along an axis, by index."""

    axis: int
    onnx = "Gather"
    saves = ("index",)

    def forward(self, xp: Any, x: Any, index: Any) -> Any:
        return xp.take(x, index, axis=self.axis)

    def infer(self, x: Spec, index: Spec) -> Spec:
        return Spec(x.shape[: self.axis] + index.shape + x.shape[self.axis + 1 :], x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, index: Tensor) -> tuple[Any, ...]:
        return lambda: Place(self.axis, x.shape)(dy, index), None

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        if mine[1]:
            return one_by_one(self, world.count, inputs, mine)
        return Take(self.axis + 1)(*inputs)


@dataclass(frozen=True)
class Place(Indexing):
    """Zeros of ``shape`` with slices added along an axis, by index: the transpose of Take."""

    axis: int
    shape: tuple[int, ...]
    saves = ("index",)

    def forward(self, xp: Any, dy: Any, index: Any) -> Any:
        total = xp.zeros(self.shape, dtypes.accumulator(dy.dtype))
        place = (slice(None),) * self.axis + (index,)
        backends.add_at(xp, total, place, dy.astype(total.dtype, copy=False))
        return total.astype(dy.dtype, copy=False)

    def infer(self, dy: Spec, index: Spec) -> Spec:
        return Spec(self.shape, dy.dtype)

    def grad(self, dz: Tensor, z: Tensor, dy: Tensor, index: Tensor) -> tuple[Any, ...]:
        return Take(self.axis)(dz, index), None

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        if mine[1]:
            return one_by_one(self, world.count, inputs, mine)
        return Place(self.axis + 1, (world.count, *self.shape))(*inputs)
