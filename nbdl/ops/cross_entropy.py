"""Losses of classes: cross-entropy and the negative log-likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nbdl import backends, dtypes
from nbdl.core.mistakes import made_by, tell
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, unknown
from nbdl.ops.arithmetic import exp, log
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, cast, floats, widened
from nbdl.ops.loss_targets import (
    ClassShares,
    ClassWeights,
    PickClass,
    along_classes,
    by_class,
    check_classes,
    check_integers,
    check_numbers,
    class_axis,
    class_rows,
    is_class,
    rows_back,
)
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import kept, wide
from nbdl.ops.reduction import max as largest
from nbdl.ops.replay import replay
from nbdl.ops.selection import where
from nbdl.ops.softmax import log_softmax
from nbdl.ops.sums import sum_of
from nbdl.shapes import Spec

__all__ = ["cross_entropy", "nll_loss"]

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(loss: str, reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ArgumentError unless ``reduction`` is one of ``allowed``."""
    if reduction not in allowed:
        raise unknown(f"{loss} reduction", reduction, allowed)


@dataclass(frozen=True)
class CrossEntropy(Op):
    """Mean, sum or list of log Σ exp(x) - x[target]; also returns the log Σ exp of each row."""

    reduction: str
    ignore_index: int
    smoothing: float
    onnx = "SoftmaxCrossEntropyLoss"
    saves = ("y", "x", "target", "weight")
    byproducts = (1,)
    compiled_from = 8192

    def forward(self, xp: Any, x: Any, target: Any, *weight: Any) -> Any:
        rows, t = class_rows(xp, wide(x)), target.reshape(-1)
        top = rows.max(axis=1, keepdims=True, initial=-xp.inf)
        powers = xp.asarray(rows - top)
        xp.exp(powers, out=powers)
        lse = xp.log(sum_of(xp, powers, (1,))) + top[:, 0]
        valid = t != self.ignore_index
        t, share, norm = self._shares(xp, t, rows, weight)
        # An ignored sample's loss may be infinite: 0 times that would be NaN.
        loss = kept(xp, lse - rows[xp.arange(t.size), t], valid) * share
        if self.smoothing:
            loss *= 1 - self.smoothing
            loss += self._smooth(xp, rows, lse, valid, weight)
        if self.reduction == "none":
            loss = loss.reshape(target.shape)
        else:
            loss = xp.asarray(loss.sum())
            if self.reduction == "mean":
                loss = loss / norm
        return xp.asarray(loss).astype(x.dtype, copy=False), lse

    def _shares(self, xp: Any, t: Any, rows: Any, weight: Any) -> tuple[Any, Any, Any]:
        """Class numbers made safe, the weight of each sample, and the sum of the weights."""
        valid = t != self.ignore_index
        t = xp.where(valid, t, 0).astype(xp.int64)
        share = valid.astype(rows.dtype)
        if weight:
            share *= wide(weight[0])[t]
        return t, share, share.sum()

    def _smooth(self, xp: Any, rows: Any, lse: Any, valid: Any, weight: Any) -> Any:
        """The loss against all classes alike, weighted by smoothing / classes."""
        if weight:
            w = wide(weight[0])
            smooth = lse * w.sum() - rows @ w
        else:
            smooth = lse * rows.shape[1] - rows.sum(axis=1)
        return kept(xp, smooth, valid) * (self.smoothing / rows.shape[1])

    def decompose(self, x: Tensor, target: Tensor, *weight: Tensor) -> tuple[Tensor, Tensor] | None:
        axis, rows, numbers = class_axis(x), widened(x), by_class(target)
        if not x.shape[axis]:
            return None
        top = largest(rows, axis, keepdims=True)
        lse = log(total(exp(rows - top), axis, keepdims=True)) + top
        mine = is_class(numbers, x.shape[axis])
        valid, share, norm = self.shares_of(numbers, mine, rows.dtype, weight)
        loss = where(valid, lse - total(where(mine, rows, 0), axis, keepdims=True), 0) * share
        if self.smoothing:
            each = along_classes(widened(weight[0]), x.ndim) if weight else None
            pull = total(rows if each is None else rows * each, axis, keepdims=True)
            even = lse * (x.shape[axis] if each is None else total(each)) - pull
            even = where(valid, even, 0) * (self.smoothing / x.shape[axis])
            loss = loss * (1 - self.smoothing) + even
        loss = reshape(loss, target.shape) if self.reduction == "none" else total(loss)
        loss = loss / norm if self.reduction == "mean" else loss
        return cast(loss, x.dtype), reshape(lse, (target.size,))

    def shares_of(
        self, numbers: Tensor, mine: Tensor, dtype: Any, weight: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``_shares`` in operations: whether samples count, how much, and the sum of that."""
        valid = numbers != self.ignore_index
        share = cast(valid, dtype)
        for w in weight:
            each = along_classes(widened(w), numbers.ndim)
            share = share * total(where(mine, each, 0), class_axis(numbers), keepdims=True)
        return valid, share, total(share)

    def infer(self, x: Spec, target: Spec, *weight: Spec) -> tuple[Spec, Spec]:
        check_classes("cross_entropy", x, target, weight)
        shape = target.shape if self.reduction == "none" else ()
        return Spec(shape, x.dtype), Spec((target.size,), dtypes.accumulator(x.dtype))

    def grad(self, dy: Any, y: Any, x: Tensor, target: Tensor, *weight: Tensor) -> Any:
        rule = CrossEntropyGrad(self.reduction, self.ignore_index, self.smoothing)

        def through_weight() -> Tensor | None:
            return replay(lambda w: self.composition(x, target, w), weight, dy[0])[0]

        def through_x() -> Tensor:
            return rule(dy[0], y[1], x, target, *weight)

        return through_x, None, *(through_weight for _ in weight)

    def flops(self, x: Spec, target: Spec, *weight: Spec) -> int:
        return 14 * x.size

    def composition(self, x: Tensor, target: Tensor, *weight: Tensor) -> Tensor:
        """The loss in plain operations."""
        axis = class_axis(x)
        shares = ClassShares(x.shape[axis], self.ignore_index, self.smoothing, x.dtype)
        losses = -total(shares(target, *weight) * log_softmax(x, axis), axis)
        if self.reduction == "none":
            return losses
        loss = total(losses)
        if self.reduction == "sum":
            return loss
        return loss / total(ClassWeights(self.ignore_index, x.dtype)(target, *weight))


@dataclass(frozen=True)
class CrossEntropyGrad(Op):
    """softmax(x) minus the target's share, times the gradient of the loss."""

    reduction: str
    ignore_index: int
    smoothing: float
    saves = ("dy", "lse", "x", "target", "weight")
    compiled_from = 8192

    def forward(self, xp: Any, dy: Any, lse: Any, x: Any, target: Any, *weight: Any) -> Any:
        rows, t = class_rows(xp, wide(x)), target.reshape(-1)
        rule = CrossEntropy(self.reduction, self.ignore_index, self.smoothing)
        safe, share, norm = rule._shares(xp, t, rows, weight)
        norm = xp.where(norm == 0, norm + 1, norm)  # all ignored: no gradient, as PyTorch
        dy = wide(dy).reshape(-1)
        g = share * ((dy / norm if self.reduction == "mean" else dy) * (1 - self.smoothing))
        scale = g
        if self.smoothing:
            even, pull = self._even(xp, dy, norm, rows, t, weight)
            scale = g + even
        dx = xp.subtract(rows, lse[:, None], out=xp.empty_like(rows))
        xp.exp(dx, out=dx)
        dx *= scale[:, None]
        dx[xp.arange(t.size), safe] -= g
        if self.smoothing:
            dx -= pull
        return rows_back(xp, dx, x.shape).astype(x.dtype, copy=False)

    def _even(
        self, xp: Any, dy: Any, norm: Any, rows: Any, t: Any, weight: Any
    ) -> tuple[Any, Any]:
        """What smoothing adds to each row's scale, and what it takes from each class."""
        classes = rows.shape[1]
        each = (dy / norm if self.reduction == "mean" else dy) * (self.smoothing / classes)
        each = each * (t != self.ignore_index)
        if not weight:
            return each * classes, each[:, None]
        w = wide(weight[0])
        return each * w.sum(), each[:, None] * w

    def decompose(
        self, dy: Tensor, lse: Tensor, x: Tensor, target: Tensor, *weight: Tensor
    ) -> Tensor | None:
        axis, rows, numbers = class_axis(x), widened(x), by_class(target)
        classes, dy = x.shape[axis], widened(dy)
        if not classes:
            return None
        rule = CrossEntropy(self.reduction, self.ignore_index, self.smoothing)
        mine = is_class(numbers, classes)
        valid, share, norm = rule.shares_of(numbers, mine, rows.dtype, weight)
        if self.reduction == "none":
            dy = reshape(dy, numbers.shape)
        elif self.reduction == "mean":
            dy = dy / where(norm == 0, 1, norm)
        scale = pull = share * (dy * (1 - self.smoothing))
        pull = where(mine, pull, 0)
        if self.smoothing:
            each = along_classes(widened(weight[0]), x.ndim) if weight else 1
            even = where(valid, dy * (self.smoothing / classes), 0)
            scale = scale + even * (total(each) if isinstance(each, Tensor) else classes)
            pull = pull + even * each
        powers = exp(rows - reshape(lse, numbers.shape))
        return cast(powers * scale - pull, x.dtype)

    def infer(self, dy: Spec, lse: Spec, x: Spec, target: Spec, *weight: Spec) -> Spec:
        return x

    def grad(
        self, ddx: Tensor, dx: Tensor, dy: Tensor, lse: Tensor, x: Tensor, target: Tensor,
        *weight: Tensor,
    ) -> Any:  # fmt: skip
        rule = CrossEntropy(self.reduction, self.ignore_index, self.smoothing).composition

        def composition(dy: Tensor, x: Tensor, *weight: Tensor) -> Any:
            return replay(lambda x: rule(x, target, *weight), (x,), dy)[0]

        ddy, dx2, *dweight = replay(composition, (dy, x, *weight), ddx)
        return ddy, None, dx2, None, *dweight

    def flops(self, dy: Spec, lse: Spec, x: Spec, target: Spec, *weight: Spec) -> int:
        return 12 * x.size


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input) at the right class: takes logits, no softmax before it.

    input: (batch, classes, ...) or (classes,), target: class numbers (batch, ...) or
    probabilities of input's shape -> a number; with ``reduction="none"`` (batch, ...).

    Args:
        input: logits, floats.
        target: integers in 0..classes-1 (or ``ignore_index``), or float probabilities.
        weight: (classes,): how much each class counts.
        ignore_index: samples with this target count for nothing.
        reduction: "mean" (weighted by ``weight``), "sum" or "none".
        label_smoothing: share of the target that is spread over all classes, 0 to 1.

    Raises:
        IndexRangeError: a class number out of range: its place, value and what is allowed.
        ShapeError, DtypeError: input and target do not fit together.
    """
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing={label_smoothing} is not in 0..1")
    x, target = astensor(input), astensor(target)
    _expect_logits(x)
    weights = () if weight is None else (cast(astensor(weight), x.dtype),)
    if target.dtype in dtypes.FLOATS and target.shape == x.shape and x.ndim:
        return _soft_target(x, cast(target, x.dtype), weights, reduction, label_smoothing)
    check_integers("cross_entropy", x, target)
    check_classes("cross_entropy", x.spec, target.spec, tuple(w.spec for w in weights))
    check_numbers("cross_entropy", x, target, ignore_index)
    rule = CrossEntropy(reduction, ignore_index, float(label_smoothing))
    return rule(x, target, *weights)[0]


def _soft_target(
    x: Tensor, target: Tensor, weights: tuple[Tensor, ...], reduction: str, smoothing: float
) -> Tensor:
    """Cross-entropy against probabilities."""
    axis = class_axis(x)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / x.shape[axis]
    logs = log_softmax(floats(x), axis) * target
    if weights:
        shape = [1] * x.ndim
        shape[axis] = -1
        logs = logs * reshape(weights[0], shape)
    if reduction == "none":
        return -total(logs, axis)
    loss = -total(logs)
    return loss / max(x.size // x.shape[axis], 1) if reduction == "mean" else loss


def _expect_logits(x: Tensor) -> None:
    """Tell when softmax (or sigmoid) was applied before, which cross_entropy does itself."""
    made = None if x.node is None else made_by(x, "Softmax", "Sigmoid")
    if made is not None:
        tell(
            f"cross_entropy got the output of {made.op.name}, but it applies log-softmax itself: "
            "twice, the gradients fade and the loss cannot reach 0",
            f"leave the {made.op.name} out of the model; nbdl.nn.functional.softmax(output, -1) "
            "where probabilities are wanted",
            made.scope,
        )


def _expect_logarithms(x: Tensor) -> None:
    """Tell when nll_loss gets what cannot be logarithms of probabilities: they are at most 0."""
    made = None if x.node is None else made_by(x, "Softmax", "Linear", "Convolution")
    if made is not None and backends.has_data(x.value) and (x.value > 0).any():
        given = "probabilities" if made.op.title == "Softmax" else "logits"
        tell(
            f"nll_loss got {given} ({made.op.name}'s output), it takes logarithms of probabilities",
            "log_softmax as the last layer, or cross_entropy of the logits",
            made.scope,
        )


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input at the right class: takes log-probabilities (``log_softmax``).

    input: (batch, classes, ...) or (classes,), target: (batch, ...) class numbers -> a number;
    with ``reduction="none"`` (batch, ...). Arguments and errors as cross_entropy's.
    """
    check_reduction("nll_loss", reduction)
    x, target = astensor(input), astensor(target)
    weights = () if weight is None else (cast(astensor(weight), x.dtype),)
    check_integers("nll_loss", x, target)
    check_classes("nll_loss", x.spec, target.spec, tuple(w.spec for w in weights))
    check_numbers("nll_loss", x, target, ignore_index)
    _expect_logarithms(x)
    shares = ClassWeights(ignore_index, x.dtype)(target, *weights)
    losses = -(PickClass(ignore_index)(x, target) * shares)
    if reduction == "none":
        return losses
    return total(losses) / total(shares) if reduction == "mean" else total(losses)
