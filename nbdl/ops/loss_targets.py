"""Class numbers as the targets of losses: what they pick out, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError, IndexRangeError, ShapeError
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.comparison import equal
from nbdl.ops.conversion import cast, widened
from nbdl.ops.families import Indexing, require_float
from nbdl.ops.logic import logical_and
from nbdl.ops.movement import reshape
from nbdl.ops.ranges import arange
from nbdl.ops.selection import where
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


def by_class(target: Tensor) -> Tensor:
    """Class numbers as int64, with an axis of size 1 where the classes are in the input."""
    shape = (*target.shape[:1], 1, *target.shape[1:])
    return reshape(cast(target, dtypes.int64), shape)


def along_classes(x: Tensor, ndim: int) -> Tensor:
    """(classes,) so that it broadcasts to an input with ``ndim`` axes."""
    return reshape(x, x.shape if ndim < 2 else (1, -1, *(1,) * (ndim - 2)))


def is_class(numbers: Tensor, classes: int) -> Tensor:
    """For each class whether it is the one of ``numbers``, which ``by_class`` gave."""
    every = arange(classes, device=numbers.device)
    return equal(along_classes(every, numbers.ndim), numbers)


def _counted(numbers: Tensor, classes: int, ignore_index: int) -> Tensor:
    """``is_class``, but never for numbers that are ``ignore_index``."""
    mine = is_class(numbers, classes)
    inside = 0 <= ignore_index < classes  # otherwise it is no class anyway
    return logical_and(mine, numbers != ignore_index) if inside else mine


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

    def decompose(self, target: Tensor, *weight: Tensor) -> Tensor:
        numbers, wider = by_class(target), dtypes.accumulator(self.dtype)
        shares = cast(is_class(numbers, self.classes), wider) * (1 - self.smoothing)
        shares = shares + self.smoothing / self.classes
        for w in weight:
            shares = shares * along_classes(widened(w), numbers.ndim)
        return cast(shares * cast(numbers != self.ignore_index, wider), self.dtype)

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

    def decompose(self, target: Tensor, *weight: Tensor) -> Tensor:
        valid = cast(target != self.ignore_index, self.dtype)
        if not weight:
            return valid
        numbers = by_class(target)
        each = along_classes(weight[0], numbers.ndim)
        found = where(is_class(numbers, each.size), each, 0)
        return reshape(total(found, class_axis(numbers)), target.shape) * valid

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

    def decompose(self, x: Tensor, target: Tensor) -> Tensor:
        axis = class_axis(x)
        mine = _counted(by_class(target), x.shape[axis], self.ignore_index)
        return total(where(mine, x, 0), axis)

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

    def decompose(self, dy: Tensor, target: Tensor) -> Tensor:
        numbers = by_class(target)
        mine = _counted(numbers, self.shape[class_axis(numbers)], self.ignore_index)
        return where(mine, reshape(dy, numbers.shape), 0)

    def infer(self, dy: Spec, target: Spec) -> Spec:
        return Spec(self.shape, dy.dtype)

    def grad(self, ddx: Tensor, dx: Tensor, dy: Tensor, target: Tensor) -> tuple[Any, ...]:
        return PickClass(self.ignore_index)(ddx, target), None


# ----- what fits ------------------------------------------------------------------------------


def check_classes(loss: str, x: Spec, target: Spec, weight: tuple[Spec, ...]) -> None:
    """Shapes and dtypes of logits, class numbers and class weights."""
    require_float(loss, "input", x.dtype)
    if not x.ndim:
        raise ShapeError(f"{loss} got an input without axes; it is (batch, classes, ...)")
    expected = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if target.shape != expected:
        hint = "target holds one class number for each sample"
        if target.shape == (*expected, 1) or (target.ndim == 2 and target.shape[1] == 1):
            hint = "target.squeeze(1) takes away its last axis of size 1"
        elif target.shape == x.shape:
            hint = "a one-hot target must be floats (probabilities); class numbers: argmax(target)"
        raise ShapeError(
            f"{loss} got input of shape {x.shape} and target of shape {target.shape}; expected "
            f"target of shape {expected}",
            hint=hint,
        )
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if weight and weight[0].shape != (classes,):
        raise ShapeError(
            f"{loss} got weight of shape {weight[0].shape}, expected ({classes},): one for each "
            f"class of input {x.shape}"
        )


def check_numbers(loss: str, x: Tensor, target: Tensor, ignore_index: int) -> None:
    """Raise IndexRangeError for the first class number that is out of range."""
    t = target.value
    if not backends.has_data(t) or not t.size:
        return
    classes = x.shape[class_axis(x)]
    if int(t.min()) >= 0 and int(t.max()) < classes:
        return
    host = backends.to_numpy(t)
    wrong = np.argwhere((host != ignore_index) & ((host < 0) | (host >= classes)))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        at = f"target[{', '.join(map(str, place))}]" if place else "target"
        raise IndexRangeError(
            f"{loss}: {at} is {host[place]}, but input {x.shape} has {classes} classes: class "
            f"numbers are 0 to {classes - 1} (or ignore_index={ignore_index})",
            hint=f"count classes from 0, or give the last layer {int(host.max()) + 1} outputs"
            if host.max() >= classes else "class numbers cannot be negative",
        )


def check_integers(loss: str, x: Tensor, target: Tensor) -> None:
    """Raise DtypeError unless class numbers are integers."""
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{loss} got a target of dtype {target.dtype} and shape {target.shape}; class "
            "numbers are integers",
            hint="target.to('int64')"
            + (f", or probabilities of shape {x.shape}" if loss == "cross_entropy" else ""),
        )
