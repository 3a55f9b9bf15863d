"""Class numbers as the targets of losses: what they pick out, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nbdl import dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.families import Indexing
from nbdl.ops.movement import reshape
from nbdl.shapes import Spec


def class_rows(xp: ModuleType, x: Any) -> Any:
    """(batch, classes, ...) as (rows, classes); (classes,) as one row."""
    if x.ndim > 2:
        x = xp.moveaxis(x, 1, -1)
    return x.reshape(-1, x.shape[-1])


def rows_back(xp: ModuleType, rows: Any, shape: tuple[int, ...]) -> Any:
    """The way back from ``class_rows``."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    return xp.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def class_axis(x: Any) -> int:
    """Where the classes are in (batch, classes, ...) or (classes,)."""
    return 1 if x.ndim > 1 else 0


def _sum_of_classes(x: Tensor) -> Tensor:
    """The sum over all axes but that of the classes."""
    return total(x, tuple(a for a in range(x.ndim) if a != class_axis(x)))


@dataclass(frozen=True)
class ClassShares(Op):
    """How much each class counts for each sample: a weighted, smoothed one-hot of the target.

    Samples whose target is ``ignore_index`` get zeros.
    """

    classes: int
    ignore_index: int
    smoothing: float
    dtype: Any
    saves = ("target",)

    def forward(self, xp: Any, target: Any, *weight: Any) -> Any:
        t = target.reshape(-1)
        valid = t != self.ignore_index
        t = xp.where(valid, t, 0).astype(xp.int64)
        shares = xp.zeros((t.size, self.classes), dtypes.accumulator(self.dtype))
        shares += self.smoothing / self.classes
        shares[xp.arange(t.size), t] += 1 - self.smoothing
        if weight:
            shares *= weight[0]
        shares *= valid[:, None]
        shape = (*target.shape[:1], self.classes, *target.shape[1:])
        return rows_back(xp, shares, shape).astype(self.dtype, copy=False)

    def infer(self, target: Spec, *weight: Spec) -> Spec:
        return Spec((*target.shape[:1], self.classes, *target.shape[1:]), self.dtype)

    def grad(self, dy: Tensor, y: Tensor, target: Tensor, *weight: Tensor) -> tuple[Any, ...]:
        return None, *(lambda: _sum_of_classes(dy * self(target)) for _ in weight)

    def flops(self, target: Spec, *weight: Spec) -> int:
        return 2 * target.size * self.classes


@dataclass(frozen=True)
class ClassWeights(Op):
    """The weight of each sample's class, 0 where the target is ``ignore_index``."""

    ignore_index: int
    dtype: Any
    saves = ("target",)

    def forward(self, xp: Any, target: Any, *weight: Any) -> Any:
        valid = target != self.ignore_index
        if not weight:
            return valid.astype(self.dtype)
        return weight[0][xp.where(valid, target, 0)] * valid.astype(self.dtype)

    def infer(self, target: Spec, *weight: Spec) -> Spec:
        return Spec(target.shape, self.dtype)

    def grad(self, dy: Tensor, y: Tensor, target: Tensor, *weight: Tensor) -> tuple[Any, ...]:
        def through_weight() -> Tensor:
            shares = ClassShares(weight[0].shape[0], self.ignore_index, 0.0, self.dtype)(target)
            each = reshape(dy, (*dy.shape[:1], 1, *dy.shape[1:])) if dy.ndim else dy
            return _sum_of_classes(shares * each)

        return None, *(through_weight for _ in weight)

    def flops(self, target: Spec, *weight: Spec) -> int:
        return target.size


@dataclass(frozen=True)
class PickClass(Indexing):
    """x at the target's class along the class axis; 0 where the target is ``ignore_index``."""

    ignore_index: int
    saves = ("target",)

    def forward(self, xp: Any, x: Any, target: Any) -> Any:
        valid = target != self.ignore_index
        t = xp.expand_dims(xp.where(valid, target, 0).astype(xp.int64), class_axis(x))
        picked = xp.take_along_axis(x, t, axis=class_axis(x)).reshape(target.shape)
        return xp.where(valid, picked, x.dtype.type(0))

    def infer(self, x: Spec, target: Spec) -> Spec:
        return Spec(target.shape, x.dtype)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, target: Tensor) -> tuple[Any, ...]:
        return PlaceClass(x.shape, self.ignore_index)(dy, target), None


@dataclass(frozen=True)
class PlaceClass(Indexing):
    """Zeros with dy at the target's class: the transpose of PickClass."""

    shape: tuple[int, ...]
    ignore_index: int
    saves = ("target",)

    def forward(self, xp: Any, dy: Any, target: Any) -> Any:
        valid = target != self.ignore_index
        axis = 1 if len(self.shape) > 1 else 0
        t = xp.expand_dims(xp.where(valid, target, 0).astype(xp.int64), axis)
        dx = xp.zeros(self.shape, dy.dtype)
        kept = xp.where(valid, dy, dy.dtype.type(0))
        xp.put_along_axis(dx, t, xp.expand_dims(kept, axis), axis=axis)
        return dx

    def infer(self, dy: Spec, target: Spec) -> Spec:
        return Spec(self.shape, dy.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, target: Tensor) -> tuple[Any, ...]:
        return PickClass(self.ignore_index)(ddx, target), None
